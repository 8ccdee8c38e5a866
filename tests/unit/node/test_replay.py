"""Orders of two persons to decide a stopped record again."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from refbus.errors import MalformedError, RefbusError, SetupError
from refbus.node import replay
from refbus.node.replay import JOURNAL, Person, Request

DECISION = "0f" * 16
ANNA, BORIS = Person("Anna Example", "anna", 1), Person("Boris Example", "boris", 2)
REQUEST = Request(DECISION, "the directory has the new key now", ANNA)


def test_what_one_asked_for_and_another_approved_is_an_order(tmp_path: Path) -> None:
    """It is read back whole; the note of the first is gone, and what became of it is kept."""
    replay.ask(tmp_path, REQUEST)
    assert list(replay.waiting(tmp_path)) == []
    replay.approve(tmp_path, replay.asked(tmp_path, DECISION), BORIS, accounts=True)
    (file,) = replay.waiting(tmp_path)
    order = replay.read_order(file)
    assert (order.request, order.approved) == (REQUEST, BORIS)
    assert [path.name for path in file.parent.iterdir()] == [DECISION]
    replay.note(tmp_path, order, "FORWARDED", 3)
    (line,) = (tmp_path / JOURNAL).read_text().splitlines()
    kept = json.loads(line)
    assert (kept["request"]["reason"], kept["approved"]["name"], kept["outcome"]) == (
        REQUEST.reason,
        BORIS.name,
        "FORWARDED",
    )


@pytest.mark.parametrize(
    ("second", "accounts"),
    [
        (replace(BORIS, name="ANNA example"), False),
        (replace(BORIS, name=" Anna  Example "), False),
        (replace(BORIS, name="\uff21nna Example"), False),
        (replace(BORIS, account="anna"), True),
        (replace(BORIS, name=""), False),
        (replace(BORIS, name="B\nx"), False),
    ],
)
def test_one_person_gives_no_order(tmp_path: Path, second: Person, accounts: bool) -> None:
    """The same name in other letters or with other spaces, the same account where that counts, no name."""
    replay.ask(tmp_path, REQUEST)
    with pytest.raises(SetupError):
        replay.approve(tmp_path, REQUEST, second, accounts=accounts)
    assert list(replay.waiting(tmp_path)) == []


def test_what_is_no_file_or_cannot_be_looked_at_is_no_order(tmp_path: Path) -> None:
    """A folder by such a name, a link to nothing or to itself, something else in the place of the folder."""
    assert list(replay.waiting(tmp_path)) == []
    folder = tmp_path / replay.FOLDER
    folder.write_text("x")
    assert list(replay.waiting(tmp_path)) == []
    folder.unlink()
    (folder / ("ab" * 16)).mkdir(parents=True)
    (folder / ("cd" * 16)).symlink_to(tmp_path / "nowhere")
    (folder / ("ef" * 16)).symlink_to(folder / ("ef" * 16))
    replay.ask(tmp_path, REQUEST)
    replay.approve(tmp_path, replay.asked(tmp_path, DECISION), BORIS, accounts=True)
    assert [path.name for path in replay.waiting(tmp_path)] == [DECISION]
    assert replay.done(folder / DECISION)
    assert replay.done(folder / DECISION), "it is gone"
    assert not replay.done(folder / ("ab" * 16))


@pytest.mark.parametrize("account", ["\ud800", "\u202eanna", "x" * 257])
def test_an_account_that_cannot_be_written_gives_no_order(tmp_path: Path, account: str) -> None:
    """Neither of who asked, as somebody wrote it into the file, nor of who approves."""
    for request, second in (
        (replace(REQUEST, asked=replace(ANNA, account=account)), BORIS),
        (REQUEST, replace(BORIS, account=account)),
    ):
        with pytest.raises(SetupError):
            replay.approve(tmp_path, request, second, accounts=False)
    assert list(replay.waiting(tmp_path)) == []


@pytest.mark.parametrize("reason", ["", "short", "          ", "x" * 501, "a reason\nof two lines"])
def test_a_reason_is_a_line_that_says_something(tmp_path: Path, reason: str) -> None:
    """Nothing is written without one."""
    with pytest.raises(SetupError):
        replay.ask(tmp_path, replace(REQUEST, reason=reason))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("decision", ["", "00", "g" * 32, "A" * 32, "../" + "0" * 29, "0" * 32 + "\n"])
def test_only_a_decision_id_becomes_the_name_of_a_file(tmp_path: Path, decision: str) -> None:
    """Nothing else does, in asking and in approving."""
    with pytest.raises(SetupError):
        replay.ask(tmp_path, replace(REQUEST, decision=decision))
    with pytest.raises(SetupError):
        replay.asked(tmp_path, decision)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"\xff",
        b"{}",
        b"[" * 9_000,
        b'{"request": 7, "approved": 7}',
        b'{"request": {"decision": "ff", "reason": "x", "asked": {}}, "approved": {}}',
        json.dumps(
            {
                "request": {
                    "decision": "00" * 16,
                    "reason": "the reason of another one",
                    "asked": {"name": "Anna Example", "account": "anna", "at_ms": 1},
                },
                "approved": {"name": "Boris Example", "account": "boris", "at_ms": 1},
            }
        ).encode(),
    ],
)
def test_a_file_that_is_no_order_is_refused(tmp_path: Path, content: bytes) -> None:
    """An empty one as it was once, too; and one that was made for another decision."""
    file = tmp_path / DECISION
    file.write_bytes(content)
    with pytest.raises(RefbusError) as caught:
        replay.read_order(file)
    assert isinstance(caught.value, MalformedError | SetupError)
