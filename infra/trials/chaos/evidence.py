"""The oracle: gathers every effect of what was sent, from topics, stores and audit entries, and has it judged.

It reads with its own consumer and its own queries. Of the product it uses the formats and the recipients' keys only.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import pairwise

from chaos.ground import Ground
from chaos.inboxes import Inbox, Reading, read_inbox
from chaos.journal import Nature, Pages, Planned, read
from chaos.judging import Expected, Fate, Tally, judge
from chaos.logs import Line, read_topic
from demo.world import PASSPHRASE
from refbus.audit.entry import open_entry, verify_entry
from refbus.core.directory import MEMBER_ROLES, Directory, DirectoryHistory, OrgRole
from refbus.core.ids import CountryCode
from refbus.crypto.framing import sha256
from refbus.errors import Code, MalformedError, RefbusError
from refbus.trust.homes import Home
from refbus.wire.transport import AuditEntry, BorderKind, BorderRecord, ErasureOrder, Passed, StoppedRecord


@dataclass(slots=True)
class Found:
    """Everything that was seen at the effect."""

    sources: dict[str, list[Line]] = field(default_factory=dict)
    inboxes: list[Inbox] = field(default_factory=list)
    stopped: list[str] = field(default_factory=list)
    audited: dict[CountryCode, set[bytes]] = field(default_factory=dict)
    forwarded: Counter[tuple[str, str, str]] = field(default_factory=Counter)


def examine(ground: Ground, countries: Sequence[CountryCode]) -> Tally:
    """Judge a scenario whose processes have stopped, with its brokers still running."""
    pages = read(ground.journal.path)
    directories = ground.world.directories(ground.world.now_ms())
    by_hash = {each.sha256: each for each in pages.planned}
    found = Found()
    for country in countries:
        for topic in ground.sources(country):
            found.sources[topic] = read_topic(ground.world.address(country, f"{country}-gate"), topic)
        _read_stopped(ground, country, by_hash, found)
    _read_inboxes(ground, countries, directories, found)
    for country in countries:
        _read_audit(ground, country, directories.latest, found)
    tally = judge(_expected(pages, found), [inbox.events for inbox in found.inboxes], found.stopped)
    _judge_inboxes(tally, pages, found)
    for country in countries:
        _judge_account(tally, ground, country, found)
    for (event, stage, place), times in found.forwarded.items():
        tally.add("duplicate_effects", times - 1, f"{event}: {times} decisions FORWARDED at {stage} of {place}")
    return tally


def _expected(pages: Pages, found: Found) -> Iterable[Expected]:
    """Yield the fate of each event from the order of the logs: what stands behind a withdrawal is denied.

    Outboxes hold what members sent; a border topic counts only for what the harness itself wrote there.
    """
    by_hash = {each.sha256: each for each in pages.planned}
    accepted = pages.accepted()
    logged: set[str] = set()
    closed: set[tuple[str, str]] = set()
    for line in (line for lines in found.sources.values() for line in lines):
        planned = by_hash.get(sha256(line.value).hex())
        if planned is None or planned.event in logged:
            continue
        logged.add(planned.event)
        yield Expected(planned.event, planned.case, line.offset, _fate(planned, closed))
        if planned.nature in {Nature.WITHDRAWAL, Nature.UNHEARD}:
            closed.add((planned.sender, planned.case))
    for planned in pages.planned:
        if planned.event not in logged and planned.event in accepted:
            yield Expected(planned.event, planned.case, 0, Fate.DELIVERED)  # confirmed, and not there: lost


def _fate(planned: Planned, closed: set[tuple[str, str]]) -> Fate:
    if planned.nature in {Nature.POISON, Nature.UNHEARD}:
        return Fate.STOPPED
    if planned.nature is Nature.CROSSED:
        return Fate.ANY
    denied = planned.nature is Nature.UNCONSENTED or (planned.sender, planned.case) in closed
    return Fate.DENIED if denied and planned.nature is not Nature.WITHDRAWAL else Fate.DELIVERED


def _read_stopped(ground: Ground, country: CountryCode, by_hash: dict[str, Planned], found: Found) -> None:
    """Read refused and quarantined records; a pump may repeat them, so each decision counts once."""
    seen: set[bytes] = set()
    for family in ("refused", "quarantine"):
        for line in read_topic(ground.world.address(country, f"{country}-operator"), f"{country}.{family}"):
            stopped = StoppedRecord.parse(line.value)
            if stopped.decision_id in seen:
                continue
            seen.add(stopped.decision_id)
            if stopped.codes == (Code.BATCH_UNREADABLE,):  # its bytes are packed: what it holds is in the topic itself
                held = next(each.value for each in found.sources[stopped.topic] if each.offset == stopped.offset)
                stopped = replace(stopped, record=held)
            bare, digest = sha256(stopped.record).hex(), sha256(envelope_of(stopped.topic, stopped.record)).hex()
            planned = by_hash.get(bare) or by_hash.get(digest)
            found.stopped.append(digest if planned is None else planned.event)


def envelope_of(topic: str, record: bytes) -> bytes:
    """Return the envelope in a record of an outbox or a border topic, or the record when it holds none."""
    if topic.endswith(".outbox"):
        return record
    try:
        border = BorderRecord.parse(record)
        return Passed.parse(border.body).envelope if border.kind is BorderKind.PASSED else record
    except RefbusError:
        return record


def _read_inboxes(
    ground: Ground, countries: Sequence[CountryCode], directories: DirectoryHistory, found: Found
) -> None:
    """Read every inbox under all versions of the directory: what came under an earlier one is no loss."""
    members = [
        org.org_id
        for org in directories.latest.organisations.values()
        if org.country in countries and org.role in MEMBER_ROLES
    ]
    readings = [
        Reading(org, list(ground.world.home(org).kem_keys(PASSPHRASE).values()), directories, ground.world.moment)
        for org in members  # one after the other: stretching a passphrase is not for several threads
    ]

    def look(reading: Reading) -> Inbox:
        org = reading.org
        address = ground.world.address(CountryCode(org[:2]), org)
        return read_inbox(reading, read_topic(address, f"{org[:2]}.inbox.{org}"))

    with ThreadPoolExecutor(2) as pool:
        found.inboxes = list(pool.map(look, readings))


def _read_audit(ground: Ground, country: CountryCode, directory: Directory, found: Found) -> None:
    """Verify and open all audit entries of a country as its inspector does; a repeat has the same decision id."""
    role = OrgRole.INSPECTOR
    inspector = next(org for org in directory.organisations.values() if org.country == country and org.role is role)
    keys = list(Home(ground.world.paths.home(inspector.org_id)).kem_keys(PASSPHRASE).values())
    ids = found.audited.setdefault(country, set())
    for line in read_topic(ground.world.address(country, f"{country}-operator"), f"{country}.audit"):
        entry = None if line.value in ground.odd else _entry_of(line.value)
        if entry is None or entry.decision_id in ids:
            continue
        verify_entry(entry, directory.organisations[entry.writer], line.time_ms)
        record = open_entry(entry, keys)
        ids.add(entry.decision_id)
        if record.outcome.value == "FORWARDED" and record.event_id is not None:
            found.forwarded[record.event_id.hex(), record.stage.value, country] += 1


def _entry_of(value: bytes) -> AuditEntry | None:
    """Return the entry in a record of the audit topic, None for an order to erase. Raises MalformedError for others."""
    try:
        return AuditEntry.parse(value)
    except MalformedError:
        ErasureOrder.parse(value)
        return None


def _judge_inboxes(tally: Tally, pages: Pages, found: Found) -> None:
    """Demand unbroken numbers, readable records, and for each sender a word about each of its events."""
    told: dict[str, set[str]] = defaultdict(set)
    for inbox in found.inboxes:
        told[inbox.org] |= inbox.told
        for problem in inbox.problems:
            tally.add("unaccounted", 1, f"inbox of {inbox.org}: {problem}")
        for before, after in pairwise([0, *inbox.sequences]):
            if after != before + 1:
                tally.add("unaccounted", 1, f"inbox of {inbox.org}: {after} follows {before}")
    logged = {sha256(line.value).hex() for lines in found.sources.values() for line in lines}
    for each in pages.planned:
        readable = each.nature is not Nature.POISON and each.sha256 in logged
        if readable and each.sha256 not in told[each.sender]:
            tally.add("unaccounted", 1, f"{each.event}: its sender was told nothing")


def _judge_account(tally: Tally, ground: Ground, country: CountryCode, found: Found) -> None:
    """Check the node store against its topics: every record decided once, counted once, audited, and nothing left."""
    rows = ground.query(country, 'SELECT topic, "offset", decision_id FROM record')
    decided = {(str(topic), int(offset)): bytes(name) for topic, offset, name in rows}
    counted = dict(ground.query(country, "SELECT topic, sum(records) FROM tally GROUP BY topic"))
    for topic in ground.sources(country):
        for line, needs_row in zip(found.sources[topic], need_rows(topic, found.sources[topic]), strict=True):
            name = decided.pop((topic, line.offset), None)
            if name is None:
                tally.add("unaccounted", int(needs_row), f"{topic} {line.offset}: no outcome")
            elif name not in found.audited[country] and _is_audited(topic, line.value):
                tally.add("unaccounted", 1, f"{topic} {line.offset}: no audit entry")
        there, told = len(found.sources[topic]), int(counted.get(topic, 0))
        tally.add("unaccounted", abs(there - told), f"{topic}: of {there} records {told} are counted")
    tally.add("unaccounted", len(decided), f"{country}: outcomes of records that are not in the log: {len(decided)}")
    for table in ("outgoing", "hold"):
        left = ground.query(country, f"SELECT count(*) FROM {table}")[0][0]  # noqa: S608  a name of ours
        tally.add("unaccounted", int(left), f"{country}: {left} rows left in {table}")


def need_rows(topic: str, lines: Iterable[Line]) -> Iterator[bool]:
    """Yield for each record of a topic whether the gate keeps a row: repeats and receipts are only counted."""
    seen = set[bytes]()
    for line in lines:
        yield line.value not in seen and not _is_receipt(topic, line.value)
        seen.add(line.value)


def _is_receipt(topic: str, record: bytes) -> bool:
    if topic.endswith(".outbox"):
        return False
    try:
        return BorderRecord.parse(record).kind is BorderKind.HOP
    except RefbusError:
        return False


def _is_audited(topic: str, record: bytes) -> bool:
    """Whether a record is an event: receipts and notices of gates cause no entry."""
    if topic.endswith(".outbox"):
        return True
    try:
        return BorderRecord.parse(record).kind is BorderKind.PASSED
    except RefbusError:
        return True
