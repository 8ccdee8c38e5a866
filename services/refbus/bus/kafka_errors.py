"""What the names of Kafka's errors mean for us: is the outcome unknown, was it refused, is a person needed."""

from __future__ import annotations

import logging
import time
from typing import Protocol

from refbus.errors import Code, RefbusError, SetupError, TransportError

_CODES = {
    "_AUTO_OFFSET_RESET": Code.LOG_TRUNCATED,
    "OFFSET_OUT_OF_RANGE": Code.LOG_TRUNCATED,
    "UNKNOWN_TOPIC_OR_PART": Code.TOPIC_MISSING,
    "_UNKNOWN_TOPIC": Code.TOPIC_MISSING,
    "_UNKNOWN_PARTITION": Code.TOPIC_MISSING,
    "UNKNOWN_TOPIC_ID": Code.TOPIC_MISSING,
}

# The broker did not answer, so nothing is known of what was asked.
_SILENT = frozenset(
    {
        "_TRANSPORT",
        "_ALL_BROKERS_DOWN",
        "_TIMED_OUT",
        "_MSG_TIMED_OUT",
        "_TIMED_OUT_QUEUE",
        "_RESOLVE",
        "_PURGE_QUEUE",
        "_PURGE_INFLIGHT",
        "_QUEUE_FULL",
        "_WAIT_COORD",
        "_FATAL",
        "_DESTROY",
        "REQUEST_TIMED_OUT",
        "NETWORK_EXCEPTION",
        "LEADER_NOT_AVAILABLE",
        "NOT_LEADER_FOR_PARTITION",
        "BROKER_NOT_AVAILABLE",
        "COORDINATOR_LOAD_IN_PROGRESS",
        "COORDINATOR_NOT_AVAILABLE",
        "NOT_COORDINATOR",
        "NOT_ENOUGH_REPLICAS_AFTER_APPEND",
    }
)

PASSING = frozenset(
    {
        "COORDINATOR_LOAD_IN_PROGRESS",
        "COORDINATOR_NOT_AVAILABLE",
        "NOT_COORDINATOR",
        "NON_EMPTY_GROUP",
        "UNKNOWN_MEMBER_ID",
        "ILLEGAL_GENERATION",
        "REBALANCE_IN_PROGRESS",
    }
)
"""What a group's coordinator says for some seconds: it is only just there, or still counts a dead member."""


UNREADABLE = frozenset(
    {
        "_BAD_MSG",
        "_BAD_COMPRESSION",
        "_NOT_IMPLEMENTED",
        "_UNDERFLOW",
        "_UNSUPPORTED_FEATURE",
        "INVALID_MSG",
        "INVALID_MSG_SIZE",
        "INVALID_RECORD",
        "UNSUPPORTED_COMPRESSION_TYPE",
        "UNSUPPORTED_FOR_MESSAGE_FORMAT",
    }
)
"""What the client says of a batch that it cannot read."""


def error_named(name: str, *, fatal: bool = False) -> RefbusError:
    """Translate an error by the client's own name of it, which is also the detail; its text is never carried.

    Returns SetupError LOG_TRUNCATED, TransportError TOPIC_MISSING, BROKER_UNREACHABLE (outcome open) or BROKER_REFUSED.
    """
    code = _CODES.get(name)
    if code is Code.LOG_TRUNCATED:
        return SetupError(code, name)
    if code is not None:
        return TransportError(code, name)
    return TransportError(Code.BROKER_UNREACHABLE if fatal or name in _SILENT else Code.BROKER_REFUSED, name)


class Failure(Protocol):
    """An error object of the client, as far as it is used."""

    def name(self) -> str:
        """Return its constant name."""
        ...

    def fatal(self) -> bool:
        """Whether the client is of no use any more."""
        ...


def error_of(failure: Failure) -> RefbusError:
    """Translate an error object of the client; see `error_named`."""
    return error_named(failure.name(), fatal=failure.fatal())


def answer_error(failure: Failure) -> RefbusError:
    """Like `error_of`, but to be told that a topic is missing is an answer: SetupError, not to be asked again."""
    error = error_of(failure)
    return SetupError(Code.TOPIC_MISSING) if error.code is Code.TOPIC_MISSING else error


class Troubles:
    """Logs names of a connection's errors, each at most once in `QUIET_S` seconds; a broker may be away for days."""

    QUIET_S = 60.0

    def __init__(self, log: logging.Logger) -> None:
        self._log = log
        self._told: dict[str, float] = {}

    def __call__(self, failure: Failure) -> None:
        """Take one error, as the client's `error_cb` does."""
        name, now = failure.name(), time.monotonic()
        if now - self._told.get(name, -self.QUIET_S) >= self.QUIET_S:
            self._told[name] = now
            self._log.warning("broker connection: %s", name)
