"""The members of one version, each read and checked when it is asked for: who deals with ten holds ten.

What a version says of all of them stands in an index, made when the version was verified: the SHA-256 of both files of
each, its role, and its keys. The files themselves are checked as at first (`endorsement`) whenever they are read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import Any, NamedTuple

from refbus.core.directory import Brief, Indexed, Organisation
from refbus.core.ids import OrgId, country_of
from refbus.crypto.framing import sha256
from refbus.errors import Code, MalformedError, StoreError, UntrustedError
from refbus.said import placed, said
from refbus.trust.member.endorsement import checked_member, load_member
from refbus.trust.reader.contents import Contents


class Entry(NamedTuple):
    """A member in the index: the SHA-256 (hex) of its file and of its enrolment, what nobody else may list, `brief`.

    `claims` are written as the ids of keys in `brief`.
    """

    file: str
    enrolment: str
    claims: str
    brief: Brief


Index = Mapping[OrgId, Entry]


def file_of(org_id: OrgId) -> str:
    """Return the target path of a member's file."""
    return f"{country_of(org_id)}/{org_id}.json"


class Members(Indexed):
    """The members in an index, by id. Raises StoreError when a file that was verified is damaged here."""

    def __init__(self, load: Callable[[], tuple[Index, Contents]]) -> None:
        self._load = load
        self._seen: dict[OrgId, Organisation] = {}

    @cached_property
    def _parts(self) -> tuple[Index, Contents]:
        return self._load()

    @property
    def index(self) -> Index:
        """What stands of each, without reading anybody."""
        return self._parts[0]

    @property
    def contents(self) -> Contents:
        """The files that they are read from."""
        return self._parts[1]

    def get(self, org_id: OrgId, default: Any = None) -> Any:
        """Return a member, or `default`."""
        found = self._seen.get(org_id)
        return super().get(org_id, default) if found is None else found

    def __getitem__(self, org_id: OrgId) -> Organisation:
        found = self._seen.get(org_id)
        if found is None:
            entry = self.index[org_id]
            found = checked_member(entry.file, entry.enrolment) or self._read(org_id, entry)
            self._seen[org_id] = found
        return found

    def _read(self, org_id: OrgId, entry: Entry) -> Organisation:
        """Read both files again and check them as when the version was verified."""
        enrolment = self.contents.enrolment(org_id)
        if enrolment is not None and sha256(enrolment).hex() == entry.enrolment:
            try:
                return load_member(self.contents[file_of(org_id)], enrolment)
            except (MalformedError, UntrustedError):
                pass
        raise StoreError(Code.STORE_FAILED, placed(org_id, said("a version that was kept here is damaged")))

    def __contains__(self, org_id: object) -> bool:
        return org_id in self.index

    def __iter__(self) -> Iterator[OrgId]:
        return iter(self.index)

    def __len__(self) -> int:
        return len(self.index)

    def __eq__(self, other: object) -> bool:
        return self.index == other.index if isinstance(other, Members) else super().__eq__(other)

    __hash__ = None  # type: ignore[assignment]

    def briefs(self) -> Mapping[OrgId, Brief]:
        """Return the index, for the decisions."""
        return self._briefs

    @cached_property
    def _briefs(self) -> Mapping[OrgId, Brief]:
        return {org_id: entry.brief for org_id, entry in self.index.items()}
