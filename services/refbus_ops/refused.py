"""`refbus-ops refused`, `quarantine`, `replay`: what the gate did not pass on, by code, and the order to decide again.

The records hold sealed bytes; what is shown of each is its decision id, where it was, when, and the codes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

import click

from refbus.audit.lookup import LogLookup
from refbus.audit.proven import with_statement
from refbus.audit.published_log import CHECKPOINT
from refbus.audit.sources import source_of
from refbus.audit.statement import Statement
from refbus.bus.port import Record
from refbus.core.ids import CountryCode
from refbus.core.units import HOUR_MS
from refbus.core.vocabulary import member
from refbus.each import alone, each
from refbus.errors import Code, MalformedError, RefbusError, SetupError, TransportError, UncheckableError
from refbus.explain import explanation
from refbus.files import read_limited, write_whole
from refbus.node import replay as orders
from refbus.node.replay import Person, Request, asked
from refbus.output import put_json, say
from refbus.tlog.end import FILE as END
from refbus.tlog.end import LogEnd
from refbus.tlog.note import Note
from refbus.tlog.shards import shard_at, shards_from
from refbus.trust.member.audit_keys import SHARDS_LISTED
from refbus.verify import MOST_POLICY_BYTES, Policy, read_policy
from refbus.wire.transport import StoppedRecord
from refbus_ops.context import Operator

_FILE = click.Path(path_type=Path, dir_okay=False)
_BATCH = 500
_PATIENCE = 10  # reads of a second each
_PROMISED_MS = HOUR_MS  # so long may it take until a decision can be proved
_LAST = click.option("--last", type=click.IntRange(min=1), default=20, show_default=True, help="How many to show.")
_CODE = click.option(
    "--code", type=click.Choice([str(code) for code in Code]), metavar="CODE", help="Only those with this code."
)
_JSON = click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")


@dataclass(frozen=True, slots=True)
class Stopped:
    """One record that was stopped, without its bytes."""

    decision: str  # 32 hexadecimal digits
    topic: str
    offset: int
    at_ms: int
    codes: tuple[Code, ...]

    def as_mapping(self) -> dict[str, object]:
        """Return it as the JSON object that `--json` prints."""
        return {
            "decision": self.decision,
            "topic": self.topic,
            "offset": self.offset,
            "at": _time(self.at_ms),
            "codes": [str(code) for code in self.codes],
        }


@click.group()
def refused() -> None:
    """See events that the gate refused, and why."""


@refused.command(name="list")
@_LAST
@_CODE
@_JSON
@click.pass_obj
def list_refused(operator: Operator, last: int, code: str | None, as_json: bool) -> None:
    """Count by code and list the newest."""
    _list(operator, "refused", last=last, code=code, as_json=as_json)


@refused.command(name="show")
@click.argument("decision")
@click.pass_obj
def show_refused(operator: Operator, decision: str) -> None:
    """Explain one refusal: each code, what it means, what the next step is."""
    _show(operator, "refused", decision)


@click.group()
def quarantine() -> None:
    """See records that the gate could not read as an event. Each is an alarm."""


@quarantine.command(name="list")
@_LAST
@_CODE
@_JSON
@click.pass_obj
def list_quarantine(operator: Operator, last: int, code: str | None, as_json: bool) -> None:
    """Count by code and list the newest."""
    _list(operator, "quarantine", last=last, code=code, as_json=as_json)


@quarantine.command(name="show")
@click.argument("decision")
@click.pass_obj
def show_quarantine(operator: Operator, decision: str) -> None:
    """Explain one quarantined record."""
    _show(operator, "quarantine", decision)


@click.command()
@click.argument("decision")
@click.option("--by", "name", required=True, help="Your name.")
@click.option("--reason", help="Ask for it, and say why.")
@click.option("--approve", is_flag=True, help="Approve what another person asked for.")
@click.pass_obj
def replay(operator: Operator, decision: str, name: str, reason: str | None, approve: bool) -> None:
    """Order the gate to decide a stopped record again, under today's directory, consent and clock. Two persons do.

    \b
    refbus-ops ... replay DECISION --by ANNA --reason "the directory has the new key now"
    refbus-ops ... replay DECISION --by BORIS --approve

    In production the two use two accounts of the machine. The running gate takes the order within seconds; the new
    decision has an id of its own and moves the count. Whatever made the record stop must have changed first, or it is
    stopped again. Who asked, why, who approved and what became of it stay in replays.jsonl of the gate's folder.
    """  # noqa: D301 - click wants the character
    if (reason is None) is not approve:
        raise SetupError(Code.USAGE, "either --reason or --approve")
    home, person = operator.gate_home(), Person(name, operator.account, operator.clock())
    if approve:
        request = asked(home, decision)
        order = orders.approve(home, request, person, accounts=operator.production)
        say(f"ordered: {decision}, asked for by {order.request.asked.name}: {order.request.reason}")
        return
    country = operator.one_country()
    found = find(operator, country, "refused", decision) or find(operator, country, "quarantine", decision)
    if found is None:
        raise SetupError(Code.USAGE, "no stopped record has this decision id")
    orders.ask(home, Request(found.decision, reason or "", person))
    say(f"asked: {found.topic} {found.offset}, stopped with {', '.join(found.codes)}", "another person approves it")


@click.command()
@_LAST
@_JSON
@click.option("--log", "place", help="Web prefix or folder that the shards of the log lie under.")
@click.option("--policy", "policy_file", type=_FILE, help="With --log: trust policy of the log (audit policy).")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="With --log: write DECISION.tlog-proof.")
@click.pass_obj
def replays(
    operator: Operator, last: int, *, as_json: bool, place: str | None, policy_file: Path | None, out: Path | None
) -> None:
    """Show orders to decide again that were carried out: who asked, why, who approved, what came of it.

    With --log each is looked up in the published audit log, and --out writes its proof, which `refbus audit verify`
    checks on any machine. It says nothing of a case.
    """
    if (place is None) is not (policy_file is None) or (out is not None and place is None):
        raise SetupError(Code.USAGE, "--log and --policy go together, and --out needs both")
    policy = None if policy_file is None else read_policy(read_limited(policy_file, MOST_POLICY_BYTES))
    shards = None if policy is None or place is None else _Shards(place, policy)
    errors: list[RefbusError] = []  # an order that could not be looked up is shown without a word about the log
    home = operator.gate_home()
    waiting = {file.name for file in orders.waiting(home)}  # one that is not carried out yet is in no log
    for done in list(orders.done_before(home))[-last:]:
        request, proof, in_log = done.order.request, None, None
        with alone(done, lambda _, error: errors.append(error)):
            if shards is not None and done.statement:
                proof = _proof(shards, done, operator.clock())
                in_log = True if proof else False if _is_due(done, waiting, operator.clock()) else None
        if proof is not None and out is not None:
            write_whole(out / f"{request.decision}.tlog-proof", proof)
        if as_json:
            told = {"decision": request.decision, "outcome": done.outcome, "at": _time(done.at_ms), "in_log": in_log}
            people = {"asked": _who(request.asked), "approved": _who(done.order.approved)}
            put_json(told | {"reason": request.reason} | people)
        else:
            state = {None: "", True: "  in the log", False: "  NOT in the published log"}[in_log]
            say(f"{request.decision}  {_time(done.at_ms)}  {done.outcome}{state}")
            say(f"    {_who(request.asked)} asked: {request.reason}", f"    {_who(done.order.approved)} approved")
    if errors:
        raise errors[-1]


def _is_due(done: orders.Done, waiting: Collection[str], now_ms: int) -> bool:
    """Whether the log must have the entry: the order is carried out, for longer than logging may take."""
    return done.is_settled and done.order.request.decision not in waiting and now_ms - done.at_ms > _PROMISED_MS


def _who(person: Person) -> str:
    return f"{person.name} ({person.account}, {_time(person.at_ms)})"


class _Shards:
    """The shards of the log at a place, each opened once. Raises as `source_of` and `LogLookup` do."""

    def __init__(self, place: str, policy: Policy) -> None:
        self._place, self._policy = place.rstrip("/"), policy
        self.open: Callable[[str], LogLookup] = lru_cache(self._open)

    def has(self, shard: str, file: str = CHECKPOINT) -> bool:
        """Whether a file of a shard is there."""
        return source_of(self._place).fetch(f"{shard}/{file}") is not None

    def has_lost(self, shard: str) -> bool:
        """Whether a shard ended and says that it lost entries, or in words that cannot be read."""
        end = source_of(self._place).fetch(f"{shard}/{END}")
        try:
            found = None if end is None else LogEnd.parse(Note.parse(end).text)
        except MalformedError:
            return True
        return found is not None and found.head != found.newest

    def _open(self, shard: str) -> LogLookup:
        return LogLookup(source_of(f"{self._place}/{shard}"), self._policy)


def _proof(shards: _Shards, done: orders.Done, now_ms: int) -> bytes | None:
    """Return the proof file of an order, None when the log does not show its entry.

    It is in the half-year of the order or, logged late or behind an early end, in a later one. One that is not there is
    passed over when it has not begun by the calendar and the first has not ended early. Raises as `LogLookup` does when
    another one cannot be read, UncheckableError LOG_NOT_PUBLISHED when one has lost entries: nothing is said of the
    order then.
    """
    statement, errors = Statement.parse(done.statement), list[RefbusError]()
    first, second, *later = shards_from(done.at_ms, SHARDS_LISTED)
    needed = {first, second} if shard_at(now_ms) >= second else {first}
    for shard in (first, second, *later):
        with alone(shard, lambda _, error: errors.append(error)):
            if shard not in needed and not shards.has(shard):
                continue
            lookup = shards.open(shard)
            index = lookup.find(statement.leaf)
            if index is not None:
                return with_statement(lookup.proof(statement.leaf, index).encode(), statement)
    ended = shards.has(first, END) and not any(map(shards.has, (second, *later)))
    if not errors and (ended or any(map(shards.has_lost, (first, second, *later)))):
        raise UncheckableError(Code.LOG_NOT_PUBLISHED, second)
    if errors:
        raise errors[0]
    return None


def stopped(operator: Operator, country: CountryCode, family: str) -> Iterator[Stopped]:
    """Read "<cc>.refused" or "<cc>.quarantine" from its beginning to its end. Raises TransportError.

    A record that cannot be read is named and left out.
    """
    reader = operator.cluster(country).reader(f"{country}.{family}")
    try:
        end, empty = reader.end_offset(), 0
        while reader.position() < end:
            records = reader.read(_BATCH, 1.0)
            empty = 0 if records else empty + 1
            if empty > _PATIENCE:
                raise TransportError(Code.BROKER_UNREACHABLE, "the topic has more, but nothing comes")
            yield from each(records, _stopped, _not_read)
    finally:
        reader.close()


def find(operator: Operator, country: CountryCode, family: str, decision: str) -> Stopped | None:
    """Return the stopped record with this decision id. Raises SetupError USAGE for what is no decision id."""
    orders.check_decision(decision)
    return next((each for each in stopped(operator, country, family) if each.decision == decision), None)


def _not_read(record: Record, error: RefbusError) -> None:
    say(f"offset {record.offset} cannot be read: {error.code}", err=True)


def _stopped(record: Record) -> Stopped:
    held = StoppedRecord.parse(record.value)
    codes = tuple(member(Code, each) for each in held.codes)
    return Stopped(held.decision_id.hex(), held.topic, held.offset, record.timestamp_ms, codes)


def _list(operator: Operator, family: str, *, last: int, code: str | None, as_json: bool) -> None:
    found = [
        each
        for each in _unique(stopped(operator, operator.one_country(), family))
        if code is None or code in each.codes
    ]
    for one in found[-last:]:
        line = f"{one.decision}  {_time(one.at_ms)}  {one.topic} {one.offset}  {', '.join(one.codes)}"
        if as_json:
            put_json(one.as_mapping())
        else:
            say(line)
    if not as_json:
        counts = Counter(str(name) for each in found for name in each.codes)
        say(f"{len(found)} {family}" + "".join(f"; {name} {count}" for name, count in sorted(counts.items())))


def _unique(found: Iterator[Stopped]) -> list[Stopped]:
    """Count the same decision once: a pump may repeat a record."""
    return list({each.decision: each for each in found}.values())


def _show(operator: Operator, family: str, decision: str) -> None:
    found = find(operator, operator.one_country(), family, decision)
    if found is None:
        raise SetupError(Code.USAGE, f"no {family} record has this decision id")
    say(f"{found.topic} {found.offset}, {_time(found.at_ms)}")
    for code in found.codes:
        text = explanation(code)
        say(f"{code}: {text.meaning}", f"  next: {text.next_step}")


def _time(at_ms: int) -> str:
    try:
        return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="seconds")
    except (OverflowError, OSError, ValueError):  # no calendar has it: whoever wrote the record said when
        return f"{at_ms} ms"
