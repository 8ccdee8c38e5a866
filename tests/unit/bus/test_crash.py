"""A worker that cannot go on ends at once, and says why by a code."""

from __future__ import annotations

import subprocess
import sys

import pytest
from aiokafka.errors import KafkaConnectionError, TopicAuthorizationFailedError

from refbus.bus.driver import failure_code
from refbus.errors import Code, StoreError

DRIVER = """
import asyncio
from aiokafka.errors import KafkaConnectionError
from refbus.bus.quiet import ConsumerThread

asyncio.run(ConsumerThread.__new__(ConsumerThread).crash(KafkaConnectionError()))
"""
WAITING = """
import pathlib, sys, threading
from refbus.bus import crash
from refbus.bus.address import BrokerAddress
from refbus.bus.harness import WorkerSettings, create_app

crash.die_later.__defaults__ = (0.05,)
app = create_app(WorkerSettings("group", BrokerAddress("127.0.0.1:1"), pathlib.Path(sys.argv[1])), {})
for _ in range(3):
    app._crash(ZeroDivisionError())
threading.Event().wait()  # as Faust does, when what it waits for has gone
"""


@pytest.mark.parametrize(("script", "code"), [(DRIVER, Code.BROKER_UNREACHABLE), (WAITING, Code.INTERNAL_ERROR)])
def test_a_crash_ends_the_process(script: str, code: Code, tmp_path: object) -> None:
    """In the thread of the driver, and where Faust does not come to its end: status 1, and a code in the log."""
    ended = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, timeout=120, check=False
    )
    assert ended.returncode == 1
    assert ended.stderr.splitlines()[-1].startswith(f"{code}: ")


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (KafkaConnectionError(), Code.BROKER_UNREACHABLE),
        (OSError(), Code.BROKER_UNREACHABLE),
        (TopicAuthorizationFailedError(), Code.BROKER_REFUSED),
        (StoreError(Code.STORE_FULL), Code.STORE_FULL),
        (ZeroDivisionError(), Code.INTERNAL_ERROR),
    ],
)
def test_each_failure_has_a_code(error: BaseException, code: Code) -> None:
    """The broker's, ours, and whatever else the code raises."""
    assert failure_code(error) is code
