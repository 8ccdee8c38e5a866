"""Real gateways under kills: people write into their stores, `refbus run` moves the rows, gates carry them.

The people's side is played with the gateway's library, and with commands that are killed half-way and repeated until
one says that it worked, as a person does whose machine went off.
"""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from sqlalchemy import func, select

from chaos.evidence import examine
from chaos.ground import Ground, wait
from chaos.journal import Attempt, Nature, Outcome, Planned
from chaos.judging import Tally
from chaos.outboxes import journal_of_log
from chaos.result import Result
from chaos.stage import KZ, UZ, Cast
from chaos.timeline import Fault, Timeline
from demo.plan import PlannedCase, consent_form, planned_cases
from demo.processes import spawn, stop_process
from demo.world import PASSPHRASE
from refbus.clock import machine_ms
from refbus.core.ids import OrgId, ReferralId
from refbus.core.message import RoutingBlock
from refbus.core.vocabulary import EventType
from refbus.errors import ConsentError, RefbusError
from refbus_gateway.cases import casework
from refbus_gateway.consent import versions, withdrawals
from refbus_gateway.courses import referral_steps
from refbus_gateway.forms.consentfile import parse_consent
from refbus_gateway.home.folder import Home
from refbus_gateway.home.gateway import Gateway, open_gateway
from refbus_gateway.store import cases as stored
from refbus_gateway.store import consents as rows
from refbus_gateway.store import outbox as outboxes
from refbus_gateway.store import referrals
from refbus_gateway.store.outbox import RowState
from refbus_gateway.store.schema import outbox
from refbus_gateway.store.session import Transaction

NAME = "gateways and gates killed"
EVENTS_PER_CASE = 4
POINTS = (
    "gateway before publish",
    "gateway between publish and mark-sent",
    "gateway before the inbox transaction",
    "gateway before it seals what it owes",
    "gateway while it seals what it owes",
)
SIGNED = "between signing and the transaction"
"""A point that a gate meets with each batch that it signs for, of passes or receipts."""
_ANSWERS = "gateway while it seals what it owes"
"""A point that only the office meets to which referrals come."""
_CLI = "refbus_gateway.cli:main"
_ANSWER = referral_steps.Answer(EventType.REFERRAL_ACCEPTED, {"responsible_worker_role": "SOCIAL_WORKER"})
_UNDECIDED = (RowState.READY, RowState.STALE, RowState.HELD)
_WAITING = select(func.count()).select_from(outbox).where(outbox.c.confirmed, outbox.c.state.in_(_UNDECIDED))
SETTLE_S = 120.0


@dataclass(slots=True)
class Offices:
    """An agency in kz and a shelter in uz, each with its gateway's process and its store open beside it."""

    ground: Ground
    agency: Gateway
    shelter: Gateway
    rng: random.Random
    sent: dict[str, int] = field(default_factory=dict)
    answered: set[ReferralId] = field(default_factory=set)
    withdrawn: set[ReferralId] = field(default_factory=set)
    acknowledged: set[int] = field(default_factory=set)
    unheard: set[ReferralId] = field(default_factory=set)

    def send(self, case: PlannedCase, content: bytes, name: str) -> None:
        """Take a case in, note the person's consent and queue the referral, in one transaction."""
        gateway, party = self.agency, self.shelter.me
        form = parse_consent(json.dumps(office_form(case, party)).encode(), now_ms=gateway.now_ms())
        with gateway.store.write() as tx:
            own = casework.add_case(gateway, tx, content)
            versions.grant(gateway, own, tx, party, form)
            sent = casework.send_case(gateway, tx, own, to=party)
        self.sent[name] = sent.referral.id

    def withdraw(self, name: str) -> None:
        """Let the person of a referral withdraw while it may be anywhere on its way."""
        gateway = self.agency
        with gateway.store.write() as tx:
            referral = referrals.get(tx, self.sent[name])
            withdrawals.withdraw(gateway, tx, stored.get(tx, referral.case_id), None)
        self.withdrawn.add(referral.referral_id)

    def answer(self) -> int:
        """Accept every request at the shelter that has come, and acknowledge every withdrawal.

        Return how many referrals are settled: answered, or withdrawn (which may have stopped them on their way).
        """
        gateway = self.shelter
        with gateway.store.read() as tx:
            every = referrals.every(tx)
            waiting = [(each.id, each.referral_id) for each in every if each.referral_id not in self.answered]
            stopped = [each.id for each in every if referral_steps.waiting_withdrawals(tx, each)]
        for number, referral_id in waiting:
            with suppress(ConsentError), gateway.store.write() as tx:
                referral_steps.act(gateway, tx, number, _ANSWER)
            self.answered.add(referral_id)
        for number in set(stopped) - self.acknowledged:
            with gateway.store.write() as tx:
                referral_steps.acknowledge(gateway, tx, number, "STOPPED", None)
            self.acknowledged.add(number)
        return len(self.answered | self.withdrawn)

    def unacknowledged(self) -> int:
        """Return how many withdrawals the agency has no word about yet, of requests that may have left."""
        with self.agency.store.read() as tx:
            waits = [row for row in rows.withdrawal_rows(tx, outgoing=True) if row.acknowledged_ms is None]
            return sum(not _never_left(tx, referrals.event(tx, row.event_row).referral) for row in waits)

    def note_unheard(self) -> None:
        """Note whose request was in the hands of a gateway that was killed, and never left: nobody hears of its no."""
        with self.agency.store.read() as tx:
            taken_back = [each for each in referrals.every(tx) if each.referral_id in self.withdrawn]
            self.unheard = {each.referral_id for each in taken_back if _never_left(tx, each.id)}

    def waiting(self) -> int:
        """Return how many envelopes of either office have not been passed on by a gate."""
        found = 0
        for gateway in (self.agency, self.shelter):
            with gateway.store.read() as tx:
                found += tx.connection.execute(_WAITING).scalar_one()
        return found

    def nature(self, block: RoutingBlock) -> Nature:
        """Return what must become of an event: an answer may cross a withdrawal, everything else arrives.

        Only a no to what never left does not.
        """
        if block.event_type is EventType.CONSENT_WITHDRAWN and block.referral_id in self.unheard:
            return Nature.UNHEARD
        answer = block.sender == self.shelter.me and block.event_type is not EventType.WITHDRAWAL_ACKNOWLEDGED
        return Nature.CROSSED if answer and block.referral_id in self.withdrawn else Nature.EVENT


@dataclass(frozen=True, slots=True)
class OfficesScenario:
    """The scenario with real gateways, in the shape of the others."""

    name: str = NAME
    share: int = 3

    def run(self, cast: Cast) -> Result:
        """Play it. Whatever happens nothing is left running."""
        return _run(cast)


def _run(cast: Cast) -> Result:
    began = time.monotonic()
    ground = Ground.open(cast.folder)
    try:
        cases = max(6, cast.events // EVENTS_PER_CASE)
        ground.start_gates((KZ, UZ), {country: [(SIGNED, cast.rng.randint(2, 6))] * 3 for country in (KZ, UZ)})
        with opened_offices(ground, cast.rng) as offices:
            stuck = _play(offices, cases)
            rest(ground, offices)
            tally = judge_stores(offices, cases)
            offices.note_unheard()
            ground.measured["nos to requests that never left"] = len(offices.unheard)
        ground.stop_services()
        ground.collect()
        events = journal_of_log(ground, (offices.agency.me, offices.shelter.me), offices.nature)
        tally.join(examine(ground, (KZ, UZ)))
    finally:
        ground.close()
    missing = [name for name in ("kill -9 of a gateway", SIGNED, *POINTS) if not ground.faults[name]]
    if missing and not stuck:
        stuck = f"not injected: {', '.join(missing)}"
    return Result(NAME, False, events, ground.faults, tally, time.monotonic() - began, stuck, ground.measured)


def _play(offices: Offices, cases: int) -> str:
    ground, rng = offices.ground, offices.rng
    names = ("gateway-kz", "gateway-uz")
    faults: list[Fault] = [partial(_kill, ground, name) for name in names for _ in range(2)]
    faults += [partial(ground.kill, country) for country in (KZ, UZ)]
    rng.shuffle(faults)
    timeline = Timeline(rng, faults, cases)
    model, back = model_case(offices), 0
    try:
        for number in range(cases):
            name = f"referral-{number}"
            content = model.content + b" " * number  # another file, another case, the same words
            ground.journal.planned([Planned(name, name, 0, offices.agency.me, offices.shelter.me, Nature.EVENT, "")])
            if number % 12 == 5:
                _typed(offices, model, content, name)
            else:
                offices.send(model, content, name)
            ground.journal.attempts([Attempt(name, Outcome.OK)])
            offices.answer()
            if number % 6 == 4:  # at once, when it has hardly left, or when it may be there already
                offices.withdraw(f"referral-{number - back}")
                back = 3 - back
                ground.count("withdrawn in mid-course")
            timeline.advance(number + 1)
        timeline.finish()
        return unsettled(offices, cases)
    except Exception as error:  # noqa: BLE001 - judged as it stands, and reported
        return f"{type(error).__name__}: {error}"


def refer_next(offices: Offices, model: PlannedCase, number: int) -> None:
    """Send the referral with this number and answer what came; every third time one of the last three is withdrawn."""
    journal, name = offices.ground.journal, f"referral-{number}"
    journal.planned([Planned(name, name, 0, offices.agency.me, offices.shelter.me, Nature.EVENT, "")])
    offices.send(model, model.content + b" " * number, name)  # another file, another case, the same words
    journal.attempts([Attempt(name, Outcome.OK)])
    offices.answer()
    if number % 3 == 2:
        offices.withdraw(f"referral-{number - offices.rng.randint(0, 2)}")


def unsettled(offices: Offices, cases: int, patience_s: float = SETTLE_S) -> str:
    """Wait until every case is answered and every withdrawal acknowledged; return what is not, "" when nothing is."""
    if wait(lambda: offices.answer() >= cases and offices.unacknowledged() == 0, patience_s):
        return ""
    return f"{offices.answer()} of {cases} are settled, {offices.unacknowledged()} withdrawals unanswered"


def model_case(offices: Offices) -> PlannedCase:
    """Return a case of an adult that is answered."""
    return next(
        each for each in planned_cases(offices.agency.directory()) if each.expect == "ANSWERED" and not each.minor
    )


def rest(ground: Ground, offices: Offices) -> None:
    """Wait until nothing of either office is under way."""
    wait(lambda: offices.waiting() == 0, SETTLE_S)
    ground.settle((KZ, UZ))


def _kill(ground: Ground, name: str) -> None:
    ground.stack.services[name].signal(signal.SIGKILL)
    ground.count("kill -9 of a gateway")
    time.sleep(2.0)  # it works again before the next fault


def _typed(offices: Offices, case: PlannedCase, content: bytes, name: str) -> None:
    """Do with commands what `send` does, killing each half-way once and repeating it until it says that it worked."""
    ground, org = offices.ground, offices.agency.me
    desk = ground.folder / "desk"
    desk.mkdir(exist_ok=True)
    (desk / f"{name}.json").write_bytes(content)
    (desk / f"{name}.consent.json").write_text(json.dumps(office_form(case, offices.shelter.me)), encoding="utf-8")
    environment = ground.stack.gateway_environment(org)
    environment.pop("REFBUS_METRICS_PORT", None)
    file, consent = str(desk / f"{name}.json"), str(desk / f"{name}.consent.json")
    for words in (
        ("case", "add", file),
        ("consent", "grant", file, "--file", consent),
        ("send", file, "--to", offices.shelter.me, "--later"),
    ):
        if command(ground, environment, words, kill_after_s=offices.rng.uniform(0.3, 1.5)) is None:
            ground.count("kill -9 of a command")
        status = command(ground, environment, words)
        if status != 0:
            raise RuntimeError(f"refbus {words[0]} ended with {status}")


def command(
    ground: Ground, environment: Mapping[str, str], words: tuple[str, ...], kill_after_s: float = 60.0
) -> int | None:
    """Run one command; None when it had to be killed."""
    call = f"import sys; from {_CLI.partition(':')[0]} import main; sys.exit(main())"
    with (ground.folder / "desk" / "commands.log").open("ab") as log:
        process = spawn((sys.executable, "-c", call, *words), environment, log)
        try:
            return process.wait(kill_after_s)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            return None
        finally:
            stop_process(process)


@contextmanager
def opened_offices(ground: Ground, rng: random.Random, points: Sequence[str] = POINTS) -> Iterator[Offices]:
    """Start both gateways, and open their stores beside them as a person's command does."""
    plan = [(name, rng.randint(3, 12)) for name in points]  # a gateway at rest meets some of them seldom
    opened: list[Gateway] = []
    for country, role in ((KZ, "NATIONAL_AGENCY"), (UZ, "NGO")):
        org = ground.member(country, role)
        met = [each for each in plan if country == UZ or each[0] != _ANSWERS]
        own = rng.sample(met, len(met))
        ground.start(f"gateway-{country}", (_CLI, "run"), ground.stack.gateway_environment(org), own)
        opened.append(_open(ground.world.paths.home(org)))
    try:
        yield Offices(ground, opened[0], opened[1], rng)
    finally:
        for gateway in opened:
            gateway.close()


def _open(home: Path) -> Gateway:
    """Open a home once its gateway has brought a directory."""
    gateway = open_gateway(Home(home), PASSPHRASE, machine_ms)

    def known() -> bool:
        try:
            gateway.load_directory()
            return gateway.directory().version > 0
        except RefbusError:
            return False

    wait(known, 60.0)
    return gateway


def office_form(case: PlannedCase, party: OrgId) -> dict[str, object]:
    """Return the consent of a person for everything, towards one organisation."""
    return consent_form(replace(case, withhold=()), party)


def judge_stores(offices: Offices, cases: int) -> Tally:
    """Count at the people's side: every referral once at the shelter, every answer once at the agency.

    What was withdrawn may have come and been answered or not, by what was first; if it came, it is acknowledged.
    """
    tally = Tally()
    came = _incoming(offices.shelter, EventType.REFERRAL_REQUESTED)
    answers = _incoming(offices.agency, EventType.REFERRAL_ACCEPTED)
    stops = _incoming(offices.agency, EventType.WITHDRAWAL_ACKNOWLEDGED)
    missing = cases - len(came.keys() | offices.withdrawn)
    tally.add("lost", missing, f"{missing} of {cases} requests did not come")
    unanswered = came.keys() - offices.withdrawn - answers.keys()
    tally.add("lost", len(unanswered), f"{len(unanswered)} answers did not come back")
    stopped = came.keys() & offices.withdrawn
    tally.add("lost", len(stopped - stops.keys()), "withdrawals that nobody acknowledged")
    for kind, found in (("requests", came), ("answers", answers)):
        twice = sum(times - 1 for times in found.values())
        tally.add("duplicate_effects", twice, f"{twice} {kind} came twice")
    return tally


def _never_left(tx: Transaction, number: int) -> bool:
    """Whether a request was noted as handed over and is stopped, confirmed by no broker and known to no gate."""
    request = referrals.events_of(tx, referrals.get(tx, number))[0]
    envelopes = outboxes.of_event(tx, request.id)
    return bool(envelopes) and all(
        each.state is RowState.HELD
        and each.handed_ms is not None
        and each.produced_ms is None
        and not outboxes.receipts(tx, each.id)
        for each in envelopes
    )


def _incoming(gateway: Gateway, kind: EventType) -> Counter[ReferralId]:
    """Count the events of a kind that came in, by referral; referrals without one are left out."""
    with gateway.store.read() as tx:
        return Counter(
            each.referral_id
            for each in referrals.every(tx)
            for event in referrals.events_of(tx, each)
            if event.block.event_type is kind and not event.outgoing
        )
