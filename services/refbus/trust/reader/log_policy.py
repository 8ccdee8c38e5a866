"""What a country's audit log must show before it is believed, drawn from the directory (docs/spec/directory.md §6).

The witnesses of a log are the auditors of the other countries; one counts when both its Ed25519 and its ML-DSA-44
cosignature are there. How many are needed is in the country's own policy (`audit_quorum`).
"""

from __future__ import annotations

from refbus.core.directory import Directory, Organisation, OrgRole, OrgStatus
from refbus.core.ids import CountryCode
from refbus.errors import Code, UncheckableError
from refbus.said import said
from refbus.tlog.keys import SigType, VerifierKey
from refbus.tlog.policy import NONE, Making, Member, Policy
from refbus.trust.member.audit_keys import AuditKeys

_ABROAD = b"abroad"
_KINDS = {SigType.ED25519_COSIGNATURE: "ed25519", SigType.MLDSA44_COSIGNATURE: "mldsa44"}


def auditor_of(directory: Directory, country: CountryCode) -> Organisation:
    """Return the active auditor of `country` that lists audit keys. Raises UncheckableError KEY_UNKNOWN.

    There may be one only: with two, nobody could say which log is the country's.
    """
    found = _auditors(directory, country)
    if len(found) != 1:
        raise UncheckableError(
            Code.KEY_UNKNOWN,
            said("active auditors with audit keys in %(country)s: %(found)s", found=len(found), country=country),
        )
    return found[0]


def audit_keys(directory: Directory, country: CountryCode) -> AuditKeys:
    """Return the keys of the log and witness of `country`, read once for each version.

    Raises UncheckableError KEY_UNKNOWN.
    """
    return directory.once(("audit-keys", country), lambda view: AuditKeys.of(auditor_of(view, country).audit_keys))


def log_name(directory: Directory, country: CountryCode) -> str:
    """Return the name of the log of `country`; a slash and the shard make an origin. Raises as `auditor_of`."""
    return audit_keys(directory, country).name


def demands_log(directory: Directory, country: CountryCode) -> bool:
    """Whether readers of `country` let a newer version in only when the country's log shows it.

    So it is while that country has an auditor with audit keys and demands witnesses for its log.
    """

    def demanded(view: Directory) -> bool:
        policy = view.policies.get(country)
        return policy is not None and policy.audit_quorum > 0 and len(_auditors(view, country)) == 1

    return directory.once(("demands-log", country), demanded)


def policy_text(directory: Directory, country: CountryCode) -> str:
    """Return the trust policy for the log of `country`, a file of c2sp.org/tlog-policy that stands for itself.

    Raises UncheckableError: KEY_UNKNOWN as `auditor_of`, QUORUM_MISSING when there are fewer witnesses than needed.
    """
    policy = log_policy(directory, country)
    head = f"# The audit log of {country}, from version {directory.version} of the directory of the Referral Bus."
    lines = [head.encode(), *[b"log " + log.key.vkey.encode() for log in policy.logs]]
    for name, group in policy.groups.items():
        known = [(each, policy.witnesses[each].key.vkey) for each in group.members if each in policy.witnesses]
        lines += [b"witness %b %b" % (each, vkey.encode()) for each, vkey in known]
        needed = b"%d" % group.needed if name == _ABROAD else b"all"
        lines.append(b" ".join((b"group", name, needed, *group.members)))
    lines.append(b"quorum " + policy.quorum)
    return b"\n".join([*lines, b""]).decode()


def log_policy(directory: Directory, country: CountryCode) -> Policy:
    """Return the trust policy for the log of `country`, made once for each version. Raises as `policy_text`."""
    return directory.once(("log-policy", country), lambda view: _policy(view, country))


def _policy(directory: Directory, country: CountryCode) -> Policy:
    quorum = directory.policies[country].audit_quorum if country in directory.policies else 0
    making = Making()
    for key in audit_keys(directory, country).logs.values():
        making.add_log(Member(key))
    witnesses = _witnesses(directory, country)
    if quorum > len(witnesses):
        raise UncheckableError(
            Code.QUORUM_MISSING,
            said(
                "%(quorum)s witnesses demanded, %(witnesses)s in the directory", quorum=quorum, witnesses=len(witnesses)
            ),
        )
    for other, keys in witnesses.items():
        names = tuple(f"{other}-{_KINDS[key.type]}".encode() for key in keys)
        for name, key in zip(names, keys, strict=True):
            making.add_witness(name, Member(key))
        making.add_group(other.encode(), len(names), names)
    if quorum:
        making.add_group(_ABROAD, quorum, tuple(other.encode() for other in witnesses))
    making.set_quorum(_ABROAD if quorum else NONE)
    return making.done()


def _witnesses(directory: Directory, country: CountryCode) -> dict[str, list[VerifierKey]]:
    """Return the witness keys of every other country that has one auditor and both kinds of keys."""
    found = dict[str, list[VerifierKey]]()
    for other in directory.countries():
        auditors = _auditors(directory, other)
        if other != country and len(auditors) == 1:
            held = AuditKeys.of(auditors[0].audit_keys).witness
            keys = [held[kind] for kind in _KINDS if kind in held]
            if len(keys) == len(_KINDS):
                found[other] = keys
    return found


def _auditors(directory: Directory, country: CountryCode) -> list[Organisation]:
    return [
        member
        for member in directory.members_of(country, OrgRole.AUDITOR)
        if member.status is OrgStatus.ACTIVE and member.audit_keys
    ]
