"""`refbus-ops directory log-check`: an anchor holds the repository against a country's log."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from refbus.audit.shapes import directory_leaf
from refbus.tlog.policy import Policy
from refbus.tlog.prooffile import TlogProof
from refbus.trust.layout import TIMESTAMP, is_metadata
from refbus_ops.logcheck import log_check
from support.auditlogs import CountryLog
from support.ceremonies import KZ
from support.gateways import World


@pytest.fixture
def log(tmp_path: Path) -> CountryLog:
    """Return the log of kz, which shows everything that is published."""
    world = World(tmp_path)
    made = world.log(KZ)
    made.show(world.lab.files())
    return made


def _check(log: CountryLog, *words: str) -> Result:
    folder = log.world.folder
    place = log.write(folder / "log") / log.origin.rpartition("/")[2]
    (folder / "policy").write_text(log.policy_text)
    given = ["--log", str(place), "--policy", str(folder / "policy"), *words]
    return CliRunner().invoke(log_check, given, obj=log.world.lab.paths)


def test_all_that_is_published_is_in_the_log(log: CountryLog) -> None:
    """Each metadata file is named, and the status is 0."""
    result = _check(log)
    assert result.exit_code == 0, result.output
    published = [path for path, _ in log.world.lab.files() if is_metadata(path)]
    assert result.output.splitlines() == [f"{path}: in the log" for path in published]


def test_a_file_that_the_log_does_not_show_is_named(log: CountryLog) -> None:
    """A new timestamp that the auditor has not seen is missing."""
    log.world.lab.republish(log.world.clock() + 1_000)
    result = _check(log)
    assert result.exit_code == 1
    assert f"{TIMESTAMP}: NOT in the log" in result.output


def test_a_version_that_this_ceremony_never_made_is_found(log: CountryLog) -> None:
    """Somebody was shown another list of organisations: path, place and hash are told."""
    log.entries.append(directory_leaf("metadata/2.uz.json", b"made for one office"))
    result = _check(log)
    assert result.exit_code == 1
    assert f"metadata/2.uz.json: entry {len(log.entries) - 1} is UNKNOWN here" in result.output


def test_a_bundle_that_hides_an_entry_is_refused(log: CountryLog) -> None:
    """Entries are hashed up to the root that the log signed, so none is left out on the way."""
    log.entries.append(directory_leaf("metadata/2.uz.json", b"made for one office"))
    bundles = log.write(log.world.folder / "log") / log.origin.rpartition("/")[2]
    hidden = directory_leaf("metadata/1.uz.json", dict(log.world.lab.files())["metadata/1.uz.json"])
    (bundle,) = (bundles / "tile" / "entries").rglob("*.p/*")
    good = log.write

    def tampered(folder: Path) -> Path:
        place = good(folder)
        shown = bundle.read_bytes().replace(log.entries[-1], hidden)
        bundle.write_bytes(shown)
        return place

    assert len(hidden) == len(log.entries[-1])
    log.write = tampered  # type: ignore[method-assign]
    result = _check(log)
    assert "LOG_INCONSISTENT" in repr(result.exception)


def test_proofs_are_written_beside_an_export(log: CountryLog) -> None:
    """Each proof file verifies with the policy alone."""
    folder = log.world.folder / "stick"
    assert _check(log, "--proofs", str(folder)).exit_code == 0
    for path, content in log.world.lab.files():
        if is_metadata(path):
            proof = TlogProof.parse((folder / f"{path}.tlog-proof").read_bytes())
            proof.verify(directory_leaf(path, content), Policy.parse(log.policy_text.encode()))


def test_an_empty_repository_is_no_success(log: CountryLog, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is nothing to compare, that is said and the status is not 0."""
    monkeypatch.setattr("refbus_ops.logcheck.list_files", lambda _folder: [])
    result = _check(log)
    assert result.exit_code == 1
    assert "nothing was compared" in result.output
