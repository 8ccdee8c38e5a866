"""Files of strangers given to `refbus-ops`: each ends in a code, stages nothing, leaves no file, shows no secret."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from click.testing import CliRunner, Result

from refbus.core.directory import OrgRole
from refbus.core.ids import CountryCode, OrgId
from refbus.errors import RefbusError
from refbus.resources import data_dir
from refbus.trust.member.enrolment import Profile, answer_challenge, make_challenge, make_request
from refbus_ops import cli, staging
from refbus_ops import directory as commands
from support.ceremonies import PASSPHRASE, SHELTER, Lab, lab
from support.directories import NOW_MS, kem_private, signing_pair

ORG: Final = OrgId("kz-4f7k2m9q")
KEM: Final = kem_private("enrolling")
PROFILE: Final = Profile(ORG, CountryCode("kz"), OrgRole.NGO, "Fictional shelter", ("Health",), ("ru",))
REQUEST: Final = make_request(PROFILE, signing_pair("enrolling"), KEM, NOW_MS)
CHALLENGE, PENDING = make_challenge(REQUEST)
ANSWER: Final = answer_challenge(CHALLENGE, REQUEST, KEM)
POLICY: Final = (data_dir("keys") / "policies" / "uz.toml").read_bytes().replace(b"version = 1\n", b"version = 2\n")
VALUES: Final[tuple[Any, ...]] = (
    None,
    True,
    [],
    {},
    "",
    -1,
    2**31,
    2**53 + 1,
    2**63,
    10**4000,
    1e308,
    "a\u202eb\u200b\n",
    "\ud800",
    "x" * 100_000,
    [[[[[[[[[["deep"]]]]]]]]]],
)
CONTENTS: Final = {
    "empty": b"",
    "null": b"null",
    "object": b"{}",
    "array": b"[]",
    "deep": b"[" * 30_000,
    "deep objects": b'{"signed":' * 30_000,
    "deep table": b"a = " + b"[" * 30_000,
    "deep keys": b".".join([b"a"] * 30_000) + b" = 1",
    "no text": b"\xff\xfe\x00",
    "endless number": b"1" + b"0" * 5_000,
    "endless number of a policy": b"version = 1" + b"0" * 5_000,
    "not a number": b'{"a": NaN, "b": -Infinity, "a": 1e99999}',
    "invisible": '{"format": "\u202erefbus\u200b\u2066"}'.encode(),
    "surrogate": b'{"format": "\\ud800"}',
    "terminal": b'{"format": "\x1b[2J\x1b]0;x\x07"}',
    "huge": b'{"a": "' + b"x" * 20_000_000 + b'"}',
}
COMMANDS: Final = {
    "challenge": ("challenge", "{file}", "--out", "{out}", "--pending", "{pending}"),
    "enrol request": ("enrol", "{file}", "--pending", "{good pending}", "--answer", "{good answer}"),
    "enrol pending": ("enrol", "{good request}", "--pending", "{file}", "--answer", "{good answer}"),
    "enrol answer": ("enrol", "{good request}", "--pending", "{good pending}", "--answer", "{file}"),
    "lost": ("lost", SHELTER, "--report", "{file}"),
    "update-keys": ("update-keys", SHELTER, "{file}"),
    "put-policy": ("put-policy", "{file}", "--country", "uz"),
    "add-country policy": ("add-country", "tj", "--policy", "{file}", "--delegation", "{good key}"),
    "add-country key": ("add-country", "tj", "--policy", "{good policy}", "--delegation", "{file}"),
    "add-anchor": ("add-anchor", "{file}", "--threshold", "2"),
    "replace-delegation": ("replace-delegation", "uz", "{file}"),
    "country add": ("country", "add", "{file}", "--kit", "{out}", "--passphrase-file", "{good passphrase}"),
}
GOOD: Final = {
    "challenge": REQUEST,
    "enrol request": REQUEST,
    "enrol pending": PENDING,
    "enrol answer": ANSWER,
    "put-policy": POLICY,
}


@pytest.fixture(scope="module")
def fed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """Return a federation, for all tests here: none of them may change it."""
    with pytest.MonkeyPatch.context() as patch:
        for module in (commands, staging):
            patch.setattr(module, "machine_ms", lambda: NOW_MS)
        yield lab(tmp_path_factory.mktemp("federation"))


def tree(folder: Path) -> dict[str, bytes]:
    """Return every file of a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def given(fed: Lab, folder: Path, name: str, content: bytes) -> Result:
    """Run a command on a file; whatever it was, it ends in a code and has changed nothing when it is no 0."""
    names = {"file": content, "good request": REQUEST, "good pending": PENDING, "good answer": ANSWER}
    names |= {"good policy": POLICY, "good key": b"{}", "good passphrase": PASSPHRASE.encode()}
    for each, value in names.items():
        (folder / each).write_bytes(value)
        (folder / each).chmod(0o600)
    before = tree(fed.paths.out)
    places = {each: str(folder / each) for each in (*names, "out", "pending")}
    words = [places.get(word[1:-1], word) if word.startswith("{") else word for word in COMMANDS[name]]
    group = [] if words[0] == "country" else ["directory", "--federation", str(fed.paths.out)]
    result = CliRunner().invoke(cli.root, [*group, *words])
    assert isinstance(result.exception, (RefbusError, SystemExit)) or result.exception is None, result.exc_info
    assert "Traceback" not in result.output
    assert PASSPHRASE not in result.output
    assert not {"\x1b", "\u202e", "\u200b", "\u2066"} & set(result.output + str(result.exception))
    if result.exit_code:
        assert tree(fed.paths.out) == before, "a refused file changed the federation"
        assert not (folder / "out").exists()
        assert not (folder / "pending").exists()
    return result


@pytest.mark.parametrize("content", CONTENTS.values(), ids=CONTENTS)
@pytest.mark.parametrize("name", COMMANDS)
def test_a_hostile_file_ends_in_a_code(fed: Lab, tmp_path: Path, name: str, content: bytes) -> None:
    """Empty, deep, huge, no text, endless numbers, invisible characters: refused, and the federation is as it was."""
    assert given(fed, tmp_path, name, content).exit_code != 0


def test_the_sound_files_are_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the others change is good as it is: challenged, enrolled, staged."""
    for module in (commands, staging):
        monkeypatch.setattr(module, "machine_ms", lambda: NOW_MS)
    (tmp_path / "federation").mkdir()
    own = lab(tmp_path / "federation")
    for name in GOOD:
        if name not in {"enrol pending", "enrol answer"}:
            (tmp_path / name).mkdir()
            assert given(own, tmp_path / name, name, GOOD[name]).exit_code == 0, name


def changed(value: Any, source: random.Random) -> Any:
    """Return a document with one of its places replaced, removed or doubled."""
    if isinstance(value, dict) and value and source.random() < 0.8:
        name = source.choice(sorted(value))
        if source.random() < 0.1:
            return {each: value[each] for each in value if each != name}
        return value | {name: changed(value[name], source)}
    if isinstance(value, list) and value and source.random() < 0.7:
        index = source.randrange(len(value))
        return [*value[:index], changed(value[index], source), *value[index + source.randrange(2) :]]
    return source.choice(VALUES)


@pytest.mark.parametrize("seed", range(40))
@pytest.mark.parametrize("name", [name for name in GOOD if name != "put-policy"])
def test_a_changed_document_ends_in_a_code(fed: Lab, tmp_path: Path, name: str, seed: int) -> None:
    """One value of a real file is of another type, extreme, invisible, missing or doubled."""
    document = changed(json.loads(GOOD[name]), random.Random(seed))
    given(fed, tmp_path, name, json.dumps(document).encode("utf-8", "surrogatepass"))


@pytest.mark.parametrize("seed", range(40))
@pytest.mark.parametrize("name", GOOD)
def test_changed_bytes_end_in_a_code(fed: Lab, tmp_path: Path, name: str, seed: int) -> None:
    """Bits of a real file are flipped, and its end is cut."""
    source, content = random.Random(seed), bytearray(GOOD[name])
    for _ in range(3):
        content[source.randrange(len(content))] ^= 1 << source.randrange(8)
    given(fed, tmp_path, name, bytes(content[: source.choice((len(content), source.randrange(len(content))))]))


def test_keys_are_revoked_from_now_on_at_the_latest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A time ahead, as a thief may sign it or a hand may type it, leaves no key in force until then."""
    monkeypatch.setattr("refbus_ops.losses.machine_ms", lambda: NOW_MS)
    monkeypatch.setattr(staging, "machine_ms", lambda: NOW_MS)
    words = ("lost", SHELTER, "--since", "2099-01-01T00:00Z")
    result = CliRunner().invoke(cli.root, ["directory", "--federation", str(lab(tmp_path).paths.out), *words])
    assert result.exit_code == 0
    assert f"--recover-since {NOW_MS}" in result.output
