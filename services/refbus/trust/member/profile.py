"""Signing one's own profile and judging another's (docs/spec/profiles.md).

A profile stands beside the directory, not in it: one that is bad, old or missing takes nothing from the organisation
and nothing from anybody else.
"""

from __future__ import annotations

import re
from typing import Final

from refbus.core.directory import Directory, Organisation
from refbus.core.ids import OrgId
from refbus.core.profile import Profile, faults, is_hidden
from refbus.crypto.framing import sha256
from refbus.crypto.signing import LABEL_PROFILE, Signatures, SigningPair, verify
from refbus.errors import Code, UncheckableError, UntrustedError
from refbus.said import said
from refbus.wire.profile import SignedProfile, decode_signed, encode_profile, encode_signed
from refbus.wire.transport import DirectoryFile

_FOLDER: Final = "profiles/"
_PATH: Final = re.compile(r"profiles/[a-z0-9-]{1,40}")


def profile_path(org: OrgId) -> str:
    """Return the path under which the profile of an organisation travels."""
    return f"{_FOLDER}{org}"


def is_profile(path: str) -> bool:
    """Whether a path of a DirectoryFile is that of a profile."""
    return _PATH.fullmatch(path) is not None


def sign_profile(profile: Profile, signer: SigningPair) -> bytes:
    """Return the profile as its organisation's `signer` vouches for it. Raises MalformedError."""
    data = encode_profile(profile)
    signed = signer.sign(LABEL_PROFILE, data)
    return encode_signed(SignedProfile(data, profile, signer.kid, signed.ed25519, signed.mldsa65))


def read_profile(file: DirectoryFile, directory: Directory, now_ms: int) -> SignedProfile:
    """Return the profile in a file when its own organisation signed it and every rule of it holds.

    Raises MalformedError, UntrustedError PROFILE_INVALID, and UncheckableError where another directory could tell:
    ORGANISATION_UNKNOWN, KEY_UNKNOWN, KEY_REVOKED.
    """
    signed = decode_signed(file.content)
    profile = signed.profile
    if file.path != profile_path(profile.organisation):
        raise UntrustedError(Code.PROFILE_INVALID, said("it is of another organisation"))
    organisation = directory.find(profile.organisation)
    if organisation is None:
        raise UncheckableError(Code.ORGANISATION_UNKNOWN, profile.organisation)
    policy = directory.policies.get(organisation.country)
    skew_ms = 0 if policy is None else policy.clock_skew_s * 1000
    if profile.issued_at_ms > now_ms + skew_ms or profile.changed_at_ms > profile.issued_at_ms:
        raise UntrustedError(Code.PROFILE_INVALID, said("a date ahead of time"))
    _check_signature(signed, organisation, directory)
    wrong = faults(profile, hidden=is_hidden(organisation))
    if wrong:
        raise UntrustedError(Code.PROFILE_INVALID, f"{wrong[0].field}: {wrong[0].fault}")
    return signed


def still_counts(signed: SignedProfile, directory: Directory) -> bool:
    """Whether a profile that was read before counts under this directory: a revoked key, or a shelter, ends that."""
    organisation = directory.find(signed.profile.organisation)
    key = None if organisation is None else organisation.signing_key(signed.kid)
    if organisation is None or key is None or not key.usable_at(signed.profile.issued_at_ms):
        return False
    return not faults(signed.profile, hidden=is_hidden(organisation))


def is_newer(signed: SignedProfile, before: SignedProfile) -> bool:
    """Whether a profile takes the place of another: the higher version; of two with one number, the lesser hash."""
    if signed.profile.version != before.profile.version:
        return signed.profile.version > before.profile.version
    return sha256(signed.profile_bytes) < sha256(before.profile_bytes)


def _check_signature(signed: SignedProfile, organisation: Organisation, directory: Directory) -> None:
    key = organisation.signing_key(signed.kid)
    if key is None:
        if any(each.signing_key(signed.kid) for each in directory.organisations.values()):
            raise UntrustedError(Code.PROFILE_INVALID, said("it is of another organisation"))
        raise UncheckableError(Code.KEY_UNKNOWN, said("signing key of %(owner)s", owner=signed.profile.organisation))
    if not key.usable_at(signed.profile.issued_at_ms):
        raise UncheckableError(Code.KEY_REVOKED, said("the key of a profile is revoked, or was not in its term"))
    try:
        verify(key, LABEL_PROFILE, signed.profile_bytes, Signatures(signed.ed25519, signed.mldsa65))
    except UntrustedError:
        raise UntrustedError(Code.PROFILE_INVALID, said("the signature is not true")) from None
