"""Keep the schemas compatible: `python -m tools.schemas check | keep NAME | lock`.

check   compare the files with schemas/LOCK, and every schema with every locked older version of it
keep    copy a schema to schemas/history before it is changed
lock    write schemas/LOCK, only when the check finds nothing but new versions
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from refbus.errors import RefbusError
from refbus.resources import data_dir
from refbus.wire.codelists import load_code_list
from refbus.wire.compat import guarded, problems
from refbus.wire.schema import load_codec

HEADER = "# kind name fingerprint(CRC-64-AVRO, little-endian)|version guarded-SHA-256|codes file-SHA-256\n"


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of LOCK. For a code list, `identity` is its version and `guard` its codes."""

    kind: str
    name: str
    identity: str
    guard: str
    file_sha256: str

    def line(self) -> str:
        """Return the line without its end."""
        return " ".join((self.kind, self.name, self.identity, self.guard, self.file_sha256))


def main(arguments: list[str], folder: Path | None = None) -> int:
    """Run one verb on the schemas in `folder`; returns the exit code: 0 done, 1 refused, 2 usage."""
    folder = folder or data_dir("schemas")
    match arguments:
        case ["check"]:
            return _report(differences(folder), "schemas: LOCK matches, all versions are compatible")
        case ["lock"]:
            return _lock(folder)
        case ["keep", name]:
            print(f"schemas: kept as {keep(folder, name).name}")
            return 0
        case _:
            print(__doc__)
            return 2


def differences(folder: Path) -> list[str]:
    """Return everything that `check` reports: compatibility problems, and lines in which LOCK differs."""
    found = breaking(folder)
    locked, current = _locked(folder), {(entry.kind, entry.name): entry for entry in entries(folder)}
    for key in sorted(locked.keys() | current.keys()):
        if locked.get(key) != current.get(key):
            found.append(f"{' '.join(key)}: differs from LOCK; when that is meant, run: python -m tools.schemas lock")
    return found


def breaking(folder: Path) -> list[str]:
    """Return the changes that may not be locked."""
    found: list[str] = []
    locked = _locked(folder)
    for entry in entries(folder):
        before = locked.get((entry.kind, entry.name))
        if entry.kind == "codelist":
            found += _code_list_problems(before, entry)
        elif entry.kind in {"events", "wire"}:
            found += _version_problems(folder, before, entry)
    current = {(entry.kind, entry.name) for entry in entries(folder)}
    found += [f"{kind} {name}: removed" for kind, name in sorted(locked.keys() - current)]
    return found


def keep(folder: Path, name: str) -> Path:
    """Copy a schema to the history under its guarded hash and return the copy."""
    kind = "wire" if (folder / "wire" / f"{name}.avsc").is_file() else "events"
    source = folder / kind / f"{name}.avsc"
    text = source.read_text(encoding="utf-8")
    target = folder / "history" / kind / f"{name}.{_guard(source)[:16]}.avsc"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text, encoding="utf-8")
    return target


def entries(folder: Path) -> Iterator[Entry]:
    """Yield what LOCK should say of the files that are there."""
    for kind in ("events", "history/events", "wire", "history/wire"):
        for path in sorted((folder / kind).glob("*.avsc")):
            yield Entry(kind, path.stem, load_codec(path).fingerprint.hex(), _guard(path), _sha256(path))
    for path in sorted((folder / "codelists").glob("*.json")):
        codes = load_code_list(path)
        yield Entry("codelist", codes.name, codes.version, ",".join(codes.codes), _sha256(path))


def _lock(folder: Path) -> int:
    code = _report(breaking(folder), "schemas: no breaking change")
    if code == 0:
        (folder / "LOCK").write_text(HEADER + "".join(f"{entry.line()}\n" for entry in entries(folder)), "utf-8")
        print("schemas: LOCK written")
    return code


def _version_problems(folder: Path, before: Entry | None, entry: Entry) -> Iterator[str]:
    """Compare a schema with every version in the history, where the locked one must be once it is replaced."""
    older = sorted((folder / "history" / entry.kind).glob(f"{entry.name}.*.avsc"))
    new = _document(folder / entry.kind / f"{entry.name}.avsc")
    for path in older:
        for problem in problems(_document(path), new):
            yield f"{entry.kind} {entry.name} against {path.stem}: {problem}"
    replaced = before is not None and before.guard != entry.guard
    if before is not None and replaced and before.guard not in {_guard(path) for path in older}:
        again = f"restore it and run `keep {entry.name}` first"
        yield f"{entry.kind} {entry.name}: the locked version is not in history; {again}"


def _code_list_problems(before: Entry | None, entry: Entry) -> Iterator[str]:
    if before is None:
        return
    removed = set(before.guard.split(",")) - set(entry.guard.split(","))
    if removed:
        yield f"codelist {entry.name}: codes removed ({', '.join(sorted(removed))})"
    if before.guard != entry.guard and before.identity == entry.identity:
        yield f"codelist {entry.name}: codes added without a new version"


def _locked(folder: Path) -> dict[tuple[str, str], Entry]:
    path = folder / "LOCK"
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    read = [Entry(*line.split(" ")) for line in lines if not line.startswith("#")]
    return {(entry.kind, entry.name): entry for entry in read}


def _document(path: Path) -> dict[str, object]:
    document: dict[str, object] = json.loads(path.read_text(encoding="utf-8"))
    return document


def _guard(path: Path) -> str:
    return hashlib.sha256(guarded(_document(path)).encode()).hexdigest()


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _report(found: list[str], success: str) -> int:
    for line in found:
        print(f"schemas: {line}")
    if not found:
        print(success)
    return 1 if found else 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except (OSError, RefbusError) as failure:
        sys.exit(f"schemas: {failure}")
