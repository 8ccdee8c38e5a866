"""Who works with the stores of a service on a database server: one process leads, others may stand by.

    lock    an advisory lock of the leader's session: gone in the moment in which the process is killed
    lease   the leader says something in that session every RENEW_S; a standby ends the sessions of one that has been
            silent for LEASE_S by the server's clock, as a frozen process or a machine without network is
    fence   each store has a random number, the epoch, another one at every start of a leader; each transaction that
            writes begins by finding its own epoch there, and holds that row until its end (`refbus.database.server`)

Lock and lease decide when somebody else begins. That nobody else writes then is the fence's doing alone: whoever was
taken for dead and wakes up finds another epoch, and ends (STORE_TAKEN_OVER). See docs/adr/0088-a-lead-and-a-fence.md.
"""

from __future__ import annotations

import hashlib
import logging
import secrets
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

import psycopg

from refbus.clock import steady_ms
from refbus.database.address import Schema, Server
from refbus.database.failures import as_store_errors
from refbus.errors import Code, SetupError, StoreError
from refbus.said import said

_log = logging.getLogger("refbus.database.lead")
RENEW_S: Final = 2.0
LEASE_S: Final = 8.0
_OLDEST: Final = 140_000
_WANTED: Final = {
    "fsync": ("on",),
    "full_page_writes": ("on",),
    "synchronous_commit": ("on", "remote_apply"),
    "track_activities": ("on",),
    "server_encoding": ("UTF8",),
    "collation": ("C",),
}
"""Settings of a server without which a commit could be lost, a silent leader overlooked, or rows sorted otherwise."""
_STANDING: Final = """SELECT name, setting FROM pg_settings WHERE name = ANY(%s)
    UNION ALL SELECT 'collation', CASE string_agg(x, '' ORDER BY x) WHEN '-B_a' THEN 'C' ELSE 'other' END
        FROM (VALUES ('a'), ('B'), ('-'), ('_')) AS of_each (x)"""
_HOLDER: Final = """SELECT a.application_name,
        coalesce(extract(epoch FROM clock_timestamp() - a.state_change), 0)::float8 AS silent_s
    FROM pg_locks l JOIN pg_stat_activity a USING (pid)
    WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
      AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
      AND (l.classid::bigint << 32) | l.objid::bigint = %s"""
_END: Final = """SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
    WHERE application_name = %s AND usename = current_user AND datname = current_database()"""


class Lead:
    """A connection that leads, or stands by to. `on_loss` is told, from another thread, when the lead was lost."""

    def __init__(self, server: Server, service: str) -> None:
        """Connect and look whether the server is set as it must be; nothing is led yet.

        Raises StoreError STORE_UNREACHABLE; SetupError UNSAFE_SETTING.
        """
        self.called = f"refbus {service} {secrets.token_hex(8)}"
        self.on_loss: Callable[[str], object] = lambda _why: None
        self._server, self._service = server, service
        self._number = int.from_bytes(hashlib.sha256(f"refbus lead {service}".encode()).digest()[:8], signed=True)
        self._renewed_ms: int | None = None
        self._stop = threading.Event()
        with as_store_errors():
            self._raw = server.connect(called=self.called, statement_timeout="5s")
        try:
            with as_store_errors():
                _require_safe(self._raw)
        except BaseException:
            self._raw.close()
            raise

    @classmethod
    def take(cls, server: Server, service: str) -> Lead:
        """Return the lead. Raises SetupError HOME_IN_USE when another process has it; StoreError."""
        lead = cls(server, service)
        if not lead.try_take():
            lead.close()
            raise SetupError(Code.HOME_IN_USE, service)
        return lead

    def try_take(self) -> bool:
        """Take the lead if it is free; a leader that is silent for too long is ended first. Raises StoreError."""
        with as_store_errors():
            asked_ms = steady_ms()
            if self._raw.execute("SELECT pg_try_advisory_lock(%s)", [self._number]).fetchone() == (True,):
                self._renewed_ms = asked_ms
                threading.Thread(target=self._renew, name=f"lead-{self._service}", daemon=True).start()
                return True
            for called, silent_s in self._raw.execute(_HOLDER, [self._number]).fetchall():
                if silent_s > LEASE_S:
                    _log.critical("the leader of %s is silent for %.1f s: its sessions are ended", called, silent_s)
                    self._raw.execute(_END, [called])
        return False

    def require(self) -> None:
        """Raise StoreError STORE_TAKEN_OVER unless this process led a moment ago: what it read may be old."""
        if self._renewed_ms is None or steady_ms() - self._renewed_ms > LEASE_S * 1000:
            raise StoreError(Code.STORE_TAKEN_OVER, self._service)

    def schema(self, name: str) -> Schema:
        """Return a schema that this lead may write."""
        return self._server.schema(name, self)

    def close(self) -> None:
        """Give the lead up: a standby begins at once."""
        self._stop.set()
        self._renewed_ms = None
        with suppress(psycopg.Error):
            self._raw.execute("SELECT pg_advisory_unlock_all()")  # the end of a session is noticed a moment later
        self._raw.close()

    def _renew(self) -> None:
        while not self._stop.wait(RENEW_S):
            asked_ms = steady_ms()
            try:
                self._raw.execute("SELECT 1")
            except psycopg.Error as error:
                self._renewed_ms = None
                if not self._stop.is_set():
                    self.on_loss(f"{Code.STORE_TAKEN_OVER}: the lead is lost: {error.sqlstate or type(error).__name__}")
                return
            self._renewed_ms = asked_ms


def _require_safe(raw: psycopg.Connection[Any]) -> None:
    if raw.info.server_version < _OLDEST:
        form = said("%(name)s must be: %(form)s", name="server_version", form=">= 14")
        raise SetupError(Code.UNSAFE_SETTING, form)
    found: dict[str, str] = dict(raw.execute(_STANDING, [list(_WANTED)]).fetchall())
    for name, accepted in _WANTED.items():
        if found.get(name) not in accepted:
            form = said("%(name)s must be: %(form)s", name=name, form=accepted[0])
            raise SetupError(Code.UNSAFE_SETTING, form)
