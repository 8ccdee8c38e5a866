"""A gate that does not notice that its store is a copy, as ours did not: run in the place of it, it must be found out.

`python -m chaos.unaware MODULE [ARGUMENTS]`.
"""

from __future__ import annotations

import sys

import refbus_gate.gate
from chaos.sabotage import run_module


def be_unaware() -> None:
    """Take the look away by which a store finds out."""
    refbus_gate.gate.recognise = lambda *_: False


if __name__ == "__main__":
    be_unaware()
    run_module(sys.argv[1:])
