"""A service that takes an emptied store for a new one, as ours did: run in the place of it, it must be found out.

`python -m chaos.unmarked MODULE [ARGUMENTS]`.
"""

from __future__ import annotations

import sys

from chaos.sabotage import run_module
from refbus.database import identity


def be_unmarked() -> None:
    """Take the look away by which a home knows its database."""
    identity.require = lambda *_: None
    identity.claim = lambda *_: 0
    identity.note = lambda *_: None


if __name__ == "__main__":
    be_unmarked()
    run_module(sys.argv[1:])
