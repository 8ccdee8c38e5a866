"""`refbus-ops bundle`: what somebody who helps from afar needs to see of a node, and nothing that is secret.

    about.json        versions of the program, of Python and of the system
    settings.json     the settings of this command and where each came from
    health.json       what `refbus-ops health` says
    metrics-*.txt     the pages of metrics
    home.json         files of the gate's folder: kind, size, mode, age; no name that says whose it is
    log-*.txt         lines of logs that were handed over, those alone that have the form of our log

Nothing is copied out of a home: keys, stores and passphrases are never opened. Ids of organisations are left out.
"""

from __future__ import annotations

import io
import json
import os
import platform
import re
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import click

from refbus.errors import Code, RefbusError, SetupError
from refbus.files import create
from refbus.output import say
from refbus.settings import OpsSettings, explain
from refbus.telemetry.logs import without_organisations
from refbus_ops.context import Operator
from refbus_ops.findings import look, read_page
from refbus_ops.health import summary

_MOST_LINES: Final = 5_000
_MOST_LOG_BYTES: Final = 4_000_000
_MOST_FILES: Final = 2_000
_LINE: Final = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+Z (?:DEBUG|INFO|WARNING|ERROR|CRITICAL) refbus[.\w]*: .*", re.ASCII)
_JSON_LINE: Final = re.compile(r'\{"time": "[\d:.TZ-]+", "level": "[A-Z]+", "logger": "refbus[.\w]*", .*\}', re.ASCII)
_WORDS: Final = """
audit backups clock counters db directory evidence handed html incoming journal json jsonl kem key keys lock log made
metadata node on order org peers pem policies policy profiles replay replays repository root shm signing snapshot state
store targets timestamp toml txt wal
"""
_OWN: Final = frozenset(_WORDS.split())
"""Words of which the program makes names. Other names may say whose a file is: only an ending of its own is told."""


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--log",
    "logs",
    multiple=True,
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="A log of gate or auditor, whose last lines go along; more than once.",
)
@click.pass_obj
def bundle(operator: Operator, file: Path, logs: tuple[Path, ...]) -> None:
    """Write the new file FILE (zip) for somebody who helps from afar: no secret, no case, no organisation.

    Look into it before you hand it on: a log may name what somebody wrote into a message of an error.
    """
    content = packed(dict(parts(operator, logs)))
    try:
        with create(file) as target:
            target.write(content)
    except OSError as error:
        raise SetupError(Code.FILE_UNREADABLE, f"{file.name}: {error.strerror}") from None
    say(f"{file}: {len(content)} bytes. Look into it before you hand it on.")


def parts(operator: Operator, logs: tuple[Path, ...]) -> Iterator[tuple[str, str]]:
    """Yield the files of the bundle by name. What cannot be told says so in its place."""
    yield "about.json", _json(_about())
    yield "settings.json", _json(_settings())
    yield "health.json", _json(summary(look(operator)))
    pages = {"gate": operator.settings.gate_metrics, "auditor": operator.settings.auditor_metrics}
    for service, address in pages.items():
        if address is not None:
            yield f"metrics-{service}.txt", _told(address)
    try:
        yield "home.json", _json(list(_files(operator.gate_home())))
    except RefbusError as error:
        yield "home.json", _json(str(error.code))
    for number, log in enumerate(logs, start=1):
        yield f"log-{number}.txt", "\n".join(_lines(log)) + "\n"


def packed(files: dict[str, str]) -> bytes:
    """Return the bundle; ids of organisations are taken out of everything here, whoever wrote it."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(name, without_organisations(text))
    return made.getvalue()


def _about() -> dict[str, str]:
    from importlib.metadata import version  # late: it loads much

    names = ("refbus", "confluent-kafka", "faust-streaming", "cryptography", "sqlalchemy")
    return {name: version(name) for name in names} | {"python": sys.version, "system": platform.platform()}


def _settings() -> dict[str, dict[str, str]]:
    try:
        return {line.name: {"value": line.value, "source": line.source} for line in explain(OpsSettings, os.environ)}
    except RefbusError as error:
        return {"error": {"value": str(error.code), "source": ""}}


def _told(address: str) -> str:
    try:
        return read_page(address)
    except RefbusError as error:
        return f"{error.code}\n"


def _files(folder: Path) -> Iterator[dict[str, Any]]:
    for number, path in enumerate(sorted(folder.rglob("*"))):
        if number >= _MOST_FILES:
            return
        try:
            found = path.lstat()
        except OSError:
            continue
        where = "/".join(_name(part) for part in path.relative_to(folder).parts)
        yield {"file": where, "size": found.st_size, "mode": f"{found.st_mode:o}", "changed": int(found.st_mtime)}


def _name(part: str) -> str:
    if _OWN.issuperset(re.split("[.-]", part)):
        return part
    ending = Path(part).suffix
    return f"*{ending}" if ending[1:] in _OWN else "*"


def _lines(log: Path) -> list[str]:
    """Return the last lines that have the form of our own log: what else is in the file stays there."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - _MOST_LOG_BYTES))
            text = file.read(_MOST_LOG_BYTES).decode(errors="replace")
    except OSError as error:
        raise SetupError(Code.FILE_UNREADABLE, f"{log.name}: {error.strerror}") from None
    printed = (line for line in text.splitlines() if line.isprintable())  # our log writes no other character
    ours = [line for line in printed if _LINE.fullmatch(line) or _JSON_LINE.fullmatch(line)]
    return ours[-_MOST_LINES:]


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=1) + "\n"
