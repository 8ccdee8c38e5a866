"""What every command shares that checks something offline: the policy file, and how far a clock may be off."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from refbus.clock import CLOCK_SKEW_MS

if TYPE_CHECKING:
    from refbus.verify import Policy
    from refbus_gateway.cli.session import Session

_SKEW_S: Final = CLOCK_SKEW_MS // 1000
"""A cosignature may be so far ahead of this computer's clock, in seconds."""
POLICY = click.option(
    "--policy", "policy_file", type=click.Path(path_type=Path), required=True, help="Trust policy of the country's log."
)
"""The option of every command that checks something offline."""


def read_policy(path: Path) -> Policy:
    """Return the trust policy in a file. Raises SetupError FILE_UNREADABLE, MalformedError, UntrustedError."""
    from refbus import verify  # late: the help needs none of it
    from refbus.files import read_limited

    return verify.read_policy(read_limited(path, verify.MOST_POLICY_BYTES))


def now_s(session: Session) -> int:
    """Return the last moment, in seconds since the epoch, that a cosignature may be of."""
    return session.clock() // 1000 + _SKEW_S
