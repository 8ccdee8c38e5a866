"""Starts one Prometheus in a folder, on a port of this machine only, and asks it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

from kafka.patience import wait
from kafka.ports import free_ports

_STOP_S: Final = 20.0
_ASK_S: Final = 30.0


class NoPrometheusError(Exception):
    """This machine has no Prometheus; the message says how to get one."""


@contextmanager
def running(folder: Path, settings: Mapping[str, Any]) -> Iterator[int]:
    """Run it with these settings (prometheus.yml as values) as long as the block lasts; gives its port.

    Raises NoPrometheusError, and TimeoutError when it does not answer.
    """
    program = shutil.which("prometheus")
    if program is None:
        raise NoPrometheusError("no Prometheus here: install prometheus (Debian: apt-get install prometheus)")
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "prometheus.yml"
    file.write_text(json.dumps(settings), encoding="utf-8")
    (port,) = free_ports(1)
    line = (
        program,
        f"--config.file={file}",
        f"--storage.tsdb.path={folder / 'tsdb'}",
        f"--web.listen-address=127.0.0.1:{port}",
    )
    with (folder / "prometheus.log").open("ab") as log:
        process = subprocess.Popen(
            line, env={"PATH": os.environ["PATH"]}, stdout=log, stderr=log, start_new_session=True
        )
    try:
        wait("Prometheus answers", lambda: is_ready(port))
        yield port
    finally:
        process.terminate()
        try:
            process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def is_ready(port: int) -> bool:
    """Whether a Prometheus or an Alertmanager answers on this port and is ready."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/-/ready", timeout=5):
            return True
    except OSError:
        return False


def ask(port: int, path: str, **words: str) -> Any:
    """Return what its interface answers below /api/v1/."""
    query = f"?{urlencode(words)}" if words else ""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v1/{path}{query}", timeout=_ASK_S) as answer:
        return json.load(answer)["data"]
