"""`python -m tools.offline CMD...`: runs a command where there is no network but loopback, if that is allowed.

Linux gives a process its own network when it asks for a user namespace (`unshare`). Where that is forbidden the command
runs as it is, and it is said aloud.
"""

from __future__ import annotations

import fcntl
import os
import socket
import struct
import subprocess
import sys
from collections.abc import Sequence

_UNSHARE = ("unshare", "--user", "--map-current-user", "--keep-caps", "--net")
_INSIDE = "--inside"
_OWN = (sys.executable, __file__, _INSIDE)
_SIOCSIFFLAGS = 0x8914
_IFF_UP = 1


def main(arguments: Sequence[str]) -> int:
    """Run the command; return its exit status."""
    if arguments[0] == _INSIDE:
        raise_loopback()
        os.execvp(arguments[1], list(arguments[1:]))  # noqa: S606 - the command is the caller's own
    if is_allowed():
        return subprocess.call([*_UNSHARE, *_OWN, *arguments])
    print("offline: this machine allows no network of one's own; the command could reach the network", flush=True)
    return subprocess.call(list(arguments))


def is_allowed() -> bool:
    """Whether a process may leave the network behind and still have its loopback device."""
    try:
        return subprocess.run([*_UNSHARE, *_OWN, "true"], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def raise_loopback() -> None:
    """Switch the loopback device on: a new network has it switched off. Raises OSError."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
        fcntl.ioctl(asked, _SIOCSIFFLAGS, struct.pack("16sh", b"lo", _IFF_UP) + bytes(22))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
