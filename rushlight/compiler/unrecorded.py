"""Unrecorded: why a call cannot be recorded."""


class Unrecorded(Exception):
    """The call cannot be recorded; the text says what in it is the reason."""
