"""Homes and directories that have read the first publication of a federation: read once in a process, then copied.

All federations of tests are copies of one, so what a member has after its first round is the same in each: its store is
made and the directory verified. A home is begun so only where nothing differs: its files are those of the template, and
the topics that it reads hold the same bytes under the same ids. Else it reads for itself, as everywhere.
"""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Final

from refbus.core.ids import OrgId
from refbus.trust.reader.loader import TrustStore
from refbus_gateway.home.gateway import open_gateway
from support.ceremonies import PASSPHRASE, template
from support.directories import NOW_MS
from support.moulds import mould

if TYPE_CHECKING:
    from support.gateways import World

_READ: Final[dict[bytes, Path]] = {}
"""Homes that have read, by what they were and what they read."""


@cache
def _read(root: bytes, files: tuple[tuple[str, bytes], ...], now_ms: int) -> tuple[Path, TrustStore]:
    folder = _temporary() / "directory"
    store = TrustStore.create(folder, root)
    store.refresh_from(files, now_ms)
    return folder, store


def store_of(world: World) -> TrustStore:
    """Return a reader's store that has taken what is published now; nobody writes to it again."""
    return _read_now(world)[1]


def put_directory(world: World, folder: Path) -> None:
    """Let a node's directory, which is not there yet, have read what is published now."""
    mould(_read_now(world)[0]).pour(folder)


def _read_now(world: World) -> tuple[Path, TrustStore]:
    return _read(world.lab.paths.root.read_bytes(), tuple(world.lab.files()), world.clock())


def begin(world: World, org_id: OrgId) -> None:
    """Let a new member's home have read the first publication; nothing happens where it is not as the template has it.

    What a home does at its first round stays in the home: it must write nothing to the bus.
    """
    path = world.lab.paths.home(org_id)
    if world.clock() != NOW_MS or _files_in(path) != _files_of_template(org_id):
        return
    key = sha256(b"".join((org_id.encode(), *_read_by(world, org_id)))).digest()
    if key in _READ:
        mould(_READ[key]).pour(path)
        return
    before = _written(world)
    world.round_of(org_id).close()
    open_gateway(world.home(org_id), PASSPHRASE, world.clock).close()  # it notes that all that arrived was verified
    assert _written(world) == before
    _READ[key] = Path(shutil.copytree(path, _temporary() / org_id))


def _read_by(world: World, org_id: OrgId) -> Iterator[bytes]:
    """Yield what an organisation reads, and under which ids of topics."""
    country = org_id[:2]
    for name in (f"{country}.directory", f"{country}.proofs", f"{country}.inbox.{org_id}"):
        yield world.bus.log(name).state.topic_id.encode()
        for record in world.bus.records(name):
            yield sha256(record.value).digest()


def _written(world: World) -> Sequence[int]:
    return [len(world.bus.records(name)) for name in world.bus.states()]


def _files_in(folder: Path) -> set[tuple[str, int, int]]:
    """Return names, sizes and times (ns) of the files below a folder."""
    found = ((path, path.stat()) for path in folder.rglob("*") if path.is_file())
    return {(path.relative_to(folder).as_posix(), stat.st_size, stat.st_mtime_ns) for path, stat in found}


@cache
def _files_of_template(org_id: OrgId) -> set[tuple[str, int, int]]:
    return _files_in(template().paths.home(org_id))


def _temporary() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="refbus-test-first-read-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder
