"""`refbus audit`: proofs for a referral, anyone's check of them, a whole log, and what the inspector opens."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from refbus.audit.erasure import OrderAnswer, make_orders, order_leaf
from refbus.audit.export import Exported
from refbus.audit.statement import Statement
from refbus.errors import Code
from refbus.tlog.prooffile import TlogProof
from refbus.wire.logs import LogProofs
from refbus_gateway.store import cases, referrals, statements
from support.audit import AUDIT_KEY, audit_record
from support.auditlogs import CountryLog
from support.ceremonies import AGENCY, KG, KZ, TM, UZ
from support.commands import Commands, file
from support.directories import gate
from support.gateways import Pair, sent


class Scene:
    """A referral whose decision the log of kz has proven, and commands to look at it with."""

    def __init__(self, folder: Path, capture: pytest.CaptureFixture[str]) -> None:
        self.pair = Pair(folder)
        self.log = CountryLog(self.pair.world, KZ)
        self.commands = Commands(self.pair.world, capture)
        self.folder = folder
        _, self.number = sent(self.pair.kz)
        self.pair.exchange()

    def prove(self) -> None:
        """Let the log prove everything."""
        self.log.take()
        self.log.publish()
        self.pair.world.sync(self.pair.kz)

    def files(self) -> tuple[list[str], str]:
        """Write the proof files of the referral; return them and the policy file."""
        out = self.folder / "proofs"
        self.commands.run(AGENCY, "audit", "proof", str(self.number), "--out", str(out))
        return sorted(str(path) for path in out.glob("*.tlog-proof")), str(out / "kz.tlog-policy")

    def export(self, *changed: Exported) -> str:
        """Write an export of everything that was logged, or of `changed`."""
        entries = [Exported(self.log.origin, at, ms, entry.encode()) for at, entry, ms in self.log.exported]
        return file(self.folder, "export", b"".join(each.encode() for each in (changed or entries)))


@pytest.fixture
def scene(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Scene]:
    """Give a scene for one test."""
    made = Scene(tmp_path, capsys)
    yield made
    made.pair.close()


def test_a_proof_is_written_and_checked_by_anyone(scene: Scene) -> None:
    """The files of a referral verify with public keys alone, in plain words: who, what, which event, log, witnesses."""
    scene.prove()
    proofs, policy = scene.files()
    ran = scene.commands.bare("audit", "verify", *proofs, "--policy", policy)
    assert "referral-1-01-sent.tlog-proof: PROVEN" in ran.out
    assert f"the gateway of {AGENCY}" in ran.out
    assert "Sealed and sent: Done (SENT DONE)" in ran.out
    assert "Referral requested (ReferralRequested)" in ran.out
    assert f"{scene.log.origin}, entry 0 of 1" in ran.out
    assert "kg.audit.refbus.example/witness, 2026-09-21" in ran.out


def test_a_checked_proof_as_json(scene: Scene) -> None:
    """Scripts get record, place, witnesses and times."""
    scene.prove()
    proofs, policy = scene.files()
    (value,) = scene.commands.bare("audit", "verify", *proofs, "--policy", policy, "--json").value
    assert value["proven"] is True
    assert (value["record"]["writer"], value["record"]["stage"]) == (AGENCY, "SENT")
    assert (value["origin"], value["index"]) == (scene.log.origin, 0)
    assert value["quorum_at_s"] == scene.pair.world.clock.now_ms // 1000


def test_what_waits_is_told(scene: Scene) -> None:
    """Before the log has proven anything there is no file, and the command says what it waits for."""
    ran = scene.commands.run(AGENCY, "audit", "proof", str(scene.number), "--out", str(scene.folder / "out"))
    assert "waits for the proof of the audit log; the broker has it" in ran.out
    assert [path.name for path in (scene.folder / "out").iterdir()] == ["kz.tlog-policy"]
    value = scene.commands.json(AGENCY, "audit", "proof", str(scene.number))
    assert [(each["file"], each["awaited"]) for each in value["statements"]] == [(None, True)]
    assert (value["policy"], value["policies"]) == ("kz.tlog-policy", ["kz.tlog-policy"])
    ran = scene.commands.run(AGENCY, "status")
    assert "1 entries wait for a proof of the audit log since" in ran.out


def test_files_are_for_the_owner_alone(scene: Scene) -> None:
    """Whoever has a proof can read it: the files are written with mode 0600."""
    scene.prove()
    proofs, _ = scene.files()
    assert {Path(each).stat().st_mode & 0o777 for each in proofs} == {0o600}


def _tampered(proof: TlogProof) -> dict[str, tuple[bytes, Code]]:
    """Return ways to change a proof, each with the code that it ends in."""
    good = proof.encode()
    statement = Statement.parse(proof.extra or b"")
    other = base64.b64encode(statement.encode().replace(AGENCY.encode(), b"kz-agency02")).decode()
    extra = base64.b64encode(proof.extra or b"").decode()
    return {
        "statement": (good.replace(extra.encode(), other.encode()), Code.PROOF_INVALID),
        "index": (good.replace(b"\nindex 0\n", b"\nindex 1\n"), Code.PROOF_INVALID),
        "size": (good.replace(b"/2026b\n1\n", b"/2026b\n2\n"), Code.SIGNATURE_INVALID),
        "header": (good.replace(b"@v1", b"@v2", 1), Code.NOT_CANONICAL),
        "nothing": (b"", Code.NOT_CANONICAL),
        "no statement": (good.replace(f"extra {extra}\n".encode(), b""), Code.PROOF_INVALID),
        "log": (good.replace(b"kz.audit", b"zz.audit"), Code.KEY_UNKNOWN),
    }


@pytest.mark.parametrize("way", ["statement", "index", "size", "header", "nothing", "no statement", "log"])
def test_a_tampered_proof_is_refused(scene: Scene, way: str) -> None:
    """Each change ends in its code and an exit status, and a good proof beside it stays proven."""
    scene.prove()
    proofs, policy = scene.files()
    content, code = _tampered(TlogProof.parse(Path(proofs[0]).read_bytes()))[way]
    bad = file(scene.folder, "bad.tlog-proof", content)
    ran = scene.commands.bare("audit", "verify", bad, *proofs, "--policy", policy, ok=False)
    assert "bad.tlog-proof: NOT PROVEN" in ran.out
    assert code in ran.out
    assert ran.out.count(": PROVEN") == 1
    ran = scene.commands.bare("audit", "verify", bad, "--policy", policy, "--json", ok=False)
    assert ran.value[0]["code"] == code


def test_too_few_witnesses_are_refused(scene: Scene) -> None:
    """A proof under a checkpoint that one country cosigned does not count."""
    scene.prove()
    proofs, policy = scene.files()
    proof = TlogProof.parse(Path(proofs[0]).read_bytes())
    weak = TlogProof(proof.index, proof.hashes, scene.log.checkpoint(witnesses=[TM]), proof.extra)
    ran = scene.commands.bare(
        "audit", "verify", file(scene.folder, "weak", weak.encode()), "--policy", policy, "--json", ok=False
    )
    assert ran.value[0]["code"] == Code.QUORUM_MISSING


def test_a_time_to_come_is_refused(scene: Scene) -> None:
    """A cosignature of tomorrow is false today."""
    scene.prove()
    proofs, policy = scene.files()
    proof = TlogProof.parse(Path(proofs[0]).read_bytes())
    note = scene.log.checkpoint(at_s=scene.pair.world.clock.now_ms // 1000 + 86_400)
    early = TlogProof(proof.index, proof.hashes, note, proof.extra)
    path = file(scene.folder, "early", early.encode())
    ran = scene.commands.bare("audit", "verify", path, "--policy", policy, "--json", ok=False)
    assert ran.value[0]["code"] == Code.SIGNATURE_INVALID
    scene.pair.world.clock.move(days=1)
    assert scene.commands.bare("audit", "verify", path, "--policy", policy, "--json").value[0]["proven"]


def test_a_proof_without_content_needs_the_entry(scene: Scene) -> None:
    """With the entry or the statement in a file of its own a bare proof can be checked; another entry is refused."""
    scene.prove()
    proofs, policy = scene.files()
    proof = TlogProof.parse(Path(proofs[0]).read_bytes())
    bare = file(scene.folder, "bare", TlogProof(proof.index, proof.hashes, proof.note).encode())
    statement = file(scene.folder, "statement", proof.extra or b"")
    entry = file(scene.folder, "entry", scene.log.entries[0])
    ran = scene.commands.bare("audit", "verify", bare, "--policy", policy, "--entry", statement)
    assert "Sealed and sent" in ran.out
    ran = scene.commands.bare("audit", "verify", bare, "--policy", policy, "--entry", entry)
    assert "The content of the entry is not shown." in ran.out
    other = file(scene.folder, "other", b"another entry")
    ran = scene.commands.bare("audit", "verify", proofs[0], "--policy", policy, "--entry", other, "--json", ok=False)
    assert ran.value[0]["code"] == Code.PROOF_INVALID


def test_evidence_of_a_fork_can_be_handed_on(scene: Scene) -> None:
    """Both checkpoints are written out as the log signed them."""
    assert "No log has contradicted itself" in scene.commands.run(AGENCY, "audit", "evidence").out
    scene.prove()
    forked = scene.log.checkpoint([b"another past"])
    scene.log.put(LogProofs(forked.encode(), ()))
    scene.pair.world.sync(scene.pair.kz)
    out = scene.folder / "evidence"
    ran = scene.commands.run(AGENCY, "audit", "evidence", "--out", str(out))
    assert f"{scene.log.origin}: two checkpoints" in ran.out
    assert (out / "fork-1-second").read_bytes() == forked.encode()
    assert (out / "fork-1-first").read_bytes() != forked.encode()


def test_a_whole_log_is_checked(scene: Scene) -> None:
    """Every file of a log and its quorum; one edited entry is found, with an exit status."""
    scene.prove()
    _, policy = scene.files()
    shard = next(scene.log.write(scene.folder / "log").iterdir())
    old = file(scene.folder, "old", (shard / "checkpoint").read_bytes())
    ran = scene.commands.bare("audit", "fsck", str(shard), "--policy", policy, "--since", old)
    assert "Every entry, hash and signature holds. It continues the older checkpoint." in ran.out
    bundle = shard / "tile" / "entries" / "000.p" / "1"
    bundle.write_bytes(bundle.read_bytes()[:-1] + b"x")
    ran = scene.commands.bare("audit", "fsck", str(shard), "--policy", policy, ok=False)
    assert Code.LOG_INCONSISTENT in ran.out
    assert "THINGS ARE WRONG" in ran.out
    value = scene.commands.bare("audit", "fsck", str(shard), "--policy", policy, "--json", ok=False).value
    assert value["findings"][0]["code"] == Code.LOG_INCONSISTENT


def test_a_log_without_its_quorum_is_told(scene: Scene) -> None:
    """A log that holds, under a checkpoint with too few witnesses, is not all right."""
    scene.prove()
    _, policy = scene.files()
    shard = next(scene.log.write(scene.folder / "log").iterdir())
    (shard / "checkpoint").write_bytes(scene.log.checkpoint(witnesses=[KG]).encode())
    ran = scene.commands.bare("audit", "fsck", str(shard), "--policy", policy, ok=False)
    assert Code.QUORUM_MISSING in ran.out


def test_the_inspector_opens_what_was_exported(scene: Scene) -> None:
    """Signature, content and leaf of each entry are checked against directory, keys of the role and published log."""
    scene.prove()
    _, policy = scene.files()
    place = str(scene.log.write(scene.folder / "log"))
    inspector = scene.log.inspector(KZ)
    trust = scene.pair.world.lab.home(inspector).trust_store()
    trust.refresh_from(scene.pair.world.lab.files(), scene.pair.world.clock.now_ms)
    ran = scene.commands.run(inspector, "audit", "open", scene.export(), "--policy", policy, "--log", place)
    assert "Sealed and sent: Done (SENT DONE)  ReferralRequested" in ran.out
    assert "ok, in the log" in ran.out
    assert "1 entries, 0 with problems." in ran.out
    (value,) = scene.commands.json(inspector, "audit", "open", scene.export(), "--policy", policy)
    assert (value["record"]["writer"], value["in_log"], value["problems"]) == (AGENCY, None, [])


def test_the_inspector_sees_who_ordered_what_to_be_erased(scene: Scene) -> None:
    """An order stands in the export like an entry: who, how many, and by the log whether it was obeyed."""
    scene.prove()
    kz, now_ms = scene.pair.kz, scene.pair.world.clock.now_ms
    signer = kz.keys.signer(kz.view(), kz.me, now_ms)
    (order,) = make_orders(kz.me, [bytes(16), b"d" * 16], signer, now_ms)
    scene.log.entries.append(order_leaf(order.encode(), OrderAnswer.REFUSED))
    place = str(scene.log.write(scene.folder / "log"))
    policy = scene.files()[1]
    inspector = scene.log.inspector(KZ)
    trust = scene.pair.world.lab.home(inspector).trust_store()
    trust.refresh_from(scene.pair.world.lab.files(), now_ms)
    index = len(scene.log.entries) - 1
    exported = Exported(scene.log.origin, index, now_ms, order.encode())
    forged = Exported(scene.log.origin, index, now_ms, replace(order, at_ms=now_ms + 1).encode())
    export = scene.export(exported, forged)
    good, bad = scene.commands.run(
        inspector, "audit", "open", export, "--policy", policy, "--log", place, "--json", ok=False
    ).value
    assert (good["writer"], good["answer"], good["problems"]) == (AGENCY, "REFUSED", [])
    assert good["order"] == [bytes(16).hex(), (b"d" * 16).hex()]
    assert (bad["in_log"], bad["problems"]) == (False, [Code.SIGNATURE_INVALID, Code.PROOF_INVALID])


def test_the_inspector_sees_what_is_false(scene: Scene) -> None:
    """A record at another place of the log, one that was changed and one out of its time each have their code."""
    sent(scene.pair.kz)
    scene.pair.world.sync(scene.pair.kz)
    scene.prove()
    scene.log.entries.append(b"another entry")
    _, policy = scene.files()
    place = str(scene.log.write(scene.folder / "log"))
    inspector = scene.log.inspector(KZ)
    trust = scene.pair.world.lab.home(inspector).trust_store()
    trust.refresh_from(scene.pair.world.lab.files(), scene.pair.world.clock.now_ms)
    index, entry, at_ms = scene.log.exported[0]
    raw = entry.encode()
    middle = len(raw) // 2
    changed = raw[:middle] + bytes([raw[middle] ^ 1]) + raw[middle + 1 :]
    export = scene.export(
        Exported(scene.log.origin, index + 1, at_ms, raw),
        Exported(scene.log.origin, index, at_ms, changed),
        Exported(scene.log.origin, index, 0, raw),
        Exported("zz.audit.example/2026b", index, at_ms, raw),
        Exported(scene.log.origin, index, at_ms, raw),
    )
    ran = scene.commands.run(inspector, "audit", "open", export, "--policy", policy, "--log", place, "--json", ok=False)
    assert [each["problems"] for each in ran.value] == [
        [Code.PROOF_INVALID],
        [Code.SIGNATURE_INVALID, Code.OPEN_FAILED],
        [Code.KEY_EXPIRED],
        [Code.KEY_UNKNOWN],
        [],
    ]


def test_what_the_log_has_not_published_yet_is_no_false_entry(scene: Scene) -> None:
    """An entry newer than the published log has a code of its own, what to do, and a status that says: try again."""
    scene.prove()
    _, policy = scene.files()
    place = str(scene.log.write(scene.folder / "log"))
    inspector = scene.log.inspector(KZ)
    trust = scene.pair.world.lab.home(inspector).trust_store()
    trust.refresh_from(scene.pair.world.lab.files(), scene.pair.world.clock.now_ms)
    index, entry, at_ms = scene.log.exported[0]
    raw = entry.encode()
    sound = Exported(scene.log.origin, index, at_ms, raw)
    early = Exported(scene.log.origin, len(scene.log.entries), at_ms, raw)
    command = ("audit", "open", scene.export(sound, early), "--policy", policy, "--log", place)
    ran = scene.commands.run(inspector, *command, "--json", ok=False)
    told = [(each["problems"], each["in_log"], each["refuted"]) for each in ran.value]
    assert (ran.status, told) == (3, [([], True, False), ([Code.LOG_NOT_PUBLISHED], False, False)])
    ran = scene.commands.run(inspector, *command, ok=False)
    assert Code.PROOF_INVALID not in ran.out
    assert "2 entries, 0 with problems." in ran.out
    assert "LOG_NOT_PUBLISHED: the log has not published so far yet" in ran.out
    assert "Wait a minute, fetch a copy anew" in ran.out
    report = ("audit", "report", "--export", command[2], "--policy", policy, "--log", place)
    steps = scene.commands.run(inspector, *report, "--json").value["steps"]
    assert [each["surety"] for each in steps] == ["PROVEN", "WAITING"]
    foreign = scene.export(Exported("zz.audit.example/2026b", index, at_ms, raw))
    again = ("audit", "report", "--export", foreign, *report[4:], "--json")
    (step,) = scene.commands.run(inspector, *again).value["steps"]
    assert (step["surety"], step["codes"]) == ("UNCHECKED", [Code.KEY_UNKNOWN])


def test_only_the_inspector_opens(scene: Scene) -> None:
    """Any other home is told so at once."""
    scene.prove()
    _, policy = scene.files()
    ran = scene.commands.run(AGENCY, "audit", "open", scene.export(), "--policy", policy, ok=False)
    assert Code.ROLE_NOT_ALLOWED in ran.err


def test_a_missing_proof_is_looked_up_in_the_published_log(scene: Scene) -> None:
    """What the topic never brought is found in the files of the log, kept, and checked like any other."""
    scene.log.take()
    place = str(scene.log.write(scene.folder / "log"))
    out = scene.folder / "proofs"
    value = scene.commands.json(AGENCY, "audit", "proof", "1", "--log", place, "--out", str(out))
    assert value["statements"][0]["file"] == "referral-1-01-sent.tlog-proof"
    proofs, policy = scene.files()
    assert "PROVEN" in scene.commands.bare("audit", "verify", *proofs, "--policy", policy).out


def test_what_another_country_logged_is_looked_up_there(scene: Scene) -> None:
    """A statement of the gate of uz is proven by the log of uz, under the policy of uz."""
    uz = CountryLog(scene.pair.world, UZ)
    statement = Statement.of(audit_record(writer=gate("uz")), AUDIT_KEY)
    with scene.pair.kz.store.write() as tx:
        referral = referrals.get(tx, scene.number)
        event = referrals.events_of(tx, referral)[0]
        link = statements.Link(cases.get(tx, referral.case_id), event.id, awaited=False)
        statements.add(tx, statement, link)
    assert "is in the audit log of the other country" in scene.commands.run(AGENCY, "audit", "proof", "1").out
    uz.entries += [b"before", statement.leaf]
    place = str(uz.write(scene.folder / "uz-log"))
    out = scene.folder / "proofs"
    value = scene.commands.json(AGENCY, "audit", "proof", "1", "--log", place, "--out", str(out))
    assert value["policies"] == ["kz.tlog-policy", "uz.tlog-policy"]
    (found,) = out.glob("*.tlog-proof")
    ran = scene.commands.bare("audit", "verify", str(found), "--policy", str(out / "uz.tlog-policy"))
    assert "the national gate of uz (uz-gate)" in ran.out
    assert f"{uz.origin}, entry 1 of 2" in ran.out


def test_a_lying_log_proves_nothing(scene: Scene) -> None:
    """Files that do not lead to the signed root give an error and no proof."""
    scene.log.take()
    scene.log.entries.append(b"one more")
    place = scene.log.write(scene.folder / "log")
    tile = next(place.glob("*/tile/0/000.p/*"))
    tile.write_bytes(tile.read_bytes()[:32] + bytes(32))
    ran = scene.commands.run(AGENCY, "audit", "proof", "1", "--log", str(place), ok=False)
    assert Code.PROOF_INVALID in ran.err
    assert "waits for the proof" in scene.commands.run(AGENCY, "audit", "proof", "1").out
