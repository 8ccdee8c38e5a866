"""The command `refbus`: one file for each group, loaded when it is used, so that a short command starts fast."""

from refbus_gateway.cli.main import main

__all__ = ["main"]
