"""From verified target files to a Directory. What is wrong with one file stays with that file.

A bad organisation file leaves that organisation out; a bad policy leaves its country out; each is a Problem that
operators see. So a careless or hostile country can take itself out of the federation and nobody else.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from refbus.core.directory import CountryPolicy, Organisation
from refbus.core.ids import CountryCode, KeyId, OrgId
from refbus.each import alone
from refbus.errors import Code, RefbusError, UntrustedError
from refbus.said import said
from refbus.trust.layout import ENROLMENT, POLICY
from refbus.trust.member.audit_keys import claims
from refbus.trust.member.endorsement import load_member
from refbus.trust.member.policy import parse_policy


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a file of the directory does not count. `path` is a target path or, for a whole country, its code."""

    path: str
    code: Code
    detail: str

    @classmethod
    def of(cls, path: str, error: RefbusError) -> Problem:
        """Return the problem that `error` is for `path`."""
        return cls(path, error.code, error.detail)


@dataclass(slots=True)
class Assembly:
    """What a set of target files amounts to."""

    organisations: dict[OrgId, Organisation] = field(default_factory=dict)
    policies: dict[CountryCode, CountryPolicy] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def note(self, path: str, error: RefbusError) -> None:
        """Note what is wrong with one file; it stays with that file."""
        self.problems.append(Problem.of(path, error))


def assemble(
    targets: Mapping[str, bytes], countries: tuple[CountryCode, ...], owners: Mapping[KeyId, OrgId]
) -> Assembly:
    """Return the organisations and policies of `countries` in `targets` (target path -> content verified by TUF).

    `owners` says who held a key in the version before: a newcomer that lists the same key is left out, not the owner.
    """
    result = Assembly()
    for country in countries:
        with alone(f"{country}/{POLICY}", result.note):
            policy = parse_policy(targets.get(f"{country}/{POLICY}", b""))
            if policy.country != country:
                raise UntrustedError(Code.WRONG_COUNTRY, said("it is of another country"))
            result.policies[country] = policy
            _add_members(result, country, targets)
    _refuse_shared_keys(result, owners)
    result.problems.sort(key=lambda problem: (problem.path, problem.code))
    return result


def _add_members(result: Assembly, country: CountryCode, targets: Mapping[str, bytes]) -> None:
    for path in sorted([path for path in targets if path.startswith(f"{country}/") and path != f"{country}/{POLICY}"]):
        with alone(path, result.note):
            enrolment = targets.get(f"{ENROLMENT}/{path.removeprefix(f'{country}/')}")
            if enrolment is None:
                raise UntrustedError(Code.KEY_NOT_ENDORSED, said("not enrolled by the anchors"))
            member = load_member(targets[path], enrolment)
            if path != f"{member.country}/{member.org_id}.json":
                raise UntrustedError(Code.WRONG_COUNTRY, said("id, country and role do not fit together"))
            result.organisations[member.org_id] = member


def key_owners(organisations: Mapping[OrgId, Organisation]) -> dict[KeyId, OrgId]:
    """Return who holds each key, and each name of a log."""
    return {kid: org_id for org_id, member in organisations.items() for kid in _kids(member)}


@lru_cache(maxsize=4_096)
def _kids(member: Organisation) -> tuple[KeyId, ...]:
    signing, sealing = [key.kid for key in member.signing_keys], [key.kid for key in member.kem_keys]
    return (*signing, *sealing, *claims(member))


def _refuse_shared_keys(result: Assembly, owners: Mapping[KeyId, OrgId]) -> None:
    holders: defaultdict[KeyId, set[OrgId]] = defaultdict(set)
    for org_id, member in result.organisations.items():
        for kid in _kids(member):
            holders[kid].add(org_id)
    out = {org for kid, orgs in holders.items() if len(orgs) > 1 for org in orgs if owners.get(kid) != org}
    for org_id in out:
        country = result.organisations.pop(org_id).country
        result.problems.append(
            Problem(
                f"{country}/{org_id}.json", Code.KEY_INVALID, said("lists a key or log name of another organisation")
            )
        )
