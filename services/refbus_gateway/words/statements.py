"""A statement of the audit log in plain words: who decided what about which event, why, when. Knows no content."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from refbus.audit.proven import Proven
from refbus.audit.record import AuditRecord
from refbus.core.directory import Directory
from refbus.core.ids import CountryCode, OrgId, gate_id
from refbus.core.times import show_second
from refbus.errors import Code
from refbus.explain import explanation
from refbus.foreign import line
from refbus_gateway.words.codes import label, title

Fact = tuple[str, str]
"""What is said, and the words for it."""


class Decided(Protocol):
    """Something that was decided somewhere on the road."""

    @property
    def stage(self) -> str:
        """Where on the road."""

    @property
    def outcome(self) -> str:
        """What was decided."""


class Placed(Protocol):
    """Where an entry stands in a log, and who has cosigned that; as `refbus.audit.proven.Proven` says it."""

    @property
    def origin(self) -> str:
        """Name of the shard."""

    @property
    def index(self) -> int:
        """Which entry."""

    @property
    def size(self) -> int:
        """Entries under the checkpoint."""

    @property
    def witnesses(self) -> Mapping[str, int]:
        """Names of those who cosigned, with the time in seconds since the epoch."""

    @property
    def quorum_at_s(self) -> int | None:
        """When the quorum stood behind it, None when the policy demands none."""


@dataclass(frozen=True, slots=True)
class Words:
    """The language of code lists, and the directory, if there is one, that names organisations."""

    language: str
    directory: Directory | None = None

    def writer(self, org: OrgId) -> str:
        """Return who made a statement: a country's gate, or the gateway of an organisation."""
        country = org.partition("-")[0]
        if org == gate_id(CountryCode(country)):
            return f"the national gate of {country} ({org})"
        return f"the gateway of {self.organisation(org)}"

    def organisation(self, org: OrgId) -> str:
        """Return the plain name of an organisation with its id; the id alone when it is not known here."""
        found = self.directory.find(org) if self.directory else None
        return line(f"{found.label} ({org})") if found else str(org)

    def decision(self, record: Decided) -> str:
        """Return where on the road it was decided, and what, with the codes."""
        stage = label(self.language, "refbus.AuditStage", record.stage) or record.stage
        outcome = label(self.language, "refbus.AuditOutcome", record.outcome) or record.outcome
        return f"{stage}: {outcome} ({record.stage} {record.outcome})"

    def reason(self, code: str) -> str:
        """Return a code with what it means; one that is not known here as it came."""
        return f"{code}: {explanation(Code(code)).meaning}" if code in set(Code) else line(code)

    def facts(self, record: AuditRecord) -> Iterator[Fact]:
        """Yield what a record says."""
        yield "Who", self.writer(record.writer)
        yield "Decision", self.decision(record)
        if record.event_type is not None:
            yield "Event", f"{title(record.event_type.value)} ({record.event_type})"
        if record.event_id is not None:
            yield "Event id", record.event_id.hex()
        for code in record.codes:
            yield "Reason", self.reason(code)
        if record.consent_id is not None:
            yield "Consent", f"{record.consent_id.hex()}, version {record.consent_version}"
        if record.message_sha256 is not None:
            yield "Message", f"SHA-256 {record.message_sha256.hex()}"
        yield "Time", f"{show_second(record.at_ms)}, as its writer says"

    def proof(self, proven: Placed) -> Iterator[Fact]:
        """Yield where an entry stands and who has cosigned that."""
        yield "Log", f"{line(proven.origin)}, entry {proven.index} of {proven.size}"
        for name, at_s in proven.witnesses.items():
            yield "Witness", f"{line(name)}, {show_second(at_s * 1000)}"
        if proven.quorum_at_s is None:
            yield "Quorum", "none is demanded by the policy"
        else:
            yield (
                "Quorum",
                f"stood behind it at {show_second(proven.quorum_at_s * 1000)}: the entry is not newer than that",
            )


def proof_values(proven: Proven) -> dict[str, Any]:
    """Return a checked proof for JSON. Times of witnesses in seconds since the epoch."""
    return {
        "origin": proven.origin,
        "index": proven.index,
        "size": proven.size,
        "entry": proven.entry.hex(),
        "witnesses": dict(proven.witnesses),
        "quorum_at_s": proven.quorum_at_s,
    }


def columns(facts: Iterator[Fact]) -> list[str]:
    """Return facts as indented lines."""
    return [f"  {name + ':':10} {text}" for name, text in facts]
