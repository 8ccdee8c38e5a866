"""Write the vectors that follow from others: `PYTHONPATH=tests .venv/bin/python -m vectors.generate`.

Sealing is random (encapsulation, salts, ML-DSA), so sealed vectors are frozen: a missing one stops the run. `--add`
makes those that are new, `--seal` makes all of them anew, which is right after a change of the format only. The others
are the same on each run; a test demands that they are current.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable, Iterator
from typing import Any

from conformance.kit import VECTORS, Vector, now_ms, parties
from refbus.core.ids import EventId, KeyId, OrgId
from refbus.core.profile import Capacity, LocalText, OpeningHours, Profile, Serves
from refbus.crypto.framing import lp, sha256
from refbus.crypto.padding import pad_exact, pad_padme
from refbus.crypto.signing import LABEL_CONSENT, Signatures
from refbus.crypto.stanza import Box
from refbus.envelope.format import CONTENT_MINIMUM, ROUTING_SIZE, Envelope
from refbus.trust.member.profile import sign_profile
from refbus.wire.message import encode_block
from refbus.wire.profile import encode_profile
from refbus.wire.schema import decode
from support.envelopes import FINGERPRINT, NOW_HOUR, PAYLOAD, block_of, changed, fixed, forged, header_of, sealed
from support.extremes import as_written
from vectors.stampcases import stamp_cases

FED = parties()
OTHER = OrgId("uz-1ega1a1d")
AT_HOME = OrgId("kz-she1ter1")
CLASSIC = OrgId("kz-c1ass1c1")
PRIME = 2**255 - 19
OPEN_FAILED = "UntrustedError OPEN_FAILED"
RECEIVE = "receive uz-she1ter1"


def _flipped(raw: bytes, position: int) -> bytes:
    return raw[:position] + bytes([raw[position] ^ 1]) + raw[position + 1 :]


def _malformed(raw: bytes) -> Iterator[tuple[str, str, bytes, str]]:
    """Yield (name, code, body, comment) of bytes that are no envelope."""
    envelope = Envelope.parse(raw)
    header, stanzas = envelope.header_bytes, list(envelope.routing_stanzas)
    start = raw.index(stanzas[0])
    two = 2 * 1168
    split = raw[: start - 1] + b"\x04" + raw[start : start + two] + b"\x04" + raw[start + two :]
    sized = raw[: start - 1] + b"\x07" + b"\xc0\x49" + raw[start:]

    def with_header(**changes: Any) -> bytes:
        return changed(raw, header=as_written("Header", {**decode("Header", envelope.header_bytes), **changes}))

    yield "empty", "MALFORMED", b"", "no bytes at all"
    yield "cut", "MALFORMED", raw[:-1], "the last byte is missing"
    yield "trailing-byte", "NOT_CANONICAL", raw + b"\0", "one byte behind the end"
    yield "array-split", "NOT_CANONICAL", split, "four stanzas in two Avro blocks"
    yield "array-sized", "NOT_CANONICAL", sized, "the Avro block of stanzas with its optional size in bytes"
    yield "length-not-there", "MALFORMED", b"\xfe\xff\xff\xff\xff\xff\xff\x0f" + raw[:40], "a length of many gigabytes"
    yield "stanzas-three", "MALFORMED", changed(raw, routing_stanzas=stanzas[:3]), "three routing stanzas"
    yield "stanzas-five", "MALFORMED", changed(raw, routing_stanzas=[*stanzas, stanzas[0]]), "five routing stanzas"
    yield "header-longer-number", "NOT_CANONICAL", changed(raw, header=b"\x82\0" + header[1:]), "1 in two bytes"
    yield "header-trailing-byte", "NOT_CANONICAL", changed(raw, header=header + b"\0"), "one byte behind the header"
    yield "header-cut", "MALFORMED", changed(raw, header=header[:-1]), "the header's last byte is missing"
    yield "version-2", "UNSUPPORTED_VERSION", with_header(version=2), "a version that is not on the list"
    yield "suite-0", "UNSUPPORTED_SUITE", with_header(suite=0), "suite 0, downgrade"
    yield "suite-2", "UNSUPPORTED_SUITE", with_header(suite=2), "a suite that is not on the list"
    yield "directory-version-0", "MALFORMED", with_header(directory_version=0), "directory versions count from 1"
    yield "expiry-negative", "MALFORMED", with_header(expires_at_hour=-1), "an hour before the epoch"
    yield "routing-box-short", "MALFORMED", changed(raw, routing=envelope.routing[:-1]), "a byte less than 10,312"
    yield "routing-box-long", "MALFORMED", changed(raw, routing=envelope.routing + b"\0"), "a byte more than 10,312"
    yield "content-box-short", "MALFORMED", changed(raw, content=envelope.content[:-1]), "a byte less than 2,120"


def _tampered(raw: bytes, other: bytes) -> Iterator[tuple[str, bytes, str]]:
    """Yield (name, body, comment) of envelopes changed on the way; all fail to open."""
    envelope, second = Envelope.parse(raw), Envelope.parse(other)
    stanzas = envelope.routing_stanzas

    def with_header(**changes: Any) -> bytes:
        return changed(raw, header=as_written("Header", {**decode("Header", envelope.header_bytes), **changes}))

    longer = with_header(expires_at_hour=envelope.header.expires_at_hour + 1)
    yield "header-message-id", with_header(message_id=bytes(16)), "another message id"
    yield "header-expiry", longer, "an hour more to live"
    yield "header-directory", with_header(directory_version=2), "another directory version"
    for index in range(4):
        items = [*stanzas[:index], _flipped(stanzas[index], 5), *stanzas[index + 1 :]]
        yield f"routing-stanza-{index}", changed(raw, routing_stanzas=items), f"one bit of routing stanza {index}"
    yield "routing-stanzas-reordered", changed(raw, routing_stanzas=list(reversed(stanzas))), "in reverse order"
    yield "routing-stanzas-zero", changed(raw, routing_stanzas=[bytes(1168)] * 4), "all zeros"
    yield "content-stanza", changed(raw, content_stanza=_flipped(envelope.content_stanza, 1167)), "its last bit"
    for name in ("routing", "content"):
        box = getattr(envelope, name)
        yield f"{name}-salt", changed(raw, **{name: _flipped(box, 0)}), "one bit of the box's salt"
        yield f"{name}-commitment", changed(raw, **{name: _flipped(box, 30)}), "one bit of the box's key commitment"
        yield f"{name}-tag", changed(raw, **{name: _flipped(box, len(box) - 1)}), "one bit of the box's last tag"
        yield f"{name}-of-another", changed(raw, **{name: getattr(second, name)}), "the box of another envelope"
    payload = changed(raw, content=second.content, content_stanza=second.content_stanza)
    yield "payload-of-another", payload, "content box and stanza of another envelope: swapped payload"
    routing = changed(raw, routing=second.routing, routing_stanzas=list(second.routing_stanzas))
    yield "routing-of-another-whole", routing, "routing box and stanzas of another envelope"


def _hidden(text: bytes, size: int) -> bytes:
    return pad_exact(text, size)[:-1] + b"\1"


def _signed_badly() -> Iterator[tuple[str, Callable[[], bytes], str]]:
    """Yield (name, maker, comment) of envelopes whose sender signs or frames falsely; all fail to open."""

    def ed25519(made: Signatures) -> Signatures:
        return dataclasses.replace(made, ed25519=_flipped(made.ed25519, 0))

    def mldsa65(made: Signatures) -> Signatures:
        return dataclasses.replace(made, mldsa65=_flipped(made.mldsa65 or b"", 0))

    def classic(made: Signatures) -> Signatures:
        return dataclasses.replace(made, mldsa65=None)

    def unasked(made: Signatures) -> Signatures:
        return dataclasses.replace(made, mldsa65=bytes(3309))

    parts = lp(encode_block(block_of(FED))) + lp(bytes(64)) + lp(bytes(3309))
    plain: dict[str, Any] = {"block": block_of(FED, CLASSIC), "signer": FED.pairs[CLASSIC]}
    yield "signature-ed25519", lambda: forged(FED, tamper=ed25519), "one bit of the Ed25519 signature"
    yield "signature-mldsa65", lambda: forged(FED, tamper=mldsa65), "one bit of the ML-DSA-65 signature"
    yield "signature-no-mldsa65", lambda: forged(FED, tamper=classic), "no ML-DSA-65 signature where a key asks for it"
    yield "signature-unasked", lambda: forged(FED, tamper=unasked, **plain), "an ML-DSA-65 signature without a key"
    yield "signature-of-another", lambda: forged(FED, signer=FED.pairs[OTHER]), "signed by another member"
    yield "signature-other-purpose", lambda: forged(FED, label=LABEL_CONSENT), "signed as a consent record"
    yield (
        "header-bound-elsewhere",
        lambda: forged(FED, bound_header=header_of(FED, version=7)),
        "boxes of another header",
    )
    yield (
        "routing-padding",
        lambda: forged(FED, routing_plaintext=_hidden(parts, ROUTING_SIZE)),
        "a byte in the padding",
    )
    yield "routing-parts", lambda: forged(FED, routing_plaintext=pad_exact(lp(b"x"), ROUTING_SIZE)), "one part of three"
    yield "routing-length", lambda: forged(FED, routing_plaintext=b"\xff" * ROUTING_SIZE), "a length past the end"
    short = lp(encode_block(block_of(FED))) + lp(bytes(63)) + lp(bytes(3309))
    yield "signature-size", lambda: forged(FED, routing_plaintext=pad_exact(short, ROUTING_SIZE)), "63 bytes of Ed25519"
    keys = (bytes(32), b"\1" * 32, b"\1" * 32, b"\1" * 32)
    yield (
        "two-plaintexts",
        lambda: forged(FED, routing_keys=keys),
        "another routing key for the recipient than for gates",
    )
    yield "content-for-another", lambda: forged(FED, content_readers=OTHER), "content sealed to another organisation"
    yield "content-stanza-purpose", lambda: forged(FED, content_box=Box.ROUTING), "content under the label of routing"
    yield "content-padding", lambda: forged(FED, content_plaintext=_hidden(PAYLOAD, 2_048)), "a byte in the padding"
    yield "content-padded-more", lambda: forged(FED, content_plaintext=pad_exact(PAYLOAD, 4_096)), "not its PADME size"
    yield "content-length", lambda: forged(FED, content_plaintext=b"\xff" * 2_048), "a length past the end"


def _against_the_rules() -> Iterator[tuple[str, str, Callable[[], bytes], str]]:
    """Yield (name, expect, maker, comment) of well-made envelopes that the directory or a declaration forbids."""

    def by(name: str, **changes: Any) -> Callable[[], bytes]:
        block = block_of(FED, OrgId(name), **changes)
        return lambda: sealed(FED, block)

    def at(**changes: Any) -> Callable[[], bytes]:
        return lambda: sealed(FED, **changes)

    def block(**changes: Any) -> Callable[[], bytes]:
        return lambda: forged(FED, block=dataclasses.replace(block_of(FED), **changes))

    newcomer = block_of(FED, OrgId("kz-newcmr01"))
    canonical = encode_block(block_of(FED))
    unknown = canonical.replace(b"REPATRIATION", b"REPATRIATIOM").replace(b"REFERRAL_SERVICES", b"REFERRAL_SERVICEZ")
    other = pad_padme(b"\xc3\x01" + bytes(8) + b"x", CONTENT_MINIMUM)
    yield "expired", "UntrustedError MESSAGE_EXPIRED", at(expires_at_hour=NOW_HOUR), "its hour has come"
    yield "lives-too-long", "UntrustedError MESSAGE_LIFE_TOO_LONG", at(expires_at_hour=NOW_HOUR + 722), "722 hours"
    yield "directory-newer", "UncheckableError DIRECTORY_NEWER", at(directory_version=4), "not published yet"
    yield "directory-too-old", "UntrustedError DIRECTORY_TOO_OLD", at(directory_version=1), "superseded 73 hours ago"
    yield (
        "sender-newer",
        "UncheckableError ORGANISATION_UNKNOWN",
        lambda: sealed(FED, newcomer, directory_version=2),
        ("the named directory version does not have the sender yet"),
    )
    stranger = block(sender=OrgId("kz-00000000"))
    yield "sender-unknown", "UncheckableError ORGANISATION_UNKNOWN", stranger, "no such organisation"
    yield "sender-key-unknown", "UncheckableError KEY_UNKNOWN", block(sender_kid=KeyId(bytes(16))), "no such key"
    yield "sender-suspended", "UntrustedError ORGANISATION_SUSPENDED", by("kz-pawsed01"), "the sender is suspended"
    yield "sender-key-revoked", "UntrustedError KEY_REVOKED", by("kz-st01en01"), "the signing key is revoked"
    yield "sender-key-expired", "UntrustedError KEY_EXPIRED", by("kz-0dkey001"), "the signing key has expired"
    forwarded = block(recipient=OTHER)
    yield "recipient-another", "UntrustedError NOT_THE_RECIPIENT", forwarded, "the block names another organisation"
    old_key = block(recipient_kid=KeyId(bytes(16)))
    yield "recipient-key-another", "UntrustedError NOT_THE_RECIPIENT", old_key, "the block names another key"
    yield (
        "block-trailing-byte",
        "MalformedError NOT_CANONICAL",
        lambda: forged(FED, block=canonical + b"\0"),
        ("a signed block with a byte behind its end"),
    )
    yield (
        "block-unknown-purpose",
        "MalformedError UNKNOWN_VALUE",
        lambda: forged(FED, block=unknown),
        ("a purpose that is not on the list"),
    )
    yield "block-empty", "MalformedError MALFORMED", lambda: forged(FED, block=b""), "a signed block of no bytes"
    yield (
        "payload-other-schema",
        "UntrustedError DECLARATION_MISMATCH",
        lambda: forged(FED, content_plaintext=other),
        ("another schema fingerprint than the block declares"),
    )


def _valid() -> Iterator[tuple[str, Callable[[], bytes], bytes, str]]:
    """Yield (name, maker, payload, comment) of good envelopes for the recipient."""
    short = b"\xc3\x01" + FINGERPRINT
    long = short + bytes(16_374)
    other = PAYLOAD + b", another one"
    again = block_of(FED, event_id=EventId(fixed("another event")))
    bare = block_of(FED, consent_record=None, respond_by_ms=None, actions=(), data_categories=())

    def at(**changes: Any) -> Callable[[], bytes]:
        return lambda: sealed(FED, **changes)

    yield "valid", at(), PAYLOAD, "a referral request"
    yield "valid-other", at(block=again, payload=other), other, "another one, between the same parties"
    yield "valid-by-hand", lambda: forged(FED), PAYLOAD, "put together step by step, as the specification says"
    yield "valid-shortest", at(payload=short), short, "a payload of ten bytes"
    yield "valid-two-chunks", at(payload=long), long, "content in two chunks"
    yield "valid-bare-block", at(block=bare), PAYLOAD, "a block with every optional field left out"
    yield "valid-no-mldsa65", at(block=block_of(FED, CLASSIC)), PAYLOAD, "a sender without an ML-DSA key"
    yield "valid-last-hour", at(expires_at_hour=NOW_HOUR + 1), PAYLOAD, "expires within the hour"
    yield "valid-longest-life", at(expires_at_hour=NOW_HOUR + 720), PAYLOAD, "as long as the policy allows"
    yield "valid-older-directory", at(directory_version=2), PAYLOAD, "a version superseded an hour ago"


def _keys() -> Iterator[tuple[str, str, str, bytes, str]]:
    """Yield (name, expect, do, body, comment) of public keys."""
    kem, pair = FED.kems[OTHER], FED.pairs[OTHER]
    mlkem, x25519 = kem.public[:1184], kem.public[1184:]
    invalid = "UntrustedError KEY_INVALID"

    def point(y: int) -> bytes:
        return y.to_bytes(32, "little")

    yield "kem-valid", f"key {kem.kid.hex()}", "parse-kem", kem.public, "an X-Wing public key"
    yield "kem-short", invalid, "parse-kem", kem.public[:-1], "a byte less than 1,216"
    out_of_range = bytes([1, mlkem[1] & 0xF0 | 0x0D]) + mlkem[2:]
    yield "kem-coefficient", invalid, "parse-kem", out_of_range + x25519, "an ML-KEM coefficient of 3,329"
    for name, u in (("zero", 0), ("one", 1), ("minus-one", PRIME - 1)):
        yield f"kem-x25519-{name}", invalid, "parse-kem", mlkem + point(u), "an X25519 value of low order"
    yield "kem-x25519-not-reduced", invalid, "parse-kem", mlkem + point(PRIME + 9), "the base point, written as p + 9"
    both = pair.public_ed25519 + (pair.public_mldsa65 or b"")
    yield "signing-valid", f"key {pair.kid.hex()}", "check-signing", both, "Ed25519 and ML-DSA-65"
    yield "signing-mldsa65-short", invalid, "check-signing", both[:-1], "a byte less than 1,952 of ML-DSA-65"
    for name, y in (("neutral", 1), ("minus-one", PRIME - 1), ("zero", 0), ("zero-signed", 1 << 255)):
        yield f"signing-ed25519-{name}", invalid, "check-signing", point(y), "an Ed25519 point of small order"
    yield "signing-ed25519-not-reduced", invalid, "check-signing", point(PRIME + 3), "y = 3, written as p + 3"


def cases(body_of: Callable[[str, Callable[[], bytes]], bytes]) -> Iterator[tuple[str, Vector]]:
    """Yield every vector with its path. `body_of` gives the bytes of a sealed one, from its file or made anew."""
    for name, maker, payload, comment in _valid():
        path, expect = f"envelope/{name}", f"payload {sha256(payload).hex()}"
        yield path, Vector(expect, RECEIVE, "sealed", comment, body_of(path, maker))
    home, at_home = block_of(FED, recipient=AT_HOME), f"receive {AT_HOME}"
    body = body_of("envelope/valid-at-home", lambda: sealed(FED, home))
    expect = f"payload {sha256(PAYLOAD).hex()}"
    yield "envelope/valid-at-home", Vector(expect, at_home, "sealed", "within one country: one gate", body)

    raw = body_of("envelope/valid", lambda: b"")
    other = body_of("envelope/valid-other", lambda: b"")
    for gate in ("kz-gate", "uz-gate"):
        yield f"gate/valid-{gate}", Vector("sender kz-agency01", f"pass {gate}", "derived", "what the gate learns", raw)
    not_mine = "UntrustedError NOT_THE_RECIPIENT"
    yield "gate/content", Vector(not_mine, "receive uz-gate", "derived", "a gate asks for the content", raw)
    yield "envelope/stranger", Vector(OPEN_FAILED, f"receive {OTHER}", "derived", "no stanza is for this key", raw)

    for name, code, body, comment in _malformed(raw):
        yield f"malformed/{name}", Vector(f"MalformedError {code}", RECEIVE, "derived", comment, body)
    for name, body, comment in _tampered(raw, other):
        yield f"tampered/{name}", Vector(OPEN_FAILED, RECEIVE, "derived", comment, body)
    for name, maker, comment in _signed_badly():
        path = f"forged/{name}"
        yield path, Vector(OPEN_FAILED, RECEIVE, "sealed", comment, body_of(path, maker))
    for name, expect, maker, comment in _against_the_rules():
        path = f"refused/{name}"
        yield path, Vector(expect, RECEIVE, "sealed", comment, body_of(path, maker))
    yield from _profiles(body_of)
    yield from stamp_cases(body_of)
    for name, expect, do, body, comment in _keys():
        yield f"keys/{name}", Vector(expect, do, "derived", comment, body)


def _said(**changes: Any) -> Profile:
    """Return the profile of a fictional shelter; the numbers belong to nobody."""
    values: dict[str, Any] = {
        "names": (LocalText("en", "Fictional shelter"), LocalText("ru", "Вымышленный приют")),
        "telephones": ("+998712000001",),
        "hours": (OpeningHours(1, 0, 1440),),
        "area": (LocalText("en", "South of the capital"),),
        "capacity": Capacity.FEW,
        "places": 2,
        "capacity_at_ms": now_ms() - 3_600_000,
        "serves": (Serves.CHILDREN, Serves.WOMEN),
        "languages": ("ru", "uz"),
        "withdrawal": (LocalText("en", "Any office of the fictional shelter"),),
        **changes,
    }
    return Profile(OrgId("uz-she1ter1"), 3, now_ms() - 60_000, now_ms() - 3_600_000, **values)


def _profiles(body_of: Callable[[str, Callable[[], bytes]], bytes]) -> Iterator[tuple[str, Vector]]:
    """Yield the vectors of docs/spec/profiles.md."""
    org, invalid = OrgId("uz-she1ter1"), "UntrustedError PROFILE_INVALID"
    pair = FED.pairs[org]
    said, expect = _said(), f"profile {sha256(encode_profile(_said())).hex()}"
    raw = body_of("profile/valid", lambda: sign_profile(said, pair))
    yield "profile/valid", Vector(expect, f"profile {org}", "sealed", "a shelter as others see it", raw)
    yield "profile/path", Vector(invalid, f"profile {OTHER}", "derived", "under the path of another", raw)
    yield "profile/cut", Vector("MalformedError MALFORMED", f"profile {org}", "derived", "the end is missing", raw[:-1])
    flipped = raw.replace(b"+998712000001", b"+998712000002")
    yield "profile/changed", Vector(invalid, f"profile {org}", "derived", "another number", flipped)
    for name, signer, profile, comment in (
        ("foreign", FED.pairs[OTHER], said, "another member signed it"),
        ("ahead", pair, dataclasses.replace(said, issued_at_ms=now_ms() + 86_400_000), "signed tomorrow"),
        ("number", pair, _said(telephones=("8 71 200 00 01",)), "a number that is not E.164"),
    ):
        body = body_of(f"profile/{name}", lambda s=signer, p=profile: sign_profile(p, s))  # type: ignore[misc]
        yield f"profile/{name}", Vector(invalid, f"profile {org}", "sealed", comment, body)


def frozen(path: str, _: Callable[[], bytes]) -> bytes:
    """Return the bytes of a sealed vector as they are in its file."""
    return Vector.parse((VECTORS / f"{path}.vector").read_bytes()).body


def main(arguments: list[str]) -> None:
    """Write all vectors; with `--seal`, seal those anew that are random, with `--add` those that are not there."""
    fresh: dict[str, bytes] = {}

    def kept(path: str, maker: Callable[[], bytes]) -> bytes:
        if arguments == ["--seal"] or (arguments == ["--add"] and not (VECTORS / f"{path}.vector").exists()):
            return fresh.setdefault(path, maker())
        return frozen(path, maker)

    for path, vector in cases(kept):
        file = VECTORS / f"{path}.vector"
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(vector.encode())


if __name__ == "__main__":
    main(sys.argv[1:])
