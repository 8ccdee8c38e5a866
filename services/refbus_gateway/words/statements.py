"""A statement of the audit log in plain words: who decided what about which event, why, when. Knows no content."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from refbus.audit.proven import Proven
from refbus.audit.record import AnyRecord, AuditRecord, ReplayRecord
from refbus.core.directory import Directory
from refbus.core.ids import CountryCode, OrgId, gate_id
from refbus.core.times import show_second
from refbus.errors import Code
from refbus.foreign import line
from refbus_gateway.words.catalogue import Catalogue, catalogue, mark
from refbus_gateway.words.codes import event_name, label, meaning

Fact = tuple[str, str]
"""What is said, by its name in English (FACTS), and the words for it."""
FACTS: Final = (
    mark("Who", "fact"),
    mark("Decision", "fact"),
    mark("Event", "fact"),
    mark("Event id", "fact"),
    mark("Reason", "fact"),
    mark("Consent", "fact"),
    mark("Message", "fact"),
    mark("Time", "fact"),
    mark("Log", "fact"),
    mark("Witness", "fact"),
    mark("Quorum", "fact"),
    mark("From", "fact"),
    mark("To", "fact"),
    mark("Answer", "fact"),
    mark("Became", "fact"),
    mark("Purpose", "fact"),
    mark("Data", "fact"),
    mark("Basis", "fact"),
)
"""Every name of a fact."""


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

    @property
    def words(self) -> Catalogue:
        """The catalogue of the language."""
        return catalogue(self.language)

    def text(self, message: str, **values: object) -> str:
        """Return a message in the language."""
        return self.words.text(message, None, **values)

    def writer(self, org: OrgId) -> str:
        """Return who made a statement: a country's gate, or the gateway of an organisation."""
        country = org.partition("-")[0]
        if org == gate_id(CountryCode(country)):
            return self.text("the national gate of %(country)s (%(org)s)", country=country, org=org)
        return self.text("the gateway of %(org)s", org=self.organisation(org))

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
        return f"{code}: {meaning(self.words, Code(code))}" if code in set(Code) else line(code)

    def facts(self, record: AnyRecord) -> Iterator[Fact]:
        """Yield what a record says."""
        yield "Who", self.writer(record.writer)
        yield "Decision", self.decision(record)
        yield from self._replay(record) if isinstance(record, ReplayRecord) else self._decision(record)
        yield "Time", self.text("%(date)s, as its writer says", date=show_second(record.at_ms))

    def _replay(self, record: ReplayRecord) -> Iterator[Fact]:
        """Yield who ordered that a stopped record is decided again, and why."""
        yield "Reason", line(record.reason)
        for name, at_ms in ((record.asked_by, record.asked_ms), (record.approved_by, record.approved_ms)):
            yield "Who", f"{line(name)}, {show_second(at_ms)}"

    def _decision(self, record: AuditRecord) -> Iterator[Fact]:
        if record.event_type is not None:
            yield "Event", f"{event_name(self.words, record.event_type.value)} ({record.event_type})"
        if record.event_id is not None:
            yield "Event id", record.event_id.hex()
        for code in record.codes:
            yield "Reason", self.reason(code)
        if record.consent_id is not None:
            yield (
                "Consent",
                self.text(
                    "%(consent)s, version %(version)s", consent=record.consent_id.hex(), version=record.consent_version
                ),
            )
        if record.message_sha256 is not None:
            yield "Message", f"SHA-256 {record.message_sha256.hex()}"

    def proof(self, proven: Placed) -> Iterator[Fact]:
        """Yield where an entry stands and who has cosigned that."""
        yield (
            "Log",
            self.text(
                "%(log)s, entry %(index)s of %(size)s", log=line(proven.origin), index=proven.index, size=proven.size
            ),
        )
        for name, at_s in proven.witnesses.items():
            yield "Witness", f"{line(name)}, {show_second(at_s * 1000)}"
        if proven.quorum_at_s is None:
            yield "Quorum", self.text("none is demanded by the policy")
        else:
            yield (
                "Quorum",
                self.text(
                    "stood behind it at %(date)s: the entry is not newer than that",
                    date=show_second(proven.quorum_at_s * 1000),
                ),
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


def columns(facts: Iterator[Fact], words: Catalogue) -> list[str]:
    """Return facts as indented lines."""
    return [f"  {fact_name(words, name) + ':':10} {text}" for name, text in facts]


def fact_name(words: Catalogue, name: str) -> str:
    """Return the name of a fact in a language; JSON keeps the English one."""
    return words.pgettext("fact", name)
