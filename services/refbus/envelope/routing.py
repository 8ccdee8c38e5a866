"""What gates and the recipient do first: open the routing box, then find out whether its sender says so.

Order: expiry, stanza, box, directory, key, both signatures. Whatever fails in the cryptography gives OPEN_FAILED and no
more; failures that come from the directory say which, since a person must act on them. A stop has no expiry.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from refbus.clock import CLOCK_SKEW_MS
from refbus.core.directory import Directory, DirectoryHistory, Organisation, OrgStatus, SigningKey
from refbus.core.message import Header, RoutingBlock
from refbus.core.units import HOUR_MS
from refbus.core.vocabulary import STOPS
from refbus.crypto import box as boxes
from refbus.crypto.framing import split_lp
from refbus.crypto.kem import KemPrivate
from refbus.crypto.padding import unpad_exact
from refbus.crypto.signing import (
    ED25519_SIGNATURE_SIZE,
    LABEL_ENVELOPE,
    MLDSA65_SIGNATURE_SIZE,
    Signatures,
    verify,
)
from refbus.crypto.stanza import Box, open_stanza
from refbus.envelope.format import ROUTING_SIZE, Envelope, signed_message
from refbus.errors import Code, MalformedError, UncheckableError, UntrustedError
from refbus.wire.message import decode_block

_BY_CLOCK: Final = frozenset({Code.MESSAGE_EXPIRED, Code.MESSAGE_LIFE_TOO_LONG, Code.KEY_EXPIRED})
"""Refusals of which only a clock says that they are due."""


@dataclass(frozen=True, slots=True)
class OpenedRouting:
    """A routing box that opened. Nothing in it is believed yet: anyone can seal to a public key."""

    envelope: Envelope
    block: RoutingBlock
    block_bytes: bytes = field(repr=False)
    signatures: Signatures = field(repr=False)
    signed_message: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Authenticated:
    """A routing block that its sender signed. `sender` is as the newest directory states it."""

    opened: OpenedRouting
    sender: Organisation
    signing_key: SigningKey = field(repr=False)


def receive(
    envelope: Envelope, keys: Sequence[KemPrivate], directories: DirectoryHistory, now_ms: int
) -> Authenticated:
    """Run all steps of this module in their order. Raises what `check_expiry`, `open_routing`, `authenticate` raise.

    What has run out is opened only to see whether it is a stop, which counts all the same. By a clock that is behind
    the directory nothing is refused for its time: that is UncheckableError CLOCK_SKEW.
    """
    try:
        return _received(envelope, keys, directories, now_ms)
    except UntrustedError as error:
        if error.code in _BY_CLOCK and now_ms < directories.latest.published_at_ms - CLOCK_SKEW_MS:
            raise UncheckableError(Code.CLOCK_SKEW, "this clock is behind the directory") from None
        raise


def _received(
    envelope: Envelope, keys: Sequence[KemPrivate], directories: DirectoryHistory, now_ms: int
) -> Authenticated:
    over: UntrustedError | None = None
    try:
        check_expiry(envelope.header, directories.latest, now_ms)
    except UntrustedError as error:
        over = error
    try:
        opened = open_routing(envelope, keys)
    except (UntrustedError, MalformedError):
        if over is not None:
            raise over from None
        raise
    if over is not None and opened.block.event_type not in STOPS:
        raise over
    return authenticate(opened, directories, now_ms)


def check_expiry(header: Header, directory: Directory, now_ms: int) -> None:
    """Refuse an envelope that is past its time, or lives longer than any member country allows.

    Raises UntrustedError: MESSAGE_EXPIRED, MESSAGE_LIFE_TOO_LONG.
    """
    if header.expires_at_hour * HOUR_MS <= now_ms:
        raise UntrustedError(Code.MESSAGE_EXPIRED)
    _check_life(header, max((p.max_message_life_hours for p in directory.policies.values()), default=0), now_ms)


def open_routing(envelope: Envelope, keys: Sequence[KemPrivate]) -> OpenedRouting:
    """Open the routing box with whichever of `keys` one of the four stanzas is for.

    Raises UntrustedError OPEN_FAILED, and MalformedError for a block that opened and is not one.
    """
    plaintext = boxes.open_(_box_key(envelope, keys), Box.ROUTING.value + envelope.header_sha256, envelope.routing)
    try:
        block_bytes, ed25519, mldsa65 = split_lp(unpad_exact(plaintext, ROUTING_SIZE), 3)
    except MalformedError:
        raise UntrustedError(Code.OPEN_FAILED) from None
    if len(ed25519) != ED25519_SIGNATURE_SIZE or len(mldsa65) not in {0, MLDSA65_SIGNATURE_SIZE}:
        raise UntrustedError(Code.OPEN_FAILED)
    return OpenedRouting(
        envelope=envelope,
        block=decode_block(block_bytes),
        block_bytes=block_bytes,
        signatures=Signatures(ed25519, mldsa65 or None),
        signed_message=signed_message(
            envelope.header_bytes, envelope.routing_stanzas, envelope.content_stanza, envelope.content, block_bytes
        ),
    )


def authenticate(opened: OpenedRouting, directories: DirectoryHistory, now_ms: int) -> Authenticated:
    """Check that the named sender, an active member with a usable key, signed this envelope.

    The directory version that the header names must know sender and key; the newest must not have revoked them since.
    A stop (`STOPS`) is believed on the newest directory alone, whatever its age, its header's version and end, and the
    term of its key: a false no can be undone by asking again, one that was not heard cannot.
    Raises UncheckableError: DIRECTORY_NEWER (fetch, and try again), ORGANISATION_UNKNOWN, KEY_UNKNOWN; UntrustedError:
    MESSAGE_EXPIRED, MESSAGE_LIFE_TOO_LONG, DIRECTORY_TOO_OLD, ORGANISATION_SUSPENDED, KEY_REVOKED, KEY_EXPIRED,
    OPEN_FAILED. The signatures release the interpreter's lock, so threads verify side by side.
    """
    header, latest = opened.envelope.header, directories.latest
    if opened.block.event_type in STOPS:
        return _authenticate_stop(opened, latest)
    check_expiry(header, latest, now_ms)
    named = _directory_of(header, directories)
    sender, _ = _sender_in(named, opened.block)
    current, key = _sender_in(latest, opened.block)
    _check_policy(header, named, latest, current, now_ms)
    for standing in (sender, current):
        if standing.status is not OrgStatus.ACTIVE:
            raise UntrustedError(Code.ORGANISATION_SUSPENDED)
    _check_usable(key, now_ms)
    return _verified(opened, current, key)


def _authenticate_stop(opened: OpenedRouting, latest: Directory) -> Authenticated:
    newer = opened.envelope.header.directory_version > latest.version
    try:
        sender, key = _sender_in(latest, opened.block)
    except UncheckableError:
        if newer:  # the newer version may know them
            raise UncheckableError(Code.DIRECTORY_NEWER, str(opened.envelope.header.directory_version)) from None
        raise
    if sender.status is not OrgStatus.ACTIVE:
        raise UntrustedError(Code.ORGANISATION_SUSPENDED)
    if key.compromised_since_ms is not None:
        raise UntrustedError(Code.KEY_REVOKED)
    return _verified(opened, sender, key)


def _verified(opened: OpenedRouting, sender: Organisation, key: SigningKey) -> Authenticated:
    try:
        verify(key, LABEL_ENVELOPE, opened.signed_message, opened.signatures)
    except UntrustedError:
        raise UntrustedError(Code.OPEN_FAILED) from None
    return Authenticated(opened, sender, key)


def signer_of(opened: OpenedRouting, directory: Directory, now_ms: int) -> Organisation | None:
    """Return the active member of `directory` that signed the envelope with a key that is good there, None without one.

    For an envelope that names a newer directory: it tells whose it is, not that it may pass.
    """
    try:
        sender, key = _sender_in(directory, opened.block)
        _check_usable(key, now_ms)
        verify(key, LABEL_ENVELOPE, opened.signed_message, opened.signatures)
    except (UncheckableError, UntrustedError):
        return None
    return sender if sender.status is OrgStatus.ACTIVE else None


def _box_key(envelope: Envelope, keys: Sequence[KemPrivate]) -> bytes:
    """Return the key in the first stanza that opens. It is not looked for further: a box opens under one key only."""
    for key in keys:
        for stanza in envelope.routing_stanzas:
            box_key = open_stanza(Box.ROUTING, key, envelope.header_sha256, stanza)
            if box_key is not None:
                return box_key
    raise UntrustedError(Code.OPEN_FAILED)


def _directory_of(header: Header, directories: DirectoryHistory) -> Directory:
    if header.directory_version > directories.latest.version:
        raise UncheckableError(Code.DIRECTORY_NEWER, str(header.directory_version))
    directory = directories.at(header.directory_version)
    if directory is None:
        raise UntrustedError(Code.DIRECTORY_TOO_OLD, str(header.directory_version))
    return directory


def _sender_in(directory: Directory, block: RoutingBlock) -> tuple[Organisation, SigningKey]:
    sender = directory.find(block.sender)
    if sender is None:
        raise UncheckableError(Code.ORGANISATION_UNKNOWN)
    key = sender.signing_key(block.sender_kid)
    if key is None:
        raise UncheckableError(Code.KEY_UNKNOWN)
    return sender, key


def _check_policy(header: Header, named: Directory, latest: Directory, sender: Organisation, now_ms: int) -> None:
    policy = latest.policies.get(sender.country)
    if policy is None:
        raise UncheckableError(Code.DIRECTORY_INVALID, "no policy for the sender's country")
    _check_life(header, policy.max_message_life_hours, now_ms)
    superseded_at_ms = named.superseded_at_ms
    if superseded_at_ms is not None and now_ms - superseded_at_ms > policy.directory_grace_hours * HOUR_MS:
        raise UntrustedError(Code.DIRECTORY_TOO_OLD, str(named.version))


def _check_life(header: Header, hours: int, now_ms: int) -> None:
    # One hour more than the policy: expiry is in whole hours, and two honest clocks are minutes apart.
    if header.expires_at_hour * HOUR_MS > now_ms + (hours + 1) * HOUR_MS:
        raise UntrustedError(Code.MESSAGE_LIFE_TOO_LONG)


def _check_usable(key: SigningKey, now_ms: int) -> None:
    if key.compromised_since_ms is not None:
        raise UntrustedError(Code.KEY_REVOKED)
    if not key.usable_at(now_ms):
        raise UntrustedError(Code.KEY_EXPIRED)
