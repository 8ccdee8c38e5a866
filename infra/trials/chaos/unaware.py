"""A gate that does not notice that its store is a copy, as ours did not: run in the place of it, it must be found out.

`python -m chaos.unaware MODULE [ARGUMENTS]`.
"""

from __future__ import annotations

import sys

from chaos.sabotage import run_module
from refbus_gate import gate


def be_unaware() -> None:
    """Take the look away by which a store finds out."""
    vars(gate)["recognise"] = lambda *_: False


if __name__ == "__main__":
    be_unaware()
    run_module(sys.argv[1:])
