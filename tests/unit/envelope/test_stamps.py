"""Exit stamps and hop receipts of both versions: what holds, and every way in which one could stand for another."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest

from refbus.core.bounds import MOST_PATH, MOST_STAMPED
from refbus.core.ids import CountryCode
from refbus.crypto.framing import sha256
from refbus.crypto.signing import LABEL_HOP_ROOT, LABEL_PASS_ROOT, SigningPair
from refbus.envelope import stamps
from refbus.envelope.stamps import HOP_LEAVES, Stamper, signed_of_pass, verify_hop, verify_pass
from refbus.errors import Code, MalformedError, RefbusError
from refbus.wire.transport import HopOutcome, HopReceipt, Passed
from support.directories import federation, gate, signing_key
from support.envelopes import NO_TREE, NOW_HOUR

FED = federation()
KZ, KG, UZ = CountryCode("kz"), CountryCode("kg"), CountryCode("uz")
ENVELOPES = [f"envelope {number}".encode() for number in range(5)]
SAID = [(sha256(each), HopOutcome.TAKEN) for each in ENVELOPES]
PAIR = FED.pairs[gate("kz")]
THERE = FED.pairs[gate("uz")]
GOING = Stamper(PAIR, (KZ, UZ), NOW_HOUR)
COMING = Stamper(THERE, (KZ, UZ), NOW_HOUR)


def holds(passed: Passed, pair: SigningPair = PAIR) -> str:
    """Return "" for a pass whose stamp holds after it was written and read again, else the code that says why not."""
    try:
        read = Passed.parse(passed.encode())
        verify_pass(read, sha256(read.envelope), signing_key(pair))
    except RefbusError as error:
        return str(error.code)
    return ""


def hop_holds(receipt: HopReceipt, pair: SigningPair = THERE) -> str:
    """Return the same of a hop receipt."""
    try:
        verify_hop(HopReceipt.parse(receipt.encode()), signing_key(pair))
    except RefbusError as error:
        return str(error.code)
    return ""


def test_both_versions_of_a_stamp_hold() -> None:
    """Signed alone, in a tree of one, and in a tree of five: each with its own envelope."""
    alone, (one,), batch = GOING.passed(b"envelope"), GOING.passes([b"envelope"]), GOING.passes(ENVELOPES)
    assert [holds(each) for each in (alone, one, *batch)] == [""] * 7
    assert [each.envelope for each in batch] == ENVELOPES
    assert (alone.version, one.version, one.index, one.size, one.path) == (1, 2, 0, 1, b"")
    assert {(each.ed25519, each.mldsa65, each.size) for each in batch} == {(batch[0].ed25519, batch[0].mldsa65, 5)}


def test_both_versions_of_a_hop_receipt_hold() -> None:
    """Signed alone, and in a tree of one or five."""
    alone, (one,), batch = COMING.hop(*SAID[0]), COMING.hops(SAID[:1]), COMING.hops(SAID)
    assert [hop_holds(each) for each in (alone, one, *batch)] == [""] * 7
    assert [each.envelope_sha256 for each in batch] == [about for about, _ in SAID]
    assert len({each.ed25519 for each in batch}) == 1


def test_a_stamp_of_version_1_has_the_bytes_that_it_always_had() -> None:
    """A reader of the first release reads it: no field of the second version is written."""
    passed, receipt = GOING.passed(b"envelope"), COMING.hop(*SAID[0])
    assert passed.encode().endswith(b"\x02" + b"\xda\x33" + (passed.mldsa65 or b""))
    assert receipt.encode().endswith(receipt.kid + receipt.ed25519)


def test_a_receipt_does_not_tell_how_many_there_were() -> None:
    """Size of the tree, length of the path and size of the record are the same for one receipt and for 256."""
    made = [*COMING.hops(SAID[:1]), *COMING.hops(SAID), *COMING.hops(SAID * 60)]
    assert {(each.size, len(each.path)) for each in made} == {(HOP_LEAVES, 8 * 32)}
    assert [hop_holds(each) for each in made] == [""] * len(made)
    assert len({each.index for each in made[-44:]}) == 44, "each has a place of its own"


def test_more_than_a_tree_takes_are_signed_in_several(monkeypatch: pytest.MonkeyPatch) -> None:
    """300 receipts are two trees; so are five passes where a tree takes four."""
    assert len({each.ed25519 for each in COMING.hops(SAID * 60)}) == 2
    monkeypatch.setattr(stamps, "MOST_STAMPED", 4)
    made = GOING.passes(ENVELOPES)
    assert [(each.index, each.size) for each in made] == [(0, 4), (1, 4), (2, 4), (3, 4), (0, 1)]
    assert [holds(each) for each in made] == [""] * 5


def test_nothing_to_stamp_is_nothing() -> None:
    """There is no tree without a leaf."""
    assert (GOING.passes([]), COMING.hops([])) == ([], [])


def test_equal_events_have_other_leaves() -> None:
    """Two receipts for one envelope in one batch differ by salt and place: no path shows that two are the same."""
    one, two = COMING.hops([SAID[0], SAID[0]])
    assert (one.salt != two.salt, one.index != two.index) == (True, True)
    assert [hop_holds(one), hop_holds(two)] == ["", ""]
    assert hop_holds(dataclasses.replace(two, index=one.index, path=one.path)) == Code.SIGNATURE_INVALID


BATCH = GOING.passes(ENVELOPES)
OTHER = GOING.passes([b"another", *ENVELOPES[1:]])
ALONE = GOING.passed(ENVELOPES[1])
HOPS = COMING.hops(SAID)
ABROAD = Stamper(PAIR, (KZ, KG), NOW_HOUR).passes(ENVELOPES)


def root_of(passed: Passed) -> bytes:
    """Return what is signed of the tree of a pass."""
    return signed_of_pass(passed, sha256(passed.envelope))[1]


def under(label: bytes) -> dict[str, Any]:
    """Return the signatures of the batch's root under another label."""
    made = PAIR.sign(label, root_of(BATCH[1]))
    return {"ed25519": made.ed25519, "mldsa65": made.mldsa65}


def signatures(passed: Passed) -> dict[str, Any]:
    """Return the signatures of a pass."""
    return {"ed25519": passed.ed25519, "mldsa65": passed.mldsa65}


FALSE: dict[str, dict[str, Any]] = {
    "stripped to version 1": NO_TREE,
    "version 1 that kept its place": {"version": 1},
    "version 2 of version 1's signatures": signatures(ALONE),
    "a version that nobody knows": {"version": 3},
    "the path of another batch": {"path": OTHER[1].path},
    "the root of another batch": signatures(OTHER[1]),
    "path and root of another batch": {"path": OTHER[1].path, **signatures(OTHER[1])},
    "the root of the same batch to another country": signatures(ABROAD[1]),
    "a root signed for receipts": under(LABEL_HOP_ROOT),
    "the place of a neighbour": {"index": BATCH[2].index},
    "place and path of a neighbour": {"index": BATCH[2].index, "path": BATCH[2].path},
    "salt, place and path of a neighbour": {name: getattr(BATCH[2], name) for name in ("salt", "index", "path")},
    "a place outside the tree": {"index": 5},
    "a smaller tree": {"size": 4},
    "a larger tree": {"size": 6},
    "an empty tree": {"size": 0},
    "no path": {"path": b""},
    "a path cut short": {"path": BATCH[1].path[:-32]},
    "a path that goes on": {"path": BATCH[1].path + bytes(32)},
    "half a hash": {"path": BATCH[1].path[:-1]},
    "a path in the other order": {"path": BATCH[1].path[32:64] + BATCH[1].path[:32] + BATCH[1].path[64:]},
    "no salt": {"salt": b""},
    "another salt": {"salt": bytes(32)},
    "another hour": {"hour": NOW_HOUR + 1},
    "another country of origin": {"from_country": KG},
    "another country of destination": {"to_country": KG},
    "another envelope": {"envelope": b"another"},
    "without ML-DSA": {"mldsa65": None},
    "without Ed25519": {"ed25519": bytes(64)},
}


@pytest.mark.parametrize("changes", FALSE.values(), ids=FALSE.keys())
def test_no_pass_stands_for_another(changes: dict[str, Any]) -> None:
    """Whatever of a pass in a batch is taken from elsewhere, it does not hold."""
    assert holds(BATCH[1]) == "", "it holds as it was made"
    found = holds(dataclasses.replace(BATCH[1], **changes))
    assert found in {Code.SIGNATURE_INVALID, Code.MALFORMED, Code.UNSUPPORTED_VERSION}


def test_a_pass_of_version_1_does_not_become_one_of_version_2() -> None:
    """Neither with a place in a tree of one nor with the place of the same envelope in a batch."""
    assert holds(dataclasses.replace(ALONE, version=2, size=1, salt=bytes(32))) == Code.SIGNATURE_INVALID
    place = {name: getattr(BATCH[1], name) for name in ("version", "salt", "index", "size", "path")}
    assert holds(dataclasses.replace(ALONE, **place)) == Code.SIGNATURE_INVALID


def test_a_root_holds_under_its_label_alone() -> None:
    """The same bytes, signed under the label of passes, hold; so the test of the other label can fail."""
    assert holds(dataclasses.replace(BATCH[1], **under(LABEL_PASS_ROOT))) == ""


def test_the_last_leaf_counts_once() -> None:
    """A tree of three is none of four with its last leaf twice: RFC 6962 section 2.1 pairs no leaf with itself."""
    last = GOING.passes(ENVELOPES[:3])[2]
    leaf = stamps._pass_leaf(last, sha256(last.envelope))
    for size in (3, 4):
        for index in (2, 3):
            twice = dataclasses.replace(last, size=size, index=index, path=leaf + last.path)
            assert holds(twice) == Code.SIGNATURE_INVALID


FALSE_HOPS: dict[str, dict[str, Any]] = {
    "stripped to version 1": NO_TREE,
    "another envelope": {"envelope_sha256": bytes(32)},
    "another outcome": {"outcome": HopOutcome.QUARANTINED},
    "another hour": {"hour": NOW_HOUR + 1},
    "another country of origin": {"from_country": KG},
    "another country of destination": {"to_country": KG},
    "the path of another": {"path": HOPS[2].path},
    "place and path of another": {"index": HOPS[2].index, "path": HOPS[2].path},
    "another size": {"size": 255},
    "an empty tree": {"size": 0},
    "a root signed for passes": {"ed25519": BATCH[1].ed25519},
}


@pytest.mark.parametrize("changes", FALSE_HOPS.values(), ids=FALSE_HOPS.keys())
def test_no_receipt_stands_for_another(changes: dict[str, Any]) -> None:
    """Whatever of a receipt in a batch is taken from elsewhere, it does not hold."""
    assert hop_holds(HOPS[1]) == "", "it holds as it was made"
    assert hop_holds(dataclasses.replace(HOPS[1], **changes)) in {Code.SIGNATURE_INVALID, Code.MALFORMED}


@pytest.mark.parametrize("receipt", [COMING.hop(*SAID[0]), HOPS[0]], ids=["alone", "in a batch"])
def test_a_receipt_of_a_crossing_holds_for_its_envelope_its_road_and_its_outcome(receipt: HopReceipt) -> None:
    """Signed by the gate of destination; any other value, or another key, is SIGNATURE_INVALID."""
    changes: list[dict[str, Any]] = [
        {"envelope_sha256": bytes(31) + b"1"},
        {"from_country": KG},
        {"to_country": KG},
        {"outcome": HopOutcome.QUARANTINED},
        {"hour": NOW_HOUR + 1},
    ]
    found = [hop_holds(dataclasses.replace(receipt, **change)) for change in changes]
    assert [*found, hop_holds(receipt, PAIR)] == [Code.SIGNATURE_INVALID] * 6
    assert hop_holds(receipt) == ""


@pytest.mark.parametrize("made", [BATCH[0], HOPS[0]], ids=["pass", "receipt"])
def test_a_path_is_bounded(made: Passed | HopReceipt) -> None:
    """A path of 13 hashes, a tree of 4,097 leaves and a place behind it are MALFORMED before anything is computed."""
    for changes in ({"path": bytes(32 * (MOST_PATH + 1))}, {"size": MOST_STAMPED + 1}, {"index": MOST_STAMPED}):
        with pytest.raises(MalformedError) as caught:
            dataclasses.replace(made, **changes).encode()
        assert caught.value.code is Code.MALFORMED


def test_the_largest_tree_has_a_path_that_is_read() -> None:
    """The first and the last of 4,096 hold; there is no longer path."""
    made = GOING.passes([number.to_bytes(2, "big") for number in range(MOST_STAMPED)])
    assert [len(made[at].path) // 32 for at in (0, -1)] == [MOST_PATH, MOST_PATH]
    assert [holds(made[0]), holds(made[-1])] == ["", ""]


def test_a_root_is_verified_once() -> None:
    """Five passes of a batch cost one verification; a false one among them costs its own and is never remembered."""
    stamps._pass_root_holds.cache_clear()
    batch = GOING.passes(ENVELOPES)
    false = dataclasses.replace(batch[0], mldsa65=bytes(3309))
    found = [holds(each) for each in (false, *batch, false, false)]
    assert found == [Code.SIGNATURE_INVALID, *[""] * 5, Code.SIGNATURE_INVALID, Code.SIGNATURE_INVALID]
    seen = stamps._pass_root_holds.cache_info()
    assert (seen.hits, seen.misses, seen.currsize) == (4, 4, 1)
    assert (seen.maxsize or 0) <= 1024


def test_a_remembered_root_holds_under_its_key_alone() -> None:
    """What was verified with one key is verified anew with another, and fails."""
    (made,) = GOING.passes([b"envelope"])
    assert [holds(made), holds(made, THERE), holds(made)] == ["", Code.SIGNATURE_INVALID, ""]


def every_bit(record: bytes, check: Callable[[bytes], str]) -> set[str]:
    """Return what comes of a record with each of its bits flipped."""
    found = set()
    for at in range(8 * len(record)):
        changed = bytearray(record)
        changed[at // 8] ^= 1 << at % 8
        found.add(check(bytes(changed)))
    return found


def test_no_bit_of_a_receipt_is_free() -> None:
    """Each bit counts: a receipt with one flipped is malformed or does not hold, or names another road or key."""

    def check(raw: bytes) -> str:
        try:
            return hop_holds(HopReceipt.parse(raw))
        except RefbusError as error:
            return str(error.code)

    kid = HOPS[0].encode().index(HOPS[0].kid)
    raw = HOPS[0].encode()
    before, after = raw[:kid], raw[kid + 16 :]
    found = every_bit(before, lambda head: check(head + raw[kid:])) | every_bit(
        after, lambda rest: check(raw[: kid + 16] + rest)
    )
    assert "" not in found
