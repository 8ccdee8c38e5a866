"""The examples and vectors of docs/spec/audit-log.md, each computed again: the page and the code say the same."""

from __future__ import annotations

import re
from base64 import b64encode
from functools import cache

import pytest

from refbus.audit.proven import check_proof
from refbus.tlog.hashing import leaf_hash
from refbus.tlog.keys import SigType
from refbus.tlog.note import Note, Signature
from refbus.tlog.policy import Policy
from refbus.tlog.prooffile import TlogProof
from refbus.tlog.proofs import Head, consistency_proof, verify_consistency
from support.directories import NOW_MS, auditor, log_name_of, log_secret
from support.logs import NaiveTrees, mth
from support.speclog import DIRECTORY_FILE, FILES, INDEX, POLICY, PROOF, Example, example
from support.tree import ROOT

PAGE = (ROOT / "docs" / "spec" / "audit-log.md").read_text(encoding="utf-8")
COSIGNERS = {country: log_secret(auditor(country)).witness_keys(log_name_of(country)) for country in ("kg", "uz")}
ORIGIN = f"{log_name_of('kz')}/2026b"
run = cache(example)


def block(heading: str) -> list[str]:
    """Return the lines of the first block of code behind a place of the page."""
    return PAGE.split(heading, 1)[1].split("```\n", 2)[1].splitlines()


def vectors() -> dict[str, str]:
    """Return the values of section 11; a value that goes over several lines is joined."""
    found, name = dict[str, str](), ""
    for line in block("## 11. Test vectors"):
        name = line[:16].strip() or name
        found[name] = found.get(name, "") + line[16:]
    return found


def computed(made: Example) -> dict[str, bytes]:
    """Return what section 11 must say."""
    entries, key = made.entries, log_secret(auditor("kz")).log_key(ORIGIN).verifier
    return {
        "secret of kz": log_secret(auditor("kz")).secret,
        "log key": key.public,
        "key id": key.key_id,
        "opening": made.statement.opening,
        "entry 0": entries[0],
        "leaf hash 0": leaf_hash(entries[0]),
        "entry 2": entries[INDEX],
        "leaf hash 2": leaf_hash(entries[INDEX]),
        "root of 3": mth(entries[:3]),
        "root of 5": mth(entries),
        "consistency": b"".join(consistency_proof(NaiveTrees(entries), 3, 5)),
    }


def fixed(proof: TlogProof) -> list[object]:
    """Return all of a proof that is the same on each run: without the bytes of ML-DSA signatures."""
    random = {key.verifier.key_id for keys in COSIGNERS.values() for key in keys if is_mldsa(key.verifier.type)}
    lines = [Signature(line.name, line.key_id, shown(line, random)) for line in proof.note.signatures]
    return [proof.index, proof.hashes, proof.extra, proof.note.text, lines]


def is_mldsa(kind: SigType) -> bool:
    """Whether signatures of this type are random."""
    return kind is SigType.MLDSA44_COSIGNATURE


def shown(line: Signature, random: set[bytes]) -> bytes:
    """Return the signature, of a random one its time only."""
    return line.data[:8] if line.key_id in random else line.data


def test_the_example_on_the_page_is_the_file() -> None:
    """Each line is the one of the proof file, or how it begins where the page cuts it."""
    lines, told = (FILES / PROOF).read_text(encoding="utf-8").splitlines(), block("is the checkpoint.")
    assert len(told) == len(lines)
    for said, line in zip(told, lines, strict=True):
        assert line.startswith(said[:-1]) if said.endswith("…") else line == said


def test_the_files_are_what_the_code_makes() -> None:
    """The auditors write this proof, and the directory gives this policy."""
    made = run()
    assert (FILES / POLICY).read_text(encoding="utf-8") == made.policy
    assert fixed(TlogProof.parse((FILES / PROOF).read_bytes())) == fixed(TlogProof.parse(made.proof))


def test_the_example_holds() -> None:
    """The verifier's steps on the files alone give what the page says, with both witnesses at that time."""
    policy = Policy.parse((FILES / POLICY).read_bytes())
    proven = check_proof((FILES / PROOF).read_bytes(), policy, now_s=NOW_MS // 1000)
    assert (proven.origin, proven.index, proven.size) == (ORIGIN, INDEX, 5)
    assert (proven.witnesses, proven.quorum_at_s) == (
        {f"{log_name_of(country)}/witness": NOW_MS // 1000 for country in COSIGNERS},
        NOW_MS // 1000,
    )
    assert proven.statement == run().statement


@pytest.mark.parametrize("name", computed(run()))
def test_vectors_of_the_page(name: str) -> None:
    """Each value of section 11 is what the code computes."""
    assert vectors()[name] == computed(run())[name].hex()


def test_the_page_has_these_vectors() -> None:
    """No value stands there that nothing checks."""
    assert list(vectors()) == list(computed(run()))


def test_what_members_get_is_the_proof_of_the_page() -> None:
    """The record on the topic of proofs has the same entry, index and hashes, and a checkpoint of the same text."""
    made, file = run(), TlogProof.parse((FILES / PROOF).read_bytes())
    given = made.proofs.proofs[INDEX]
    assert (given.index, given.entry, given.hashes) == (INDEX, made.statement.leaf, file.hashes)
    assert Note.parse(made.proofs.checkpoint).text == file.note.text


def test_the_consistency_proof_of_the_page() -> None:
    """A reader who has nothing but the page can follow the log from 3 entries to 5."""
    told = vectors()
    hashes = [bytes.fromhex(part) for part in re.findall(".{64}", told["consistency"])]
    old, new = (Head(size, bytes.fromhex(told[f"root of {size}"])) for size in (3, 5))
    verify_consistency(old, new, hashes)
    assert b64encode(new.root).decode() in PAGE


def test_the_directory_file_of_the_page() -> None:
    """The page names path and content of the file behind entry 0."""
    path, content = DIRECTORY_FILE
    assert f"`{path}`" in PAGE
    assert f"`{content.decode()}`" in PAGE
