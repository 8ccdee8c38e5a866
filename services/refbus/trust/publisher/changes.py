"""What the ceremony can change, each as an edit of a `Publication`; the roles that it touches say who signs.

`targets` (threshold of anchors): countries, enrolments, recovery, federation-wide revocation. `<cc>` (the country's
delegation key): its policy, its organisations' later keys, suspension and removal.
"""

from __future__ import annotations

from dataclasses import replace

from securesystemslib.signer import Key
from tuf.api.metadata import Root, Targets

from refbus.core.directory import OrgStatus
from refbus.core.ids import CountryCode, KeyId, OrgId
from refbus.errors import Code, SetupError, UntrustedError
from refbus.trust.layout import POLICY
from refbus.trust.member.audit_keys import audit_key_id, parse_vkey
from refbus.trust.member.endorsement import check_member
from refbus.trust.member.enrolment import apply_update, enrolment_of
from refbus.trust.member.enrolment_file import Enrolment
from refbus.trust.member.policy import parse_policy
from refbus.trust.member.target_file import KemEntry, MemberFile, SigningEntry
from refbus.trust.publisher.bins import enrolment_in, put_enrolment
from refbus.trust.publisher.repository import Publication


def add_anchor(publication: Publication, key: Key, threshold: int) -> None:
    """Let one more anchor sign root and targets, and set the threshold of both."""

    def change(root: Root) -> None:
        for role in (Root.type, Targets.type):
            root.add_key(key, role)
            root.roles[role].threshold = threshold

    publication.edit_root(change)


def remove_anchor(publication: Publication, keyid: str, threshold: int) -> None:
    """Take an anchor's key out of root and targets, and set the threshold of both. Raises SetupError KEY_UNKNOWN."""

    def change(root: Root) -> None:
        for role in (Root.type, Targets.type):
            if keyid not in root.roles[role].keyids:
                raise SetupError(Code.KEY_UNKNOWN, "anchor")
            root.revoke_key(keyid, role)
            root.roles[role].threshold = threshold

    publication.edit_root(change)


def replace_online(publication: Publication, role: str, key: Key) -> None:
    """Give `snapshot` or `timestamp` to another key alone. The next publication is signed with it."""

    def change(root: Root) -> None:
        for keyid in list(root.roles[role].keyids):
            root.revoke_key(keyid, role)
        root.add_key(key, role)

    publication.edit_root(change)


def remove_country(publication: Publication, country: CountryCode) -> None:
    """End a country's part: its members are unknown to readers from then on. Raises SetupError USAGE."""
    publication.end_delegation(country)


def add_country(publication: Publication, country: CountryCode, policy: bytes, delegation: Key) -> None:
    """Bring in a country with its policy (bytes of `compile_policy`) and the key that speaks for its folder."""
    publication.delegate(country, delegation)
    put_policy(publication, country, policy)


def put_policy(publication: Publication, country: CountryCode, policy: bytes) -> None:
    """Replace a country's policy by a later version. Raises UntrustedError WRONG_COUNTRY or DIRECTORY_INVALID."""
    parsed = parse_policy(policy)
    if parsed.country != country:
        raise UntrustedError(Code.WRONG_COUNTRY, "policy")
    held = publication.content(country, f"{country}/{POLICY}")
    if held is not None and parse_policy(held).version >= parsed.version:
        raise UntrustedError(Code.DIRECTORY_INVALID, "policy: the version number must rise")
    publication.put(country, f"{country}/{POLICY}", policy)


def enrol(publication: Publication, member: MemberFile) -> None:
    """Bring in an organisation whose request and answer were checked.

    Raises UntrustedError DIRECTORY_INVALID, known id.
    """
    held = member.organisation
    if enrolment_in(publication, held.org_id) is not None:
        raise UntrustedError(Code.DIRECTORY_INVALID, "this id is already enrolled: recover it, or choose another id")
    enrolment = enrolment_of(member)
    put_enrolment(publication, enrolment)
    _put_member(publication, member, enrolment)


def recover(publication: Publication, member: MemberFile, since_ms: int) -> None:
    """Restart the keys of an organisation that lost or must distrust its own: `member` is a new, checked request.

    Old signing keys stay listed as compromised since `since_ms`, so that what was logged before stays evidence; old KEM
    epochs are revoked. An auditor's old audit keys are gone, until it vouches for them again. Raises UntrustedError.
    """
    held, enrolment = load_parts(publication, member.organisation.org_id)
    signing = tuple(_compromised(entry, since_ms) for entry in held.signing)
    kem = tuple(_revoked(entry) for entry in held.kem)
    revoked = {**{entry.key.kid: since_ms for entry in signing}, **enrolment.revoked}
    first = (*enrolment.first_keys, *enrolment_of(member).first_keys)
    restarted = replace(enrolment, generation=enrolment.generation + 1, first_keys=first, revoked=revoked)
    put_enrolment(publication, restarted)
    merged = MemberFile.of(member.organisation, (*signing, *member.signing), (*kem, *member.kem), member.audit)
    _put_member(publication, merged, restarted)


def update_keys(publication: Publication, update: bytes, org_id: OrgId) -> None:
    """Publish keys that an organisation handed over (`enrolment.make_update`).

    Raises MalformedError, UntrustedError.
    """
    held, enrolment = load_parts(publication, org_id)
    _put_member(publication, apply_update(update, held, enrolment), enrolment)


def revoke(publication: Publication, org_id: OrgId, kid: KeyId, since_ms: int, *, by_anchors: bool = False) -> None:
    """Revoke a signing key (compromised since `since_ms`), a KEM epoch or an audit key, and what it vouched for.

    By the country's delegation, which is quick, or `by_anchors`, which no delegation can take back. Raises SetupError
    KEY_UNKNOWN.
    """
    held, enrolment = load_parts(publication, org_id)
    audit = {entry.vkey: audit_key_id(parse_vkey(entry.vkey).public) for entry in held.audit}
    listed = {entry.key.kid for entry in held.signing} | {entry.key.kid for entry in held.kem}
    if kid not in listed | set(audit.values()):
        raise SetupError(Code.KEY_UNKNOWN, "the organisation lists no such key")
    if by_anchors:
        put_enrolment(publication, replace(enrolment, revoked={**enrolment.revoked, kid: since_ms}))
        return
    signing = tuple(_compromised(entry, since_ms) if entry.key.kid == kid else entry for entry in held.signing)
    kem = tuple(_revoked(entry) if entry.key.kid == kid else entry for entry in held.kem)
    left = tuple(entry for entry in held.audit if audit[entry.vkey] != kid)
    _put_member(publication, MemberFile.of(held.organisation, signing, kem, left), enrolment)


def lose(publication: Publication, org_id: OrgId, since_ms: int, *, by_anchors: bool = False) -> int:
    """Suspend an organisation whose computer is lost, and revoke every key of it since then; return how many.

    It comes back by `recover`. `by_anchors`: so that no delegation can take it back. Raises SetupError.
    """
    held, enrolment = load_parts(publication, org_id)
    kids = {entry.key.kid for entry in held.signing} | {entry.key.kid for entry in held.kem}
    if by_anchors:
        enrolment = replace(enrolment, revoked={**dict.fromkeys(kids, since_ms), **enrolment.revoked})
        put_enrolment(publication, enrolment)
    signing = tuple(_compromised(entry, since_ms) for entry in held.signing)
    kem = tuple(_revoked(entry) for entry in held.kem)
    status = held.organisation.status
    kept = replace(held.organisation, status=OrgStatus.SUSPENDED if status is OrgStatus.ACTIVE else status)
    _put_member(publication, MemberFile.of(kept, signing, kem, held.audit), enrolment)
    return len(kids)


def set_status(publication: Publication, org_id: OrgId, status: OrgStatus) -> None:
    """Suspend, remove or reactivate an organisation. A removed one stays listed, so that its old signatures verify."""
    held, enrolment = load_parts(publication, org_id)
    if held.organisation.status is OrgStatus.REMOVED and status is not OrgStatus.REMOVED:
        raise UntrustedError(Code.DIRECTORY_INVALID, "a removed organisation comes back by a new enrolment only")
    changed = MemberFile.of(replace(held.organisation, status=status), held.signing, held.kem, held.audit)
    _put_member(publication, changed, enrolment)


def load_parts(publication: Publication, org_id: OrgId) -> tuple[MemberFile, Enrolment]:
    """Return an organisation's two files as they will be. Raises SetupError ORGANISATION_UNKNOWN."""
    enrolment = enrolment_in(publication, org_id)
    country = org_id[:2]
    member = publication.content(country, f"{country}/{org_id}.json")
    if enrolment is None or member is None:
        raise SetupError(Code.ORGANISATION_UNKNOWN, org_id)
    return MemberFile.parse(member), Enrolment.parse(enrolment)


def _put_member(publication: Publication, member: MemberFile, enrolment: Enrolment) -> None:
    held = member.organisation
    check_member(member, enrolment)
    publication.put(held.country, f"{held.country}/{held.org_id}.json", member.encode())


def _compromised(entry: SigningEntry, since_ms: int) -> SigningEntry:
    since = entry.key.compromised_since_ms
    earliest = since_ms if since is None else min(since, since_ms)
    return replace(entry, key=replace(entry.key, compromised_since_ms=earliest))


def _revoked(entry: KemEntry) -> KemEntry:
    return replace(entry, key=replace(entry.key, revoked=True))
