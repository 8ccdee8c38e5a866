"""The PostgreSQL server of tests and trials: what is left of one that was killed."""

from __future__ import annotations

import os
import signal
from contextlib import closing

from kafka.processes import is_running
from postgresql import PostgresServer


def test_no_process_of_a_killed_server_is_left(postgres: PostgresServer) -> None:
    """Also none that hears nothing: whoever started the server again would work beside it in the same files."""
    database = postgres.new_database()
    with closing(postgres.address(database).connect(called="test")) as raw:
        pid = raw.info.backend_pid
        os.kill(pid, signal.SIGSTOP)
        try:
            postgres.kill()
            assert not is_running(pid, "postgres")
        finally:
            if is_running(pid, "postgres"):
                os.kill(pid, signal.SIGKILL)
            postgres.start()
    postgres.drop_database(database)
