"""The vectors of docs/spec/stamps.md: passes and hop receipts of both versions, and what is no stamp.

The envelopes are short texts: a stamp is over the hash of an envelope, whatever is in it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

from conformance.kit import Vector, parties
from refbus.core.ids import CountryCode, OrgId
from refbus.crypto.framing import sha256
from refbus.crypto.signing import LABEL_HOP_ROOT, LABEL_PASS_ROOT
from refbus.envelope import stamps
from refbus.envelope.stamps import Stamper, signed_of_pass
from refbus.wire.schema import decode
from refbus.wire.transport import HopOutcome, HopReceipt, Passed
from support.envelopes import NO_TREE, NOW_HOUR
from support.extremes import as_written

BodyOf = Callable[[str, Callable[[], bytes]], bytes]
ROAD = (CountryCode("kz"), CountryCode("uz"))
ENVELOPES = [f"a fictional envelope, number {number}".encode() for number in range(5)]
SAID = [(sha256(each), HopOutcome.TAKEN) for each in ENVELOPES]
FALSE = "UntrustedError SIGNATURE_INVALID"
MALFORMED = "MalformedError MALFORMED"
_OF_FORM = {
    "pass-both": MALFORMED,
    "pass-no-salt": MALFORMED,
    "pass-version-3": "MalformedError UNSUPPORTED_VERSION",
}
AT_UZ, AT_KZ = "stamp uz-gate", "hop kz-gate"


def _stamper(gate: str) -> Stamper:
    return Stamper(parties().pairs[OrgId(gate)], ROAD, NOW_HOUR)


@cache
def _batch(number: int) -> list[Passed]:
    """Return the passes of a batch; the same ones for every vector of a run."""
    return _stamper("kz-gate").passes(ENVELOPES[:number])


@cache
def _receipts(number: int) -> list[HopReceipt]:
    return _stamper("uz-gate").hops(SAID[:number])


def _about(envelope: bytes) -> str:
    return f"envelope {sha256(envelope).hex()}"


def stamp_cases(body_of: BodyOf) -> Iterator[tuple[str, Vector]]:
    """Yield every vector with its path."""
    going, coming = _stamper("kz-gate"), _stamper("uz-gate")
    passes: list[tuple[str, int, Callable[[], Passed], str]] = [
        ("pass-alone", 1, lambda: going.passed(ENVELOPES[1]), "version 1: signed alone"),
        ("pass-of-one", 0, lambda: _batch(1)[0], "version 2: a tree of one leaf"),
        ("pass-first", 0, lambda: _batch(5)[0], "the first of a tree of five"),
        ("pass-second", 1, lambda: _batch(5)[1], "the second of the same tree"),
        ("pass-third", 2, lambda: _batch(5)[2], "the third of the same tree"),
        ("pass-last", 4, lambda: _batch(5)[4], "the last of the same tree, with a path of one hash"),
        ("pass-elsewhere", 1, lambda: _batch(4)[1], "the second of a tree of four"),
    ]
    made: dict[str, Passed] = {}
    for name, number, maker, comment in passes:
        body = body_of(f"stamp/{name}", lambda maker=maker: maker().encode())  # type: ignore[misc]
        made[name] = Passed.parse(body)
        yield f"stamp/{name}", Vector(_about(ENVELOPES[number]), AT_UZ, "sealed", comment, body)
    for name, changes, comment in _false_passes(made):
        body = dataclasses.replace(made["pass-second"], **changes).encode()
        yield f"stamp/{name}", Vector(_OF_FORM.get(name, FALSE), AT_UZ, "derived", comment, body)
    yield from _out_of_bounds(made["pass-second"])
    body = body_of("stamp/pass-root-of-receipts", lambda: _mislabelled(made["pass-second"]))
    yield (
        "stamp/pass-root-of-receipts",
        Vector(FALSE, AT_UZ, "sealed", "the right root, signed under the label of receipts", body),
    )
    receipts: list[tuple[str, int, Callable[[], HopReceipt], str]] = [
        ("hop-alone", 1, lambda: coming.hop(*SAID[1]), "version 1: signed alone"),
        ("hop-of-one", 0, lambda: _receipts(1)[0], "version 2: one receipt in its tree of 256 leaves"),
        ("hop-first", 0, lambda: _receipts(5)[0], "one of five receipts in a tree"),
        ("hop-second", 1, lambda: _receipts(5)[1], "another one of the same five"),
    ]
    hops: dict[str, HopReceipt] = {}
    for name, number, hop_maker, comment in receipts:
        body = body_of(f"stamp/{name}", lambda maker=hop_maker: maker().encode())  # type: ignore[misc]
        hops[name] = HopReceipt.parse(body)
        yield f"stamp/{name}", Vector(_about(ENVELOPES[number]), AT_KZ, "sealed", comment, body)
    for name, changes, comment in _false_hops(hops):
        body = dataclasses.replace(hops["hop-second"], **changes).encode()
        yield f"stamp/{name}", Vector(FALSE, AT_KZ, "derived", comment, body)


def _false_passes(made: dict[str, Passed]) -> Iterator[tuple[str, dict[str, Any], str]]:
    """Yield (name, what is changed of the second of five, comment)."""
    mine, third, other, alone = (made[f"pass-{name}"] for name in ("second", "third", "elsewhere", "alone"))

    def of(passed: Passed, *names: str) -> dict[str, Any]:
        return {name: getattr(passed, name) for name in names}

    yield "pass-stripped", NO_TREE, "version 2 made into version 1"
    yield "pass-both", {"version": 1}, "version 1 that has a place in a tree"
    yield "pass-signed-alone", of(alone, "ed25519", "mldsa65"), "version 2 with the signatures of version 1"
    yield "pass-version-3", {"version": 3}, "a version that is not on the list"
    yield "pass-path-of-another", of(other, "path"), "the path of another batch"
    yield "pass-root-of-another", of(other, "ed25519", "mldsa65"), "the signed root of another batch"
    yield "pass-tree-of-another", of(other, "size", "path", "ed25519", "mldsa65"), "the whole tree of another batch"
    yield "pass-index-of-another", of(third, "index"), "the index of its neighbour"
    yield "pass-place-of-another", of(third, "salt", "index", "path"), "salt, index and path of its neighbour"
    yield "pass-index-outside", {"index": mine.size}, "an index behind the last leaf"
    yield "pass-size-smaller", {"size": mine.size - 1}, "a tree of four, with the same length of path"
    yield "pass-size-larger", {"size": mine.size + 1}, "a tree of six, with the same length of path"
    yield "pass-size-zero", {"size": 0}, "an empty tree"
    yield "pass-no-path", {"path": b""}, "no path"
    yield "pass-path-short", {"path": mine.path[:-32]}, "the last hash of the path is missing"
    yield "pass-path-long", {"path": mine.path + bytes(32)}, "a hash more in the path"
    yield "pass-path-order", {"path": mine.path[32:64] + mine.path[:32] + mine.path[64:]}, "two hashes in turn"
    yield "pass-no-salt", {"salt": b""}, "version 2 without a salt"
    yield "pass-salt", {"salt": bytes(32)}, "another salt"
    yield "pass-hour", {"hour": mine.hour + 1}, "an hour later"
    yield "pass-envelope", {"envelope": third.envelope}, "another envelope of the same batch"
    yield "pass-no-mldsa65", {"mldsa65": None}, "no ML-DSA-65 signature where the key asks for it"


def _out_of_bounds(mine: Passed) -> Iterator[tuple[str, Vector]]:
    """Yield what no writer of ours can write."""
    record = decode("Passed", mine.encode())
    cases: dict[str, tuple[dict[str, Any], str]] = {
        "pass-path-of-13": ({"path": bytes(32 * 13)}, "a path of 13 hashes"),
        "pass-path-half": ({"path": mine.path[:-16]}, "half a hash at the end of the path"),
        "pass-size-4097": ({"size": 4097}, "a tree of 4,097 leaves"),
        "pass-index-negative": ({"index": -1}, "an index below 0"),
        "pass-salt-short": ({"salt": bytes(31)}, "a salt of 31 bytes"),
    }
    for name, (changes, comment) in cases.items():
        body = as_written("Passed", {**record, **changes})
        yield f"stamp/{name}", Vector(MALFORMED, AT_UZ, "derived", comment, body)


def _mislabelled(mine: Passed) -> bytes:
    label, message = signed_of_pass(mine, sha256(mine.envelope))
    assert label == LABEL_PASS_ROOT
    made = parties().pairs[OrgId("kz-gate")].sign(LABEL_HOP_ROOT, message)
    return dataclasses.replace(mine, ed25519=made.ed25519, mldsa65=made.mldsa65).encode()


def _false_hops(made: dict[str, HopReceipt]) -> Iterator[tuple[str, dict[str, Any], str]]:
    """Yield (name, what is changed of the second of five, comment)."""
    first, one, alone = made["hop-first"], made["hop-of-one"], made["hop-alone"]
    yield "hop-stripped", NO_TREE, "version 2 made into version 1"
    yield "hop-signed-alone", {"ed25519": alone.ed25519}, "version 2 with the signature of version 1"
    yield "hop-outcome", {"outcome": HopOutcome.QUARANTINED}, "another outcome"
    yield "hop-envelope", {"envelope_sha256": first.envelope_sha256}, "another envelope of the same batch"
    yield "hop-place-of-another", {"index": first.index, "path": first.path}, "index and path of another of the batch"
    yield "hop-root-of-another", {"ed25519": one.ed25519}, "the signed root of another batch"
    yield "hop-size", {"size": stamps.HOP_LEAVES - 1}, "a tree of 255"
