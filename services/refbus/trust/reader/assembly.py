"""From verified target files to a Directory. What is wrong with one file stays with that file.

A bad organisation file leaves that organisation out; a bad policy leaves its country out; each is a Problem that
operators see. So a careless or hostile country can take itself out of the federation and nobody else.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from refbus.core.directory import Brief, CountryPolicy
from refbus.core.ids import CountryCode, KeyId, OrgId
from refbus.crypto.framing import sha256
from refbus.each import alone
from refbus.errors import Code, RefbusError, UntrustedError
from refbus.said import said
from refbus.trust.layout import POLICY
from refbus.trust.member.audit_keys import claims
from refbus.trust.member.endorsement import load_member
from refbus.trust.member.policy import parse_policy
from refbus.trust.reader.contents import Contents
from refbus.trust.reader.members import Entry, Index, Members, file_of


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


@dataclass
class Assembly:
    """What a set of target files amounts to."""

    contents: Contents
    index: dict[OrgId, Entry] = field(default_factory=dict)
    policies: dict[CountryCode, CountryPolicy] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    @cached_property
    def organisations(self) -> Members:
        """The members that count, each read when it is asked for."""
        return Members(lambda: (self.index, self.contents))

    def note(self, path: str, error: RefbusError) -> None:
        """Note what is wrong with one file; it stays with that file."""
        self.problems.append(Problem.of(path, error))


def assemble(
    targets: Mapping[str, bytes],
    countries: tuple[CountryCode, ...],
    owners: Mapping[KeyId, OrgId],
    before: Index | None = None,
) -> Assembly:
    """Return the organisations and policies of `countries` in `targets` (target path -> content verified by TUF).

    `owners` says who held a key in the version before: a newcomer that lists the same key is left out, not the owner.
    `before` is the index of a version that was verified here: whose files are the same as in it is not checked again.
    """
    contents = targets if isinstance(targets, Contents) else Contents.held(targets)
    result = Assembly(contents)
    listed = defaultdict[str, list[str]](list)
    for path in sorted(contents):
        listed[path.partition("/")[0]].append(path)
    for country in countries:
        with alone(f"{country}/{POLICY}", result.note):
            policy = parse_policy(contents.get(f"{country}/{POLICY}", b""))
            if policy.country != country:
                raise UntrustedError(Code.WRONG_COUNTRY, said("it is of another country"))
            result.policies[country] = policy
            for path in listed[country]:
                if path != f"{country}/{POLICY}":
                    _add_member(result, country, path, before or {})
    _refuse_shared_keys(result, owners)
    result.problems.sort(key=lambda problem: (problem.path, problem.code))
    return result


def _add_member(result: Assembly, country: CountryCode, path: str, before: Index) -> None:
    contents = result.contents
    with alone(path, result.note):
        org_id = OrgId(path.removeprefix(f"{country}/").removesuffix(".json"))
        enrolment = contents.enrolment(org_id)
        if enrolment is None:
            raise UntrustedError(Code.KEY_NOT_ENDORSED, said("not enrolled by the anchors"))
        digest, held = sha256(enrolment).hex(), before.get(org_id)
        if held is None or (held.file, held.enrolment) != (contents.names[path], digest):
            member = load_member(contents[path], enrolment)
            if path != file_of(member.org_id):
                raise UntrustedError(Code.WRONG_COUNTRY, said("id, country and role do not fit together"))
            claimed = " ".join(kid.hex() for kid in claims(member))
            held = Entry(contents.names[path], digest, claimed, Brief.of(member))
        result.index[org_id] = held


def key_owners(organisations: Members) -> dict[KeyId, OrgId]:
    """Return who holds each key, and each name of a log."""
    return {KeyId(bytes.fromhex(kid)): org_id for org_id, entry in organisations.index.items() for kid in _kids(entry)}


def _kids(entry: Entry) -> list[str]:
    return [*entry.brief.keys.split(), *entry.claims.split()]


def _refuse_shared_keys(result: Assembly, owners: Mapping[KeyId, OrgId]) -> None:
    holders: defaultdict[str, set[OrgId]] = defaultdict(set)
    for org_id, entry in result.index.items():
        for kid in _kids(entry):
            holders[kid].add(org_id)
    shared = {KeyId(bytes.fromhex(kid)): orgs for kid, orgs in holders.items() if len(orgs) > 1}
    out = {org for kid, orgs in shared.items() for org in orgs if owners.get(kid) != org}
    for org_id in out:
        del result.index[org_id]
        result.problems.append(
            Problem(file_of(org_id), Code.KEY_INVALID, said("lists a key or log name of another organisation"))
        )
