"""The command `rushlight generate`: text from a character model."""
from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator

from rushlight.random import manual_seed, seed

from .char_lstm import PRETRAINED, pretrained_char_lstm


def text(prompt: str, length: int, temperature: float = 0.6, top_k: int = 0, model: str = PRETRAINED) -> Iterator[str]:
    """Yields `length` characters that follow the prompt, which begins a line; characters of it that the model does not know are skipped.

    model: a file that `examples/char_lstm.py` saved, by default the one in this package, which has read Python's standard library.
    """
    writer, characters = pretrained_char_lstm(model)
    codes = [characters.index(c) for c in "\n" + prompt if c in characters] or [0]
    return (characters[code] for code in writer.generate(codes, length, temperature, top_k))


def arguments(given: list[str]) -> argparse.Namespace:
    """What the command line says."""
    parse = argparse.ArgumentParser(prog="rushlight generate", description="Write text with a character LSTM; the one that comes with "
                                    "Rushlight has read the sources of Python's standard library.")
    parse.add_argument("prompt", nargs="?", default="def ", help="what the text begins with (%(default)r)")
    parse.add_argument("-n", "--number", type=int, default=500, metavar="N", help="characters to write (%(default)s)")
    parse.add_argument("--temperature", type=float, default=0.6, metavar="T", help="above 1: wilder; below: tamer; 0: always the likeliest "
                       "character (%(default)s)")
    parse.add_argument("--top-k", type=int, default=0, metavar="K", help="draw from the K likeliest characters alone")
    parse.add_argument("--seed", type=int, help="the same seed writes the same text; without it, another one each time")
    parse.add_argument("--model", default=PRETRAINED, metavar="FILE", help="a model that examples/char_lstm.py saved")
    found = parse.parse_args(given)
    if found.number < 0 or found.top_k < 0 or not found.temperature >= 0:  # so is not-a-number refused too
        parse.error("--number, --temperature and --top-k are not negative")
    if not -2**63 <= (found.seed or 0) < 2**64:
        parse.error("--seed has at most 64 bits")
    return found


def main(given: list[str]) -> int:
    """`rushlight generate`: 1 if the file is no character model."""
    from pickle import UnpicklingError
    wanted = arguments(given)
    if wanted.seed is None:
        seed()
    else:
        manual_seed(wanted.seed)
    try:
        written = text(wanted.prompt, wanted.number, wanted.temperature, wanted.top_k, wanted.model)
    except (OSError, RuntimeError, UnpicklingError) as error:
        print(f"{wanted.model}: {error}", file=sys.stderr)
    except (KeyError, TypeError):
        print(f"{wanted.model}: not a model that examples/char_lstm.py saved", file=sys.stderr)
    else:
        show(wanted.prompt, written)
        return 0
    return 1


def show(prompt: str, written: Iterator[str]) -> None:
    """Prints a text as it is written; Ctrl-C, or a reader that has had enough, ends it."""
    watched = sys.stdout.isatty()
    try:
        print(prompt, end="", flush=watched)
        for c in written:
            print(c, end="", flush=watched)
        print(flush=True)
    except KeyboardInterrupt:
        print()
    except BrokenPipeError:
        # Python flushes stdout once more at its end, and would complain again.
        import os
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
