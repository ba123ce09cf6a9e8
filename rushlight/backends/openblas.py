"""NumPy's OpenBLAS: how long its threads look for more work before they sleep. To be imported before NumPy, which reads it once.

By default they do so for a tenth of a second after each product that they share, in the way of the threads that run everything else: with two
cores an LSTM wrote its first hundred characters in twice the time where a product of middle size had come before.
"""
from __future__ import annotations

import os

#: the power of two of the processor's clock ticks for which they look: 2^22 are one to two milliseconds
TIMEOUT = "22"

# What the program's environment says goes first. Where NumPy was there before, nothing changes.
os.environ.setdefault("OPENBLAS_THREAD_TIMEOUT", TIMEOUT)
