"""`refbus-ops directory`: the whole ceremony at the command line."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from refbus.core.directory import OrgRole, OrgStatus
from refbus.core.ids import OrgId
from refbus.errors import Code, RefbusError
from refbus.resources import data_dir
from refbus.trust.layout import TIMESTAMP, list_files
from refbus.trust.member.enrolment import Profile, answer_challenge, make_request, make_update, next_kem
from refbus.trust.member.loss import make_report, of_keys
from refbus.trust.publisher.custody import load_signer
from refbus.trust.publisher.export import read_publication
from refbus.trust.publisher.repository import Publication
from refbus_ops import directory as commands
from refbus_ops.directory import directory
from support.ceremonies import PASSPHRASE, SHELTER, UZ, Lab, lab, read
from support.directories import NOW_MS, kem_private, signing_pair

Run = Callable[..., str]
NEWCOMER = OrgId("uz-newc0mer")


@pytest.fixture
def fed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lab:
    """Make a federation, and let the commands' clock stand still."""
    monkeypatch.setattr(commands, "machine_ms", lambda: NOW_MS)
    (tmp_path / "passphrase").write_text(PASSPHRASE + "\n", "utf-8")
    return lab(tmp_path)


@pytest.fixture
def run(fed: Lab, tmp_path: Path) -> Run:
    """Return a function that runs a command on the federation and gives its output."""

    def call(*words: str | Path, passphrase: bool = False) -> str:
        extra = ["--passphrase-file", str(tmp_path / "passphrase")] if passphrase else []
        arguments = ["--federation", str(fed.paths.out), *map(str, words), *extra]
        result = CliRunner().invoke(directory, arguments)
        if result.exception is not None:
            raise result.exception
        return result.output

    return call


def test_a_change_is_staged_signed_shown_and_published(fed: Lab, run: Run) -> None:
    """A suspension by the country: stage, sign, publish; `show` follows each step."""
    assert "signatures needed: uz: 1" in run("suspend", SHELTER)
    assert json.loads(run("show", "--json"))["signatures_missing"] == {"uz": 1}
    assert run("sign", fed.paths.delegation(UZ), fed.paths.anchor(UZ), passphrase=True).splitlines() == [
        "uz.key: uz",
        "uz.key: nothing here needs this key",
    ]
    assert "version 2 is published" in run("publish", passphrase=True)
    shown = json.loads(run("show", "--json"))
    assert (shown["version"], shown["staged"], shown["anchors"], shown["threshold"]) == (2, [], 4, 3)
    assert f"  uz/{SHELTER}.json" in run("show").splitlines()
    assert "everything counts" in run("verify")


def test_a_timer_publishes_again_while_a_change_waits_for_signatures(fed: Lab, run: Run) -> None:
    """A staged change, signed or not, neither stops the daily timestamp nor comes into force by it."""
    run("suspend", SHELTER)
    with pytest.raises(RefbusError) as caught:
        run("publish", passphrase=True)
    assert caught.value.code is Code.SIGNATURE_INVALID
    before = json.loads(run("show", "--json"))
    run("sign", fed.paths.delegation(UZ), passphrase=True)
    first = (fed.paths.repository / TIMESTAMP).read_bytes()
    assert "version 1 is published" in run("publish", "--again", passphrase=True)
    assert (fed.paths.repository / TIMESTAMP).read_bytes() != first
    after = json.loads(run("show", "--json"))
    assert (after["staged"], after["version"]) == (before["staged"], before["version"])
    with pytest.raises(RefbusError) as caught:
        run("publish", "--again", "--development", passphrase=True)
    assert caught.value.code is Code.USAGE
    assert "version 2 is published" in run("publish", passphrase=True)


def test_an_organisation_is_enrolled_step_by_step(fed: Lab, run: Run, tmp_path: Path) -> None:
    """Request, challenge, answer, enrol, signatures of three anchors and the country, publish, then a key update."""
    pair, kem = signing_pair("cli"), kem_private("cli")
    request = make_request(Profile(NEWCOMER, UZ, OrgRole.NGO, "Fictional newcomer"), pair, kem, NOW_MS)
    files = {name: tmp_path / f"{name}.json" for name in ("request", "challenge", "pending", "answer", "update")}
    files["request"].write_bytes(request)
    shown = run("challenge", files["request"], "--out", files["challenge"], "--pending", files["pending"])
    assert str(NEWCOMER) in shown
    assert "fingerprint" in shown
    files["answer"].write_bytes(answer_challenge(files["challenge"].read_bytes(), request, kem))
    run("enrol", files["request"], "--pending", files["pending"], "--answer", files["answer"])
    keys = [fed.paths.anchor(country) for country in ("kz", "kg", "tm")]  # type: ignore[arg-type]
    run("sign", *keys, fed.paths.delegation(UZ), passphrase=True)
    run("publish", passphrase=True)
    store = fed.store(tmp_path / "reader")
    member = read(store, fed.files()).organisations[NEWCOMER]
    files["update"].write_bytes(make_update(NEWCOMER, (), (next_kem(member, kem_private("cli 2"), pair, NOW_MS),)))
    run("update-keys", NEWCOMER, files["update"])
    run("publish", "--development", passphrase=True)
    assert len(read(store, fed.files()).organisations[NEWCOMER].kem_keys) == 2
    recovered = make_request(
        Profile(NEWCOMER, UZ, OrgRole.NGO, "Fictional newcomer"), signing_pair("r"), kem_private("r"), NOW_MS
    )
    files["request"].write_bytes(recovered)
    run("challenge", files["request"], "--out", files["challenge"], "--pending", files["pending"])
    files["answer"].write_bytes(answer_challenge(files["challenge"].read_bytes(), recovered, kem_private("r")))
    run(
        "enrol",
        files["request"],
        "--pending",
        files["pending"],
        "--answer",
        files["answer"],
        "--recover-since",
        str(NOW_MS),
    )
    run("publish", "--development", passphrase=True)
    current = read(store, fed.files()).organisations[NEWCOMER].current_signing_key(NOW_MS)
    assert current is not None
    assert current.kid == signing_pair("r").kid


def test_a_lost_computer_is_dealt_with_in_one_step(fed: Lab, run: Run, tmp_path: Path) -> None:
    """With the report that the organisation signed, or without any; a report of somebody else stages nothing."""
    store = fed.store(tmp_path / "reader")
    held = read(store, fed.files()).organisations[SHELTER]
    path = tmp_path / "lost.json"
    path.write_bytes(make_report(of_keys(held, NOW_MS - 7), fed.pair(SHELTER)))
    with pytest.raises(RefbusError, match="DIRECTORY_INVALID"):
        run("lost", "kz-agency01", "--report", path)
    assert "suspended, 2 keys revoked" in run("lost", SHELTER, "--report", path)
    run("publish", "--development", passphrase=True)
    member = read(store, fed.files()).organisations[SHELTER]
    assert member.status is OrgStatus.SUSPENDED
    assert member.signing_keys[0].compromised_since_ms == NOW_MS - 7
    assert "kz-agency01: suspended" in run("lost", "kz-agency01", "--since", "2026-09-01T12:00+05:00")


def test_a_country_and_an_anchor_are_added(fed: Lab, run: Run, tmp_path: Path) -> None:
    """Keys made with new-key, policy from TOML, published with every key of the folder."""
    text = (data_dir("keys") / "policies" / "kz.toml").read_text("utf-8").replace('country = "kz"', 'country = "tj"')
    (tmp_path / "tj.toml").write_text(text, "utf-8")
    for kind in ("anchors", "delegations"):
        public = run("new-key", fed.paths.out / kind / "tj.key", passphrase=True)
        (tmp_path / f"{kind}.json").write_text(public, "utf-8")
    run("add-anchor", tmp_path / "anchors.json", "--threshold", "4")
    run("add-country", "tj", "--policy", tmp_path / "tj.toml", "--delegation", tmp_path / "delegations.json")
    run("publish", "--development", passphrase=True)
    store = fed.store(tmp_path / "reader")
    assert "tj" in read(store, fed.files()).policies
    run("replace-delegation", "tj", "--delegation", tmp_path / "delegations.json")
    run("publish", "--development", passphrase=True)
    (tmp_path / "tj.toml").write_text(text.replace("version = 1", "version = 2"), "utf-8")
    run("put-policy", tmp_path / "tj.toml", "--country", "tj")
    run("publish", "--development", passphrase=True)
    assert read(store, fed.files()).policies[UZ.replace("uz", "tj")].version == 2  # type: ignore[index]


def test_keys_are_revoked_and_anchors_removed(fed: Lab, run: Run, tmp_path: Path) -> None:
    """By key id; now, when no time is given; and a discarded change is gone."""
    kid = fed.pair(SHELTER).kid.hex()
    run("revoke", SHELTER, kid, "--by-anchors")
    run("discard")
    assert json.loads(run("show", "--json"))["staged"] == []
    run("revoke", SHELTER, kid)
    anchor = load_signer(fed.paths.anchor(UZ), PASSPHRASE).public_key.keyid
    run("remove-anchor", anchor, "--threshold", "3")
    run("publish", "--development", passphrase=True)
    member = read(fed.store(tmp_path / "reader"), fed.files()).organisations[SHELTER]
    assert [key.compromised_since_ms for key in member.signing_keys] == [NOW_MS]
    run("remove", SHELTER)
    run("publish", "--development", passphrase=True)
    run("verify")


def test_a_country_leaves_and_an_online_key_changes(fed: Lab, run: Run, tmp_path: Path) -> None:
    """Both by the anchors."""
    fed.paths.online("timestamp").rename(tmp_path / "old.key")
    (tmp_path / "new.json").write_text(run("new-key", fed.paths.online("timestamp"), passphrase=True), "utf-8")
    run("replace-online", "timestamp", tmp_path / "new.json")
    run("remove-country", "uz")
    run("publish", "--development", passphrase=True)
    assert read(fed.store(tmp_path / "reader"), fed.files()).countries() == ("kg", "kz", "tm")


def test_the_directory_is_exported(fed: Lab, run: Run, tmp_path: Path) -> None:
    """As one file and as a folder, both as published."""
    for target in (tmp_path / "directory.tar", tmp_path / "folder"):
        run("export", target)
        assert read_publication(target) == list_files(fed.paths.repository)


def test_create_makes_a_federation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From the description in keys/, outside the checkout."""
    monkeypatch.setattr(commands, "machine_ms", lambda: NOW_MS)
    (tmp_path / "passphrase").write_text("x", "utf-8")
    arguments = [
        "--federation",
        str(tmp_path / "made"),
        "create",
        "--description",
        str(data_dir("keys") / "development.toml"),
    ]
    result = CliRunner().invoke(commands.directory, [*arguments, "--passphrase-file", str(tmp_path / "passphrase")])
    assert result.exception is None
    assert "made 22 homes" in result.output


def test_mistakes_are_coded(fed: Lab, run: Run, tmp_path: Path) -> None:
    """Wrong passphrase, missing signatures, missing or huge files, a damaged repository."""
    (tmp_path / "empty").write_text("\n", "utf-8")
    (tmp_path / "wrong").write_text("wrong", "utf-8")
    (tmp_path / "latin").write_bytes(b"\xe9")
    (tmp_path / "huge").write_bytes(b" " * 1_100_000)
    run("suspend", SHELTER)
    cases: list[tuple[tuple[str | Path, ...], Code]] = [
        (("publish", "--passphrase-file", tmp_path / "wrong"), Code.KEYFILE_WRONG_PASSPHRASE),
        (("publish", "--passphrase-file", tmp_path / "empty"), Code.USAGE),
        (("publish", "--passphrase-file", tmp_path / "latin"), Code.FILE_UNREADABLE),
        (("publish", "--passphrase-file", tmp_path / "passphrase"), Code.SIGNATURE_INVALID),
        (("update-keys", SHELTER, tmp_path / "huge"), Code.TOO_LARGE),
        (("update-keys", SHELTER, tmp_path / "none"), Code.FILE_UNREADABLE),
        (("revoke", SHELTER, "zz"), Code.MALFORMED),
        (("suspend", "SHELTER"), Code.MALFORMED),
        (("new-key", fed.paths.anchor(UZ), "--passphrase-file", tmp_path / "passphrase"), Code.KEYFILE_UNSAFE),
        (
            ("sign", next((fed.paths.home(SHELTER) / "keys").iterdir()), "--passphrase-file", tmp_path / "passphrase"),
            Code.KEYFILE_DAMAGED,
        ),
        (
            ("sign", fed.paths.homes()[SHELTER] / "loose.json", "--passphrase-file", tmp_path / "passphrase"),
            Code.KEYFILE_UNSAFE,
        ),
    ]
    (fed.paths.homes()[SHELTER] / "loose.json").write_bytes(b"{}")
    (fed.paths.homes()[SHELTER] / "loose.json").chmod(0o644)
    for words, code in cases:
        with pytest.raises(RefbusError) as caught:
            run(*words)
        assert caught.value.code is code, words


def test_verify_fails_when_something_is_left_out(fed: Lab, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bad member file that a careless publisher let through: the verdict and the reason."""
    publication = fed.publication()
    publication.put(UZ, f"uz/{SHELTER}.json", b"{}")
    monkeypatch.setattr(Publication, "_check", lambda _self, _files: ())
    fed.publish(publication)
    with pytest.raises(RefbusError) as caught:
        run("verify")
    assert caught.value.code is Code.DIRECTORY_INVALID
    assert f"uz/{SHELTER}.json MALFORMED" in run("show")


def test_restoring_asks_what_members_have_seen(fed: Lab, run: Run, tmp_path: Path) -> None:
    """USAGE without; with it the repository is the newest that a member has, and nothing older is published."""
    shutil.copytree(fed.paths.repository, tmp_path / "backup")
    run("suspend", SHELTER)
    run("publish", "--development", passphrase=True)
    run("export", tmp_path / "seen.tar")
    shutil.rmtree(fed.paths.repository)
    shutil.copytree(tmp_path / "backup", fed.paths.repository)
    for words, code in (
        (("publish", "--development"), Code.DIRECTORY_BEHIND),
        (("publish", "--development", "--seen", str(tmp_path / "seen.tar")), Code.DIRECTORY_BEHIND),
        (("restore", "--from", str(tmp_path / "backup")), Code.USAGE),
    ):
        with pytest.raises(RefbusError) as caught:
            run(*words, passphrase=words[0] == "publish")
        assert caught.value.code is code
    said = run("restore", "--from", tmp_path / "backup", "--seen", tmp_path / "seen.tar")
    assert said.startswith("version 2, timestamp 2")
    assert "version 2 is published" in run("publish", "--development", passphrase=True)
