"""Changes of schemas: the good ones pass, each bad one fails, and LOCK lets no bad one in."""

from __future__ import annotations

import copy
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from refbus.resources import data_dir
from refbus.wire import compat
from refbus.wire.compat import problems
from refbus.wire.schema import Document
from tools import schemas as tool

SCHEMAS = data_dir("schemas")
ACKNOWLEDGED = json.loads((SCHEMAS / "events" / "WithdrawalAcknowledged.avsc").read_text(encoding="utf-8"))
REJECTED = json.loads((SCHEMAS / "events" / "ReferralRejected.avsc").read_text(encoding="utf-8"))
NEW_FIELD = {"name": "hint", "type": ["null", "string"], "default": None, "data_category": "SERVICE_NEEDS", "doc": "x."}


def _field(document: Document, name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(field for field in document["fields"] if field["name"] == name)
    return found


def _remove_field(document: Document) -> None:
    document["fields"] = [field for field in document["fields"] if field["name"] != "consent_version"]


def _remove_symbol(document: Document) -> None:
    _field(document, "result")["type"]["symbols"].remove("RESTRICTED")


def _add_symbol(document: Document) -> None:
    _field(document, "result")["type"]["symbols"].append("FORGOTTEN")


def _default_symbol(document: Document) -> None:
    _field(document, "result")["type"]["default"] = "ERASED"


def _default_field(document: Document) -> None:
    _field(document, "result")["default"] = "ERASED"


def _narrow_type(document: Document) -> None:
    _field(document, "consent_version")["type"] = "int"


def _widen_type(document: Document) -> None:
    _field(document, "consent_version")["type"] = "double"


def _compulsory_field(document: Document) -> None:
    document["fields"].append({"name": "hint", "type": "string", "data_category": None, "doc": "x."})


def _required_optional(document: Document) -> None:
    kind = _field(document, "retention_reason")["type"]
    _field(document, "retention_reason")["type"] = kind[1]


def _other_category(document: Document) -> None:
    _field(document, "consent_version")["data_category"] = "HEALTH"


def _other_list(document: Document) -> None:
    _field(document, "result")["code_list"] = "refbus.RetentionReason"


def _other_size(document: Document) -> None:
    _field(document, "event_id")["type"]["size"] = 15


def _rename(document: Document) -> None:
    document["name"] = "WithdrawalConfirmed"


def _smaller(document: Document) -> None:
    document["max_bytes"] = 10


BAD: tuple[Callable[[Document], None], ...] = (
    _remove_field,
    _remove_symbol,
    _add_symbol,
    _default_symbol,
    _default_field,
    _narrow_type,
    _widen_type,
    _compulsory_field,
    _required_optional,
    _other_category,
    _other_list,
    _other_size,
    _rename,
    _smaller,
)


def _changed(change: Callable[[Document], None], document: Document = ACKNOWLEDGED) -> Document:
    new = copy.deepcopy(document)
    change(new)
    return new


def _with_field(document: Document) -> None:
    document["fields"].append(NEW_FIELD)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a copy of the schemas that a test may change."""
    return Path(shutil.copytree(SCHEMAS, tmp_path / "schemas"))


def _write(folder: Path, document: Document) -> None:
    (folder / "events" / f"{document['name']}.avsc").write_text(json.dumps(document), encoding="utf-8")


@pytest.mark.parametrize("change", BAD, ids=lambda change: change.__name__.strip("_"))
def test_bad_changes_fail(change: Callable[[Document], None]) -> None:
    """What older or newer readers could not read, or would read as something else, is refused."""
    assert problems(ACKNOWLEDGED, _changed(change)) != []


def test_good_changes_pass() -> None:
    """A new optional field and better words change nothing for anybody."""
    assert problems(REJECTED, _changed(_with_field, REJECTED)) == []
    documented = _changed(lambda document: _field(document, "reason").update(doc="Better words. Source: us."), REJECTED)
    assert problems(REJECTED, documented) == []
    assert compat.guarded(documented) == compat.guarded(REJECTED)


def test_each_judge_finds_something_alone() -> None:
    """The checker and the cross-reads are independent of our own rules, and each refuses what it can see."""
    removed = _changed(_remove_symbol)
    assert compat.rule_problems(ACKNOWLEDGED, removed)
    assert compat.checker_problems(ACKNOWLEDGED, removed)
    compulsory = _changed(_compulsory_field)
    assert compat.cross_read_problems(ACKNOWLEDGED, compulsory)
    assert compat.checker_problems(ACKNOWLEDGED, {**ACKNOWLEDGED, "fields": "none"})


def test_avro_alone_would_let_meaning_change() -> None:
    """Why we have our own rules: Avro sees nothing wrong with another category or another default symbol."""
    for change in (_other_category, _other_list):
        assert compat.checker_problems(ACKNOWLEDGED, _changed(change)) == []


def test_nested_records_are_compared() -> None:
    """A change deep inside of a payload is seen."""
    document = json.loads((SCHEMAS / "events" / "ReferralRequested.avsc").read_text(encoding="utf-8"))
    new = copy.deepcopy(document)
    _field(_field(new, "attachments")["type"]["items"], "title")["type"] = "bytes"
    assert any("attachments[].title" in problem for problem in problems(document, new))
    _field(_field(new, "person")["type"][1], "prs_Birthdate")["data_category"] = None
    assert any("person.prs_Birthdate" in problem for problem in problems(document, new))


def test_new_version_needs_the_old_one_in_the_history(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`lock` refuses a change until the locked version was kept; then it locks, and the check passes."""
    _write(folder, _changed(_with_field, REJECTED))
    assert tool.main(["lock"], folder) == 1
    assert "not in history" in capsys.readouterr().out
    _write(folder, REJECTED)
    assert tool.main(["keep", "ReferralRejected"], folder) == 0
    _write(folder, _changed(_with_field, REJECTED))
    assert tool.main(["check"], folder) == 1
    assert tool.main(["lock"], folder) == 0
    assert tool.main(["check"], folder) == 0


def test_every_older_version_counts(folder: Path) -> None:
    """A change that the newest version allows and an older one does not is refused: FULL_TRANSITIVE."""
    first = _changed(_with_field, REJECTED)
    _write(folder, first)
    tool.keep(folder, "ReferralRejected")
    second = _changed(lambda document: document["fields"][-1].update(type=["null", "bytes"]), first)
    _write(folder, second)
    assert any("hint" in problem for problem in tool.breaking(folder))


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("codelists/refbus.Need.json", '"TRANSPORT"', '"TRAVEL"'),
        ("codelists/refbus.Need.json", '"codes": {', '"codes": {"NEW": {"label": "New"},'),
        ("wire/HopReceipt.avsc", '"name": "hour"', '"name": "level"'),
    ],
    ids=["code removed", "code added without a version", "wire record changed"],
)
def test_lock_refuses_other_breaking_changes(folder: Path, name: str, old: str, new: str) -> None:
    """Codes are only added, with a new version of their list; what a wire record says is never renamed."""
    path = folder / name
    path.write_text(path.read_text(encoding="utf-8").replace(old, new, 1), encoding="utf-8")
    assert tool.breaking(folder) != []


def test_a_wire_record_grows_like_an_event(folder: Path) -> None:
    """With its locked version in the history and an optional field, a record of the road may be locked anew."""
    path = folder / "wire" / "HopReceipt.avsc"
    document = json.loads(path.read_text(encoding="utf-8"))
    tool.keep(folder, "HopReceipt")
    document["fields"].append({"name": "hint", "type": "bytes", "default": "", "doc": "x."})
    path.write_text(json.dumps(document), encoding="utf-8")
    assert tool.main(["lock"], folder) == 0


def test_removed_schema_is_noticed(folder: Path) -> None:
    """An event that was locked cannot disappear."""
    (folder / "events" / "ReferralResumed.avsc").unlink()
    assert tool.breaking(folder) == ["events ReferralResumed: removed"]


def test_new_code_with_a_new_version_is_locked(folder: Path) -> None:
    """The way to add a code: append a version to the list."""
    path = folder / "codelists" / "refbus.Need.json"
    text = path.read_text(encoding="utf-8").replace('"codes": {', '"codes": {"NEW": {"label": "New"},', 1)
    path.write_text(text.replace('"1"', '"1", "2"', 1), encoding="utf-8")
    assert tool.main(["lock"], folder) == 0


def test_usage_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    """Without a verb the tool explains itself."""
    assert tool.main([]) == 2
    assert "keep" in capsys.readouterr().out
