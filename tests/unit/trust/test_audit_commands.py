"""`refbus-ops audit`: an auditor makes and renews its keys itself; anyone gets the policy that checks its proofs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from refbus.core.directory import Directory, OrgRole, OrgStatus
from refbus.core.ids import OrgId
from refbus.errors import Code, RefbusError
from refbus.settings import OpsSettings, from_environment
from refbus.tlog.policy import Policy
from refbus.trust.homes import Home, Identity
from refbus.trust.member.audit_keys import audit_key_id
from refbus.trust.member.enrolment import Profile, first_file
from refbus.trust.publisher import changes
from refbus.trust.publisher.ceremony import DEVELOPMENT_KIB
from refbus.trust.reader.log_policy import audit_keys, auditor_of, policy_text
from refbus_ops.audit import audit
from refbus_ops.context import Operator
from support.ceremonies import KZ, PASSPHRASE, UZ, Lab, lab, later, read
from support.directories import NOW_MS, kem_private, signing_pair

NEWCOMER = OrgId("uz-newchkr1")
Run = Callable[..., str]


@pytest.fixture
def fed(tmp_path: Path) -> Lab:
    """Make a federation of four countries."""
    (tmp_path / "passphrase").write_text(PASSPHRASE + "\n", "utf-8")
    return lab(tmp_path)


def _run(tmp_path: Path, *words: str | Path, now_ms: int = NOW_MS, gate: Path | None = None) -> str:
    operator = Operator(from_environment(OpsSettings, {}), KZ, gate, clock=lambda: now_ms)
    result = CliRunner().invoke(audit, [str(word) for word in words], obj=operator)
    if result.exception is not None:
        raise result.exception
    return result.output


def _keys(tmp_path: Path, what: str, home: Home, *words: str | Path, now_ms: int = NOW_MS) -> str:
    given: list[str | Path] = [
        "--home",
        home.folder,
        "--passphrase-file",
        tmp_path / "passphrase",
        "--out",
        tmp_path / "update.json",
    ]
    return _run(tmp_path, "keys", what, *given, *words, now_ms=now_ms)


def _publish_update(fed: Lab, tmp_path: Path, org_id: OrgId, home: Home) -> Directory:
    publication = fed.publication()
    changes.update_keys(publication, (tmp_path / "update.json").read_bytes(), org_id)
    fed.publish(publication)
    return read(home.trust_store(), fed.files())


def _enrolled(fed: Lab, role: OrgRole = OrgRole.AUDITOR) -> Home:
    """Enrol a newcomer in place of the auditor of uz, and return its home with the directory in it."""
    pair, kem = signing_pair("new auditor"), kem_private("new auditor")
    publication = fed.publication()
    store = fed.store(fed.paths.out / "reader")
    changes.set_status(publication, auditor_of(read(store, fed.files()), UZ).org_id, OrgStatus.REMOVED)
    changes.enrol(publication, first_file(Profile(NEWCOMER, UZ, role, "Fictional"), pair, kem, NOW_MS))
    fed.publish(publication)
    home = Home.create(fed.paths.home(NEWCOMER), Identity(NEWCOMER, UZ, role), fed.paths.root.read_bytes())
    home.save_signing(pair, PASSPHRASE, memory_kib=DEVELOPMENT_KIB)
    read(home.trust_store(), fed.files())
    return home


def _code(action: Callable[[], object]) -> Code:
    with pytest.raises(RefbusError) as caught:
        action()
    return caught.value.code


def test_a_new_auditor_makes_its_keys_itself(fed: Lab, tmp_path: Path) -> None:
    """Enrolled like any member, then `init`; its country signs the update, and its log has a policy."""
    home = _enrolled(fed)
    said = _keys(tmp_path, "init", home, "--name", "new.uz.example")
    assert f"update-keys {NEWCOMER} update.json" in said
    secret = home.log_secret(PASSPHRASE).secret
    assert secret.hex().encode() not in (tmp_path / "update.json").read_bytes()
    directory = _publish_update(fed, tmp_path, NEWCOMER, home)
    assert list(audit_keys(directory, UZ).logs) == ["2026b", "2027a", "2027b", "2028a"]
    first = (tmp_path / "update.json").read_bytes()
    _keys(tmp_path, "init", home, "--name", "new.uz.example")
    assert home.log_secret(PASSPHRASE).secret == secret
    assert len((tmp_path / "update.json").read_bytes()) == len(first)
    assert _code(lambda: _keys(tmp_path, "init", home, "--name", "other.example")) is Code.USAGE


def test_an_auditor_renews_every_half_year(fed: Lab, tmp_path: Path) -> None:
    """Old shards stay, new ones come; an overdue renewal is said by every command until it is published."""
    home = fed.home(auditor_of(read(fed.store(tmp_path / "reader"), fed.files()), KZ).org_id)
    me = home.identity().org_id
    read(home.trust_store(), fed.files())
    assert "warning" not in _run(tmp_path, "keys", "show", "--home", home.folder)
    assert "warning" not in _keys(tmp_path, "renew", home, now_ms=later(120))
    assert "renewal is overdue" in _run(tmp_path, "keys", "show", "--home", home.folder, now_ms=later(300))
    assert "renewal is overdue" in _keys(tmp_path, "renew", home, now_ms=later(300))
    found = audit_keys(_publish_update(fed, tmp_path, me, home), KZ)
    assert list(found.logs) == ["2026b", "2027a", "2027b", "2028a", "2028b", "2029a"]
    shown = _run(tmp_path, "keys", "show", "--home", home.folder, now_ms=later(300))
    assert "warning" not in shown
    assert f"2029a                {audit_key_id(found.logs['2029a'].public).hex()}" in shown
    assert len(shown.splitlines()) == 8


def test_keys_come_back_after_the_key_that_vouched_was_revoked(fed: Lab, tmp_path: Path) -> None:
    """`init` with the name and the first half-year: the same secret, the new signing key."""
    home = _enrolled(fed)
    _keys(tmp_path, "init", home, "--name", "new.uz.example", "--from-shard", "2026a")
    before = audit_keys(_publish_update(fed, tmp_path, NEWCOMER, home), UZ)
    publication = fed.publication()
    new = first_file(Profile(NEWCOMER, UZ, OrgRole.AUDITOR, "Fictional"), signing_pair("x"), kem_private("x"), NOW_MS)
    changes.recover(publication, new, NOW_MS)
    fed.publish(publication)
    home.save_signing(signing_pair("x"), PASSPHRASE, memory_kib=DEVELOPMENT_KIB)
    assert read(home.trust_store(), fed.files()).organisations[NEWCOMER].audit_keys == ()
    assert _code(lambda: _keys(tmp_path, "renew", home)) is Code.KEY_UNKNOWN
    _keys(tmp_path, "init", home, "--name", "new.uz.example", "--from-shard", "2026a")
    assert audit_keys(_publish_update(fed, tmp_path, NEWCOMER, home), UZ) == before


def test_the_policy_is_printed_or_written(fed: Lab, tmp_path: Path) -> None:
    """The same file either way, for the country that is named or the node's own; overdue keys are said beside it."""
    gate = fed.paths.gate(KZ)
    directory = read(Home(gate).trust_store(), fed.files())
    assert _run(tmp_path, "policy", gate=gate) == policy_text(directory, KZ)
    assert _run(tmp_path, "policy", "--country", "uz", "--out", tmp_path / "uz.policy", gate=gate) == ""
    assert (tmp_path / "uz.policy").read_text("utf-8") == policy_text(directory, UZ)
    assert Policy.parse((tmp_path / "uz.policy").read_bytes()).log_keys("uz.audit.refbus.example/2026b")
    assert "renewal is overdue" in _run(tmp_path, "policy", gate=gate, now_ms=later(300))


def test_mistakes_are_coded(fed: Lab, tmp_path: Path) -> None:
    """A name that is none, a half-year to come, a home without directory, with the wrong role, or without its keys."""
    home = _enrolled(fed)
    assert _code(lambda: _keys(tmp_path, "init", home, "--name", "Not/A Name")) is Code.KEY_INVALID
    assert _code(lambda: _keys(tmp_path, "init", home, "--name", "a.b", "--from-shard", "2099a")) is Code.USAGE
    assert _code(lambda: _keys(tmp_path, "renew", home)) is Code.KEY_UNKNOWN
    assert _code(lambda: _run(tmp_path, "keys", "show", "--home", home.folder)) is Code.KEY_UNKNOWN
    gate = Home(fed.paths.gate(UZ))
    assert _code(lambda: _keys(tmp_path, "init", gate, "--name", "a.b")) is Code.ORGANISATION_UNKNOWN
    read(gate.trust_store(), fed.files())
    assert _code(lambda: _keys(tmp_path, "init", gate, "--name", "a.b")) is Code.USAGE
    assert not gate.has_log_secret()
    home.destroy(signing_pair("new auditor").kid)
    assert _code(lambda: _keys(tmp_path, "init", home, "--name", "a.b")) is Code.KEY_UNKNOWN
