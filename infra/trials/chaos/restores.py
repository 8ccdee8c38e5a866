"""An office is brought back from copies of every age while events flow; the restore is cut and given again.

On a clean computer and on another path, over a store that is damaged, over a home that is sound, from a backup of an
older and of a newer program, its officers with it. In between people
withdraw, name who must never know, and have cases erased. Afterwards somebody hasty sends everything once more, before
and after the office was confirmed. Counted are nos that were forgotten (anything of such a case that reaches the
country's outbox), events that the office read and has no trace of, and officers who were removed and decide again. The
negative control copies folders, as the first version did.
"""

from __future__ import annotations

import json
import random
import shutil
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from chaos import programs
from chaos.ground import Ground, wait
from chaos.judging import Tally
from chaos.logs import ends, read_topic
from chaos.offices import Offices, command, model_case, office_form, opened_offices
from chaos.result import Result
from chaos.stage import KZ, UZ, Cast
from demo.world import PASSPHRASE
from refbus.clock import machine_ms
from refbus.core.vocabulary import CONTROL_EVENTS, EventType
from refbus.crypto.framing import sha256
from refbus.crypto.kem import KemPrivate
from refbus.envelope.format import Envelope
from refbus.envelope.routing import open_routing
from refbus.errors import RefbusError
from refbus.wire.transport import InboxKind, InboxRecord
from refbus_gateway.cases import casework
from refbus_gateway.consent import versions, withdrawals
from refbus_gateway.erasure import demand
from refbus_gateway.forms.consentfile import parse_consent
from refbus_gateway.home import backups, confirmation
from refbus_gateway.home.folder import Home
from refbus_gateway.home.gateway import Gateway, open_gateway
from refbus_gateway.people import officers
from refbus_gateway.store import cases, migrations, referrals, set_aside
from refbus_gateway.store.cases import Case

NAME = "offices restored from backups"
CONTROL = "offices restored by copying folders"
_CLI = "refbus_gateway.cli:main"
_YES = frozenset(EventType) - (CONTROL_EVENTS - {EventType.CONSENT_GRANTED, EventType.CONSENT_AMENDED})
_SETTLE_S = 60.0
_CUTS_S = (0.4, 0.9, 1.4, 2.2)
_CHEAP_KIB = 64
_MODES = ("clean", "damaged", "sound", "old", "newer program", "older program")
_FORGETTING = ("clean", "damaged", "older program")


@dataclass(slots=True)
class People:
    """What the harness itself knows of the people: by the name of a case, its file and what they refused.

    `nos`: handle of a case, and the end of the country's outbox when the person said no. `vouched`: how often an
    officer who was removed could decide about an emergency again. `newer_taken`: how often a store that this program
    cannot read took the place of one that it can; `officers_lost`: how often one of the backup was not in the list.
    """

    files: dict[str, bytes] = field(default_factory=dict)
    handles: dict[str, bytes] = field(default_factory=dict)
    nos: dict[bytes, int] = field(default_factory=dict)
    erased: set[str] = field(default_factory=set)
    removed_officers: set[str] = field(default_factory=set)
    vouched: int = 0
    newer_taken: int = 0
    officers_lost: int = 0


@dataclass(frozen=True, slots=True)
class RestoresScenario:
    """The scenario of restores, in the shape of the others. `forgetting`: the negative control."""

    forgetting: bool = False
    share: int = 1

    @property
    def name(self) -> str:
        """The name in the report."""
        return CONTROL if self.forgetting else NAME

    def run(self, cast: Cast) -> Result:
        """Play it. Whatever happens nothing is left running."""
        began = time.monotonic()
        ground, tally, stuck, people = Ground.open(cast.folder), Tally(), "", People()
        try:
            ground.start_gates((KZ, UZ))
            keys = _keys(ground)
            with opened_offices(ground, cast.rng, ()) as offices:
                office = _Office(offices, people, cast.rng, forgetting=self.forgetting)
                try:
                    for number, mode in enumerate(_FORGETTING if self.forgetting else _MODES):
                        office.live(number)
                        office.come_back(number, mode)
                        office.send_everything()
                except Exception as error:  # noqa: BLE001 - judged as it stands, and reported
                    stuck = f"{type(error).__name__}: {error}"
                if not stuck:
                    wait(lambda: offices.waiting() == 0, 10.0)
                    _judge_losses(ground, offices, keys, tally)
                    office.judge_erased(tally)
            ground.stop_services()
            _judge_nos(ground, people, keys, tally)
        finally:
            ground.close()
        seconds, events = time.monotonic() - began, len(people.files)
        return Result(self.name, self.forgetting, events, ground.faults, tally, seconds, stuck, ground.measured)


class _Office:
    """The agency of kz: its people, its backups, and where its home is now."""

    def __init__(self, offices: Offices, people: People, rng: random.Random, *, forgetting: bool) -> None:
        self._offices = offices
        self._people = people
        self._rng = rng
        self._forgetting = forgetting
        self._backups: list[Path] = []
        self._expected: set[str] = set()
        self._model = model_case(offices)
        self._home = offices.agency.home.path
        (offices.ground.folder / "desk").mkdir()

    def live(self, number: int) -> None:
        """Let people come, make a backup in the middle, and let some of them say no after it."""
        for what in ("withdrawn", "erased", "agreed"):
            self._take(f"{what}-{number}", send=True)
        self._take(f"denied-{number}", send=False)
        self._rest()
        gateway = self._offices.agency
        added = [officers.add(gateway, gateway.home, "DUTY_OFFICER", PASSPHRASE, _CHEAP_KIB) for _ in range(2)]
        self._back_up(number)
        officers.remove(gateway, gateway.home, added[0].kid.hex())
        self._people.removed_officers.add(added[0].kid.hex())
        self._take(f"later-{number}", send=True)
        self._rest()
        self._say_no(number)
        wait(lambda: self._offices.answer() >= 0 and self._offices.unacknowledged() == 0, _SETTLE_S)
        self._rest()

    def come_back(self, number: int, mode: str) -> None:
        """Lose the home, or a part of it, and bring a backup back; the restore is cut at several moments."""
        ground, offices = self._offices.ground, self._offices
        ground.stack.services["gateway-kz"].stop()
        offices.agency.close()
        backup = self._backups[-1] if mode != "old" else self._rng.choice(self._backups)
        if mode == "older program":
            self._refuse_newer(backup, number)
        if mode == "newer program":
            backup = self._made_by_older(backup, number)
        if mode in {"clean", "old", "newer program", "older program"}:
            shutil.move(self._home, ground.folder / f"stolen-{number}")
            self._home = ground.folder / f"another-place-{number}" / "home" if mode == "old" else self._home
        elif mode == "damaged":
            (self._home / "store.db").write_bytes(b"")
        ground.count(f"restored: {mode}")
        self._bring_back(backup)
        ground.start("gateway-kz", (_CLI, "run"), self._environment())
        offices.agency = open_gateway(Home(self._home), PASSPHRASE, machine_ms)
        if not wait(self._is_up, _SETTLE_S):
            raise RuntimeError(f"the office is not up again after {mode}")
        self._look_at_officers(offices.agency)

    def _refuse_newer(self, backup: Path, number: int) -> None:
        """Give a backup of a newer program to this one: nothing of the home may change."""
        ground, kept = self._offices.ground, self._offices.ground.folder / f"kept-{number}"
        newer = ground.folder / "stick" / f"newer-{number}"
        shutil.copytree(backup, newer)
        programs.make_newer(newer / backups.STORE)
        programs.sign_again(newer, self._offices.agency.keys.store)
        shutil.copytree(self._home, kept)
        if self._forgetting:
            self._bring_back(newer)
        elif command(ground, self._environment(), ("restore", str(newer), "--json")) == 0:
            self._people.newer_taken += 1
        ground.count("a backup of a newer program")
        if programs.version_of(self._home / backups.STORE) == "9999":
            self._people.newer_taken += 1
            shutil.rmtree(self._home)
            shutil.copytree(kept, self._home)

    def _made_by_older(self, backup: Path, number: int) -> Path:
        """Return the backup as an older program wrote it, with an officer's entry that has one name more."""
        older = self._offices.ground.folder / "stick" / f"older-{number}"
        shutil.copytree(backup, older)
        programs.make_older(older / backups.STORE, migrations)
        path = older / "officers" / "officers.json"
        document = json.loads(path.read_text(encoding="utf-8"))
        document["officers"] = [{**row, "of_another_version": True} for row in document["officers"]]
        path.write_text(json.dumps(document), encoding="utf-8")
        programs.sign_again(older, self._offices.agency.keys.store)
        self._expected = {row["kid"] for row in document["officers"]}
        return older

    def _look_at_officers(self, gateway: Gateway) -> None:
        """Count whoever was removed and is vouched for; then do what a person does who looks at the list."""
        removed = self._people.removed_officers
        found = officers.listed(gateway.home, gateway.now_ms())
        self._people.officers_lost += len(self._expected - {each.officer.kid.hex() for each in found})
        self._expected = set()
        self._people.vouched += sum(each.endorsed and each.officer.kid.hex() in removed for each in found)
        for each in found:
            if each.officer.kid.hex() in removed:
                officers.remove(gateway, gateway.home, each.officer.kid.hex())
        officers.renew(gateway, gateway.home)

    def send_everything(self) -> None:
        """Send every case again: before the office is confirmed, after it, and after the cases that may be are."""
        self._try_all()
        gateway = self._offices.agency
        with gateway.store.write() as tx:
            confirmation.confirm(tx, gateway.now_ms())
        self._try_all()
        with gateway.store.write() as tx:
            refused = {name for name in self._people.files if self._people.handles[name] in self._people.nos}
            known = {name: cases.find(tx, sha256(content)) for name, content in self._people.files.items()}
            numbers = {case.id for name, case in known.items() if case is not None and name not in refused}
            for case in confirmation.to_confirm(tx):
                if case.id in numbers:  # whoever asked the person knows what they said
                    confirmation.confirm_case(tx, case, gateway.now_ms())
        sent = self._try_all()
        if not any(name.startswith("agreed") for name in sent):
            raise RuntimeError("nothing can be sent any more, not even with consent")
        self._rest()

    def judge_erased(self, tally: Tally) -> None:
        """Count the erased cases that are alive here."""
        gateway = self._offices.agency
        with gateway.store.read() as tx:
            found = [cases.find(tx, sha256(self._people.files[name])) for name in self._people.erased]
        alive = sum(case is not None and case.live for case in found)
        tally.add("consent_violations", alive, f"{alive} erased cases are alive")
        vouched = self._people.vouched
        taken, gone = self._people.newer_taken, self._people.officers_lost
        tally.add("unaccounted", taken, f"{taken} times a store of a newer program took the place of the home's")
        tally.add("lost", gone, f"{gone} officers of a backup are not in the list")
        tally.add("unaccounted", vouched, f"{vouched} times an officer who was removed could decide again")

    def _take(self, name: str, *, send: bool) -> None:
        offices, gateway = self._offices, self._offices.agency
        content = self._model.content + b" " * (len(self._people.files) + 1)
        party = offices.shelter.me
        form = parse_consent(json.dumps(office_form(self._model, party)).encode(), now_ms=gateway.now_ms())
        with gateway.store.write() as tx:
            own = casework.add_case(gateway, tx, content)
            versions.grant(gateway, own, tx, party, form)
            if send:
                casework.send_case(gateway, tx, own, to=party)
            self._people.handles[name] = bytes(cases.counterpart(tx, own, party).case_handle)
        self._people.files[name] = content

    def _say_no(self, number: int) -> None:
        gateway, party = self._offices.agency, self._offices.shelter.me
        end = _outbox_end(self._offices.ground)
        found: dict[str, Case] = {}
        with gateway.store.write() as tx:
            for what in ("withdrawn", "denied", "erased"):
                case = cases.find(tx, sha256(self._people.files[f"{what}-{number}"]))
                if case is None:
                    raise LookupError(f"no case {what}-{number}")
                found[what] = case
            withdrawals.withdraw(gateway, tx, found["withdrawn"], party)
            casework.deny(tx, found["denied"], [party])
        demand.erase(gateway, found["erased"].id)
        for what in found:
            self._people.nos[self._people.handles[f"{what}-{number}"]] = end
        self._people.erased.add(f"erased-{number}")

    def _back_up(self, number: int) -> None:
        folder = self._offices.ground.folder / "stick" / f"backup-{number}"
        backups.back_up(self._offices.agency, folder)
        self._backups.append(folder)

    def _bring_back(self, backup: Path) -> None:
        ground = self._offices.ground
        if self._forgetting:
            shutil.rmtree(self._home, ignore_errors=True)
            shutil.copytree(backup, self._home, ignore=shutil.ignore_patterns(backups.MANIFEST))
            return
        for seconds in self._rng.sample(_CUTS_S, len(_CUTS_S)):
            if command(ground, self._environment(), ("restore", str(backup), "--json"), kill_after_s=seconds) is None:
                ground.count("kill -9 of a restore")
        if command(ground, self._environment(), ("restore", str(backup), "--json")) != 0:
            raise RuntimeError("the restore did not end well")

    def _environment(self) -> dict[str, str]:
        own = dict(self._offices.ground.stack.gateway_environment(self._offices.agency.me))
        own.pop("REFBUS_METRICS_PORT", None)
        return own | {"REFBUS_HOME": str(self._home)}

    def _is_up(self) -> bool:
        gateway = self._offices.agency
        with suppress(RefbusError):
            gateway.load_directory()
            with gateway.store.read() as tx:
                state = confirmation.find(tx)
            return gateway.directory().version > 0 and (state is None or state.drained_ms is not None)
        return False

    def _try_all(self) -> list[str]:
        """Try to send every case that this store knows; return the names of those that it let out."""
        gateway, party = self._offices.agency, self._offices.shelter.me
        sent: list[str] = []
        for name, content in self._people.files.items():
            with suppress(RefbusError), gateway.store.write() as tx:
                case = cases.find(tx, sha256(content))
                if case is not None:
                    casework.send_case(gateway, tx, case, to=party, again=True)
                    sent.append(name)
        return sent

    def _rest(self) -> None:
        def quiet() -> bool:
            self._offices.answer()
            return self._offices.waiting() == 0

        wait(quiet, _SETTLE_S)
        self._offices.ground.settle((KZ, UZ))
        self._offices.answer()


def _keys(ground: Ground) -> list[KemPrivate]:
    """Return the keys of both offices, before any home is moved."""
    members = (ground.member(KZ, "NATIONAL_AGENCY"), ground.member(UZ, "NGO"))
    return [key for org in members for key in ground.world.home(org).kem_keys(PASSPHRASE).values()]


def _outbox_end(ground: Ground) -> int:
    return ends(ground.world.address(KZ, f"{KZ}-operator"), [f"{KZ}.outbox"])[f"{KZ}.outbox"]


def _judge_nos(ground: Ground, people: People, keys: Sequence[KemPrivate], tally: Tally) -> None:
    """Count what reached the outbox about a case after its person had said no."""
    forgotten = 0
    for line in read_topic(ground.world.address(KZ, f"{KZ}-operator"), f"{KZ}.outbox"):
        block = open_routing(Envelope.parse(line.value), keys).block
        said = people.nos.get(bytes(block.case_handle))
        forgotten += said is not None and line.offset >= said and block.event_type in _YES
    tally.add("consent_violations", forgotten, f"{forgotten} events of people who had said no")
    ground.measured["nos"] = len(people.nos)


def _judge_losses(ground: Ground, offices: Offices, keys: Sequence[KemPrivate], tally: Tally) -> None:
    """Count the events in the agency's inbox of which it has no trace: not taken in, not set aside, not erased."""
    gateway, lost = offices.agency, 0
    lines = read_topic(ground.world.address(KZ, f"{KZ}-operator"), f"{KZ}.inbox.{gateway.me}")
    with gateway.store.read() as tx:
        for line in lines:
            record = InboxRecord.parse(line.value)
            if record.kind is InboxKind.EVENT:
                block = open_routing(Envelope.parse(record.body), keys).block
                case = cases.case_of_handle(tx, block.sender, block.case_handle)
                kept = referrals.event_row_id(tx, block.sender, block.event_id) is not None
                kept = kept or set_aside.found_aside(tx, record.body) is not None
                lost += not (kept or (case is not None and not case.live))
    tally.add("lost", lost, f"{lost} events were read and left no trace")
