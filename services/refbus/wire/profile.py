"""Profiles of organisations: between the values of `core.profile` and the canonical bytes that are signed."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from refbus.core.ids import KeyId, parse_org_id
from refbus.core.profile import Capacity, LocalText, OpeningHours, Profile, Serves
from refbus.core.vocabulary import member
from refbus.errors import Code, MalformedError
from refbus.wire.consent import MLDSA65_BYTES
from refbus.wire.schema import Document, decode, encode


@dataclass(frozen=True, slots=True)
class SignedProfile:
    """A profile as it travels; its signatures are not verified here. `ed25519` 64 bytes, `mldsa65` 3309."""

    profile_bytes: bytes
    profile: Profile
    kid: KeyId
    ed25519: bytes
    mldsa65: bytes | None


def encode_profile(profile: Profile) -> bytes:
    """Return the bytes that are signed. Raises MalformedError."""
    return encode("OrganisationProfile", asdict(profile))


def decode_profile(data: bytes) -> Profile:
    """Return the profile in `data`. Raises MalformedError; UNKNOWN_VALUE for a code that is not known here."""
    document = decode("OrganisationProfile", data)
    texts = {name: _texts(document[name]) for name in ("names", "area", "address", "withdrawal")}
    return Profile(
        **{
            **document,
            **texts,
            "organisation": parse_org_id(document["organisation"]),
            "telephones": tuple(document["telephones"]),
            "hours": tuple(OpeningHours(**each) for each in document["hours"]),
            "capacity": member(Capacity, document["capacity"]),
            "serves": tuple(member(Serves, each) for each in document["serves"]),
            "languages": tuple(document["languages"]),
        }
    )


def encode_signed(signed: SignedProfile) -> bytes:
    """Return the signed profile as it travels. Raises MalformedError."""
    values = {"kid": signed.kid, "ed25519": signed.ed25519, "mldsa65": signed.mldsa65}
    return encode("SignedProfile", {"profile": signed.profile_bytes, **values})


def decode_signed(data: bytes) -> SignedProfile:
    """Return the signed profile in `data`. Raises MalformedError."""
    document = decode("SignedProfile", data)
    second = document["mldsa65"]
    if second is not None and len(second) != MLDSA65_BYTES:
        raise MalformedError(Code.MALFORMED, "SignedProfile: size of the ML-DSA-65 signature")
    profile = decode_profile(document["profile"])
    return SignedProfile(document["profile"], profile, KeyId(document["kid"]), document["ed25519"], second)


def _texts(documents: list[Document]) -> tuple[LocalText, ...]:
    return tuple(LocalText(**each) for each in documents)
