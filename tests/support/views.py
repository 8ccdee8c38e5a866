"""A gateway that sees another directory for a while: members suspended, without keys or gone, or all of it run out."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from refbus.core.consent.record import MAX_VERSION, ConsentState, SignedConsent
from refbus.core.directory import Directory, Organisation, OrgStatus
from refbus.core.ids import OrgId
from refbus.crypto.signing import LABEL_CONSENT
from refbus.trust.reader.history import History
from refbus.wire.consent import encode_record, encode_signed
from refbus_gateway.home.gateway import Gateway
from refbus_gateway.rules import permission
from refbus_gateway.store import cases, consents
from support.ceremonies import Lab

Change = Callable[[Organisation], Organisation | None]


def _revoked(org: Organisation) -> Organisation:
    return dataclasses.replace(org, kem_keys=tuple(dataclasses.replace(key, revoked=True) for key in org.kem_keys))


def _run_out(org: Organisation) -> Organisation:
    keys = tuple(dataclasses.replace(key, not_after_ms=key.not_before_ms + 1) for key in org.kem_keys)
    return dataclasses.replace(org, kem_keys=keys)


def _without_keys(org: Organisation) -> Organisation:
    return dataclasses.replace(org, kem_keys=())


def _suspended(org: Organisation) -> Organisation:
    return dataclasses.replace(org, status=OrgStatus.SUSPENDED, kem_keys=())


def _absent(_: Organisation) -> None:
    return None


def unsigned(org: Organisation) -> Organisation:
    """Return an organisation none of whose signing keys is in force."""
    keys = tuple(dataclasses.replace(key, not_after_ms=key.not_before_ms + 1) for key in org.signing_keys)
    return dataclasses.replace(org, signing_keys=keys)


UNUSABLE: Mapping[str, Change] = {
    "revoked": _revoked,
    "run out": _run_out,
    "without keys": _without_keys,
    "suspended": _suspended,
    "absent": _absent,
}
"""Every way in which a directory can leave nothing to seal to."""


@contextmanager
def seen(gateway: Gateway, changes: Mapping[OrgId, Change], *, expired: bool = False) -> Iterator[None]:
    """Let the newest directory be another one: members as `changes` make them, and, if `expired`, run out."""
    before = gateway.trust.history
    latest = before.latest
    members = {org: changes[org](member) if org in changes else member for org, member in latest.organisations.items()}
    view = dataclasses.replace(
        latest,
        organisations={org: member for org, member in members.items() if member is not None},
        expires_at_ms=gateway.now_ms() if expired else latest.expires_at_ms,
    )
    _set(gateway, History((*before.versions[:-1], view)))
    try:
        yield
    finally:
        _set(gateway, before)


def _set(gateway: Gateway, history: History) -> None:
    gateway.trust._history = history


def newest(gateway: Gateway) -> Directory:
    """Return the newest directory of a gateway, run out or not."""
    return gateway.view()


def sign_their_no(
    lab: Lab,
    gateway: Gateway,
    case: int,
    org: OrgId,
    version: int = MAX_VERSION,
    *,
    state: ConsentState = ConsentState.WITHDRAWN,
) -> None:
    """Let the recipient sign a no of its own with any number, and keep it as one that arrived."""
    with gateway.store.write() as tx:
        found = cases.get(tx, case)
        given = permission.between(tx, found, gateway.me, org)[-1].signed.record
        record = dataclasses.replace(given, version=version, prev_hash=bytes(32), state=state, provisions=())
        pair = lab.pair(org)
        encoded = encode_record(record)
        signatures = pair.sign(LABEL_CONSENT, encoded)
        signed = SignedConsent(encoded, record, org, pair.kid, signatures.ed25519, signatures.mldsa65)
        consents.keep(tx, found, encode_signed(signed), gateway.now_ms())
