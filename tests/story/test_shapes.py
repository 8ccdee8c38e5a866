"""What every command prints with --json: its keys and types are pinned in shapes.json, and only gain fields.

docs/design/limits.md promises that to whoever reads it with a script. A field that is new is added to the file by

    pytest tests/story/test_shapes.py --pin-shapes

which prints the difference. A field that is gone, not always there any more or of another type fails, and no option
lets it pass. Where a scene does not show every type (a time that is null here), the file is widened by hand.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from difflib import unified_diff
from pathlib import Path
from typing import Any, Final

import click
import pytest
import uvicorn

from refbus.core.ids import OrgId
from refbus.core.units import DAY_MS
from refbus.core.vocabulary import DataCategory
from refbus.errors import Code
from refbus.said import named
from refbus.trust.member.enrolment import check_answer, make_challenge
from refbus.trust.publisher import changes
from refbus_gateway.cli.main import refbus as whole
from refbus_gateway.store import alarms, logheads
from refbus_gateway.sync.daemon import Daemon
from support.ceremonies import KZ
from support.commands import Commands, Ran, file
from support.gateways import alarm_codes, case_file, consent_file, id_of, incoming
from support.homecoming import CHILD_CONSENT, RETURN_PURPOSES, WISH, plan, reception, risks
from support.imported import FILES, SERVICES
from support.nodes import Road, allow_emergencies, road
from support.shapes import Shape, additions, losses, read_shape, shape_of

PINNED: Final = Path(__file__).with_name("shapes.json")
MAPS: Final = frozenset(
    {
        *("events[].content", "events[].content.*", "content", "content.*"),
        *("events[].times", "events[].times.*"),
        *("periods", "tables[].cells", "help", "alter", "alter.*", "remake", "remake.*"),
        *("quotas", "quotas.*"),
    }
)
"""Places whose keys are data, not names: sections and labels of what is shown, cells of a table, explained fields."""
WORKER: Final = {"responsible_worker_role": "CASE_MANAGER"}
TWO: Final = {"first_officer_role": "CASE_MANAGER", "second_officer_role": "NATIONAL_FOCAL_POINT"}


class Looker:
    """Runs commands with --json and keeps the shape of what they print."""

    def __init__(self, made: Road, capture: pytest.CaptureFixture[str], folder: Path) -> None:
        self.road = made
        self.commands = Commands(made, capture)
        self.folder = folder
        self.shapes: dict[str, Shape] = {}
        self._files = 0

    def note(self, command: str, value: Any) -> Any:
        """Keep the shape of a value that a command printed."""
        shape = shape_of(value, MAPS)
        self.shapes[command] = self.shapes[command].merged(shape) if command in self.shapes else shape
        return value

    def see(self, org: OrgId, command: str, *arguments: object, ok: bool | None = True, **environ: str) -> Any:
        """Run a command in a member's home and return what it printed."""
        words = [*command.split(), *map(str, arguments), "--json"]
        return self.note(command, self.commands.run(org, *words, ok=ok, **environ).value)

    def say(self, org: OrgId, command: str, number: object, document: dict[str, Any], *more: object) -> int:
        """Answer by a command with a file, to be sent later; return the number of the event."""
        path = self.file(document)
        value = self.see(org, command, number, "--file", path, "--later", *more)
        event: int = value["event"]
        return event

    def file(self, content: dict[str, Any] | bytes) -> str:
        """Write a file of a case, a consent or an answer; return its path."""
        self._files += 1
        return file(self.folder, f"{self._files}.json", content if isinstance(content, bytes) else json.dumps(content))

    def refer(self, about: str, consent: bytes | None = None) -> tuple[int, int, int]:
        """Refer a case and let it arrive; return the numbers of the case, and of the referral here and there."""
        kz = self.road.agency
        case = self.see(kz, "case add", self.file(case_file(about=f"Fictional: {about}", file_number="F-1")))["case"]
        self.see(kz, "consent grant", case, "--file", self.file(consent or consent_file()))
        here = self.see(kz, "send", case, "--later")["referral"]
        self.road.settle()
        return case, here, incoming(self.road.uz, id_of(self.road.kz, here))


def commands_with_json() -> Iterator[str]:
    """Yield every command of `refbus` that takes --json."""

    def walk(command: click.Command, name: str) -> Iterator[str]:
        if isinstance(command, click.Group):
            ctx = click.Context(command)
            for word in command.list_commands(ctx):
                found = command.get_command(ctx, word)
                assert found is not None
                yield from walk(found, f"{name} {word}".strip())
        elif any("--json" in each.opts for each in command.params):
            yield name

    return walk(whole, "")


@pytest.fixture(scope="module")
def looked(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Callable[[pytest.CaptureFixture[str]], Looker]]:
    """Give what all scenes have seen, each scene played once."""
    folder = tmp_path_factory.mktemp("shapes")
    with road(folder / "road") as made:
        made.gateway(made.agency)
        made.gateway(made.shelter)
        allow_emergencies(made, "kz")

        def play(capture: pytest.CaptureFixture[str]) -> Looker:
            looker = Looker(made, capture, folder)
            for scene in SCENES:
                scene(looker)
            return looker

        yield play


def a_referral(see: Looker) -> None:
    """Sent, opened, asked about, accepted, helped, handed over, ended, opened again."""
    kz, uz, settle = see.road.agency, see.road.shelter, see.road.settle
    onward = json.loads(consent_file())
    may = {**onward["permit"][0], "actions": ["ONWARD_REFERRAL"], "onward_transfer": True}
    case, here, there = see.refer("the whole way", json.dumps({**onward, "permit": [*onward["permit"], may]}).encode())
    see.see(kz, "consent new", case)
    see.see(kz, "consent show", case)
    see.see(kz, "case show", case)
    see.see(uz, "inbox list")
    see.see(uz, "inbox show", there)
    see.say(uz, "inbox ask", there, {"asked_categories": ["HEALTH"], "question": "Fictional: which?"})
    settle()
    see.say(kz, "inbox provide", here, {"answers": [{"data_category": "HEALTH", "text": "Fictional: a dentist"}]})
    see.say(uz, "inbox accept", there, {**WORKER, "note": "Fictional: welcome"})
    booked = see.say(uz, "inbox appointment", there, {"service": "Legal", "at_ms": see.road.clock() + DAY_MS})
    see.say(uz, "inbox missed", there, {"reason": "TRANSPORT"}, "--appointment-event", booked)
    see.say(uz, "inbox progress", there, {})
    see.say(uz, "inbox hold", there, {"reason": "PERSON_ASKED"})
    see.say(uz, "inbox resume", there, {})
    see.say(uz, "inbox feedback", there, {"note": "Fictional: well"})
    settle()
    see.say(kz, "transfer propose", here, {**WORKER, "reason": "MOVED"})
    settle()
    see.say(uz, "transfer reject", there, {"reason": "CAPACITY_FULL"})
    settle()
    see.say(kz, "transfer propose", here, {**WORKER, "reason": "MOVED"})
    settle()
    see.see(uz, "inbox show", there)
    see.say(uz, "transfer accept", there, WORKER)
    see.see(uz, "case onward", there)
    see.say(uz, "inbox complete", there, {"outcome": "SERVICES_DELIVERED"})
    settle()
    see.say(kz, "inbox reopen", here, {**TWO, "reason": "NEW_NEEDS"})
    settle()
    see.say(uz, "inbox reopen", there, {**TWO, "reason": "NEW_NEEDS"})
    see.say(uz, "inbox fail", there, {"reason": "OTHER", "officer_role": "CASE_MANAGER"})
    settle()
    see.see(kz, "inbox show", here)
    see.see(kz, "receipts", here)
    see.see(kz, "status", here)
    see.see(kz, "sync")
    for number, (command, document) in enumerate(
        (
            ("inbox reject", {"reason": "CAPACITY_FULL"}),
            ("inbox redirect", {"suggested_organisation": "uz-1ega1a1d", "reason": "OTHER"}),
        )
    ):
        see.say(uz, command, see.refer(f"refused {number}")[2], document)
    see.say(kz, "inbox cancel", see.refer("cancelled")[1], {"reason": "PERSON_DECLINED"})
    see.say(kz, "inbox mistake", see.refer("a mistake")[1], {"reason": "ENTERED_TWICE"})


def a_case(see: Looker) -> None:
    """Edit, copy, tell of, withdraw and erase a case."""
    kz, uz = see.road.agency, see.road.shelter
    see.see(kz, "case new")
    see.see(kz, "return template", "begin")
    case, _, there = see.refer("kept and erased")
    see.see(kz, "send", case)  # the same again
    document = see.see(kz, "case file", case)
    see.see(kz, "case update", case, see.file({**document, "reason_details": "Fictional: edited"}))
    copy = see.see(kz, "case copy", case)["case"]
    see.see(kz, "case disclosures", case)
    see.see(kz, "case told", case, "--how", "PHONE")
    see.see(kz, "case export", case, "--format", "htcds", "--out", see.file(b""))
    see.see(kz, "consent withdraw", case)
    see.road.settle()
    see.see(uz, "inbox list")
    see.see(uz, "inbox show", there)
    see.see(uz, "inbox acknowledge", there, "STOPPED", "--later")
    see.see(uz, "inbox acknowledge", there, "RETAINED_LEGAL", "--reason", "COURT_ORDER")
    see.road.settle()
    see.see(kz, "counts", "--practice", "--halves")
    see.see(kz, "case erase", copy)
    see.see(kz, "erase", case)
    see.see(kz, "erase", "--status")
    see.see(kz, "case list")
    books = (FILES / "htcds-single-select.xlsx", FILES / "progres-labels.json", FILES / "primero-case.json")
    for each in books:
        see.see(kz, "case import", each, "--answers", see.file(SERVICES), "--yes", ok=None)
    see.see(kz, "case import", FILES / "primero-case.json", "--answers", see.file(SERVICES))
    see.note("refused", see.commands.run(kz, "case", "show", str(case), "--json", ok=False).value)
    wrong = see.file(case_file(purpose="NOTHING", fictional=True))
    see.note("refused with problems", see.commands.run(kz, "case", "add", wrong, "--json", ok=False).value)


def a_family(see: Looker) -> None:
    """Linked, told of at both sides, and no longer linked."""
    kz, uz = see.road.agency, see.road.shelter
    (one, here, there), (other, here_too, _) = see.refer("one sister"), see.refer("her sister")
    nameless = see.see(kz, "case add", see.file(case_file(about="Fictional: a third sister")))["case"]
    see.see(kz, "case link", one, other, nameless, "--relation", "SIBLING")
    see.see(kz, "case links", one)
    for number in (here, here_too, here):
        see.note("case links --tell", see.commands.json(kz, "case", "links", str(one), "--tell", str(number)))
    see.road.settle()
    see.see(uz, "inbox show", there)
    see.see(kz, "inbox show", here)
    see.see(kz, "case unlink", one, other)


def a_consent(see: Looker) -> None:
    """Narrowed, renewed, a child's through to majority."""
    kz = see.road.agency
    case, _, _ = see.refer("narrowed", consent_file(valid_until="2026-10-01"))
    see.road.clock.move(hours=1)
    see.see(kz, "consent amend", case, "--to", see.road.shelter, "--stop", "HEALTH")
    see.see(kz, "consent show", case)
    see.see(kz, "case show", case)
    renewed, _, _ = see.refer("renewed", consent_file(valid_until="2026-10-01"))
    see.road.clock.move(hours=1)
    see.see(kz, "consent renew", renewed, "--file", see.file(consent_file()))
    person = {"prs_FirstName": "Тўқима бола", "is_minor": True}
    child = see.see(kz, "case add", see.file(case_file(about="Fictional: a child", person=person)))["case"]
    first = {**CHILD_CONSENT, "majority_on": "2026-10-05"}
    see.see(kz, "consent grant", child, "--file", see.file(consent_file(**first)))
    other = {**first, "grantor": {**first["grantor"], "authority_evidence": "cd" * 32}}
    for command, form in (("guardian", other), ("assent", {**other, "assent": "REFUSED"})):
        see.road.clock.move(hours=1)
        see.see(kz, f"consent {command}", child, "--file", see.file(consent_file(**form)))
    see.see(kz, "status")
    see.road.pass_time(days=16)
    document = json.loads(see.commands.run(kz, "case", "file", str(child)).out)
    grown = {**document, "person": {**person, "prs_Birthdate": "2008-10-05", "is_minor": False}}
    see.see(kz, "case update", child, see.file(grown))
    see.see(kz, "consent majority", child, "--file", see.file(consent_file()))
    see.see(kz, "status")


def a_return(see: Looker) -> None:
    """From the wish to the time at home; another that is given up."""
    kz, uz, settle = see.road.agency, see.road.shelter, see.road.settle
    categories = sorted(set(DataCategory) - {DataCategory.PHOTO_BIOMETRIC})
    permit = {"purposes": RETURN_PURPOSES, "actions": ["DISCLOSE", "REPORT_BACK"], "data_categories": categories}

    def begin(name: str) -> tuple[int, int]:
        case = see.see(kz, "case add", see.file(case_file(about=f"Fictional: {name}")))["case"]
        see.see(kz, "consent grant", case, "--file", see.file(consent_file(permit=[permit])))
        here = see.see(kz, "return begin", case, "--to", uz, "--file", see.file(WISH), "--later")["return"]
        settle()
        return here, incoming(see.road.uz, id_of(see.road.kz, here))

    here, there = begin("goes home")
    now_ms = see.road.clock()
    see.see(kz, "return show", here)
    see.see(kz, "return documents")
    see.say(kz, "return assess", here, risks(now_ms))
    settle()
    see.see(uz, "return co-sign", there)
    see.say(kz, "return ask-nationality", here, {"citizenship": "UZ", "embassy_may_be_asked": False})
    settle()
    see.say(uz, "return deny-nationality", there, {"reason": "MORE_NEEDED"})
    see.say(uz, "return confirm-nationality", there, {"citizenship": "UZ"})
    see.say(kz, "return trace-family", here, {"relatives": [{"relation": "aunt"}]})
    settle()
    see.say(uz, "return family", there, {"result": "SUITABLE"})
    best = {"conclusion": "RETURN_TO_FAMILY", "guardian_agrees": True, "determined_by_role": "CHILD_PROTECTION_OFFICER"}
    see.say(kz, "return best-interests", here, best)
    see.say(kz, "return ask-document", here, {"kind": "RETURN_CERTIFICATE", "embassy_may_be_asked": False})
    settle()
    see.say(uz, "return document", there, {"kind": "RETURN_CERTIFICATE", "valid_until_ms": now_ms + 60 * DAY_MS})
    see.say(uz, "return reception", there, reception(now_ms))
    see.say(uz, "return ask", there, {"asked_categories": ["HEALTH"], "question": "Fictional: which?"})
    settle()
    see.say(kz, "return provide", here, {"answers": [{"data_category": "HEALTH", "text": "Fictional: none"}]})
    see.say(kz, "return plan", here, plan(now_ms))
    see.say(kz, "return suspend", here, {"reason": "HEALTH"})
    see.say(kz, "return resume", here, WORKER)
    settle()
    _journey(see, here, there)
    here, there = begin("given up")
    see.say(uz, "return abort", there, {"reason": "RISK_TOO_HIGH"})
    see.say(kz, "return mistake", begin("a mistake")[0], {"reason": "WRONG_PERSON"})


def _journey(see: Looker, here: int, there: int) -> None:
    kz, uz, settle, now_ms = see.road.agency, see.road.shelter, see.road.settle, see.road.clock()
    see.say(kz, "return authorise", here, {**TWO, "departs_ms": now_ms})
    expected = {"expected_ms": now_ms + DAY_MS}
    see.say(kz, "return depart", here, {"at_ms": now_ms, **expected})
    see.say(kz, "return checkpoint", here, {"at_ms": now_ms, "place": "Fictional border", **expected})
    see.say(kz, "return delay", here, {"reason": "BORDER", **expected})
    escort = {"place_kind": "BORDER_POST", "from_escort": "SOCIAL", "to_role": "SOCIAL_WORKER"}
    see.say(kz, "return escort", here, {"at_ms": now_ms, **escort, **expected})
    settle()
    see.say(uz, "return take-over", there, {"at_ms": now_ms})
    see.say(uz, "return arrived", there, {"at_ms": now_ms, **expected})
    settle()
    see.say(kz, "return handover", here, {"at_ms": now_ms})
    settle()
    see.say(uz, "return handover", there, {"at_ms": now_ms})
    at_home = {"stage": "CRISIS", "services": ["SocialCare"], "monitoring_agreed": True, **WORKER}
    see.say(uz, "return reintegration", there, at_home)
    see.say(uz, "return monitor", there, {"month": 3, "result": "SAFE"})
    see.say(uz, "return close", there, {"result": "INTEGRATED"})
    settle()
    see.see(kz, "return show", here)


def an_emergency(see: Looker) -> None:
    """Officers are named, two decide, a third reviews."""
    kz = see.road.agency
    names, secrets = [], []
    for number in range(4):
        secret = Path(file(see.folder, f"officer-{number}", f"fictional {number}\n"))
        secret.chmod(0o600)
        secrets.append(secret)
        made = see.see(kz, "officers add", "--role", "DUTY_OFFICER", "--key-passphrase-file", secret)
        names.append(made["officer"])
    see.see(kz, "officers remove", names.pop())
    see.see(kz, "officers list")
    see.see(kz, "officers renew")
    case = see.file(case_file(about="Fictional: an emergency"))
    made = see.see(
        kz,
        "emergency invoke",
        *(case, "--to", see.road.shelter, "--ground", "MISSING_PERSON", "--incapacity", "MISSING"),
        *("--category", "IDENTITY", "--file", see.file({"needed_now": "Fictional: look for her"}), "--first", names[0]),
        *("--second", names[1], "--first-passphrase-file", secrets[0], "--second-passphrase-file", secrets[1]),
    )
    see.road.settle()
    number = made["emergency"]
    review = ("--result", "UPHELD", "--officer", names[2], "--officer-passphrase-file", secrets[2])
    see.see(kz, "emergency review", number, *review)
    see.see(kz, "emergency show", number)
    see.see(kz, "status")


def a_log(see: Looker) -> None:
    """Proofs are written and checked, a log is checked, an inspector reads, an account is written."""
    made, kz = see.road, see.road.agency
    _, here, _ = see.refer("proven")
    log = made.log(KZ)
    see.see(kz, "audit proof", here)
    log.take()
    log.publish()
    made.settle()
    out = see.folder / "proofs"
    see.see(kz, "audit proof", here, "--out", out)
    proofs, policy = sorted(out.glob("*.tlog-proof")), out / "kz.tlog-policy"
    see.see(kz, "audit verify", *proofs, "--policy", policy)
    broken = see.file(b"no proof")
    see.see(kz, "audit verify", broken, "--policy", policy, ok=False)
    with made.kz.store.write() as tx:
        logheads.keep_evidence(tx, log.origin, b"fictional", b"checkpoint", made.clock())
    see.see(kz, "audit evidence")
    place = log.write(see.folder / "log")
    shard = next(place.iterdir())
    see.see(kz, "audit fsck", shard, "--policy", policy)
    bundle = next((shard / "tile" / "entries").rglob("*.p/*"), None) or next((shard / "tile" / "entries").rglob("0*"))
    bundle.write_bytes(bundle.read_bytes()[:-1] + b"x")
    see.see(kz, "audit fsck", shard, "--policy", policy, ok=False)
    inspector = log.inspector(KZ)
    made.lab.home(inspector).trust_store().refresh_from(made.lab.files(), made.clock.now_ms)
    from refbus.audit.export import Exported

    entries = b"".join(
        Exported(log.origin, at, entry_ms, entry.encode()).encode() for at, entry, entry_ms in log.exported
    )
    see.see(inspector, "audit open", see.file(entries), "--policy", policy)
    see.see(kz, "audit report", "--case", 1)


_PROFILE: Final = {
    "format": "refbus-profile/1",
    "names": {"en": "Fictional agency"},
    "telephones": ["+7 7172 00 00 01"],
    "hours": {"mon": "09:00-18:00"},
    "area": {"en": "Capital"},
    "address": {"en": "Fictional street 1"},
    "serves": ["WOMEN"],
    "languages": ["ru"],
    "withdrawal": {"en": "Any office of the fictional agency"},
}


def a_home(see: Looker) -> None:
    """Alarms, keys, topics; a new home; a backup, restored in place and elsewhere."""
    made, kz = see.road, see.road.agency
    with made.kz.store.write() as tx:
        for code in (Code.INBOX_GAP, Code.CLOCK_SKEW):
            alarms.raise_alarm(tx, code, named("fictional"), made.clock())
    assert Code.INBOX_GAP in alarm_codes(made.kz)
    number = see.see(kz, "alarms")[0]["alarm"]
    see.see(kz, "alarms", "--clear", number)
    for command in ("clock show", "clock accept", "home show", "keys show", "keys prune", "orgs find", "topics plan"):
        see.see(kz, command)
    see.see(kz, "topics apply")
    see.see(kz, "topics drift", ok=False)  # the world has topics of members that the directory no longer names
    see.see(kz, "orgs show", made.shelter)
    see.see(kz, "profile show")
    see.see(kz, "profile save", see.file(json.dumps(_PROFILE).encode()))
    see.see(kz, "profile file")
    see.see(kz, "profile capacity", "FEW", "--places", 2)
    see.see(kz, "profile show")
    see.see(kz, "orgs show", made.agency)
    see.see(kz, "stats", see.file(_edition()))
    see.see(kz, "home confirm-restored")
    kept = see.see(kz, "case add", see.file(case_file(about="Fictional: nothing to confirm")))["case"]
    see.see(kz, "consent confirm", kept)
    see.see(kz, "backup", see.folder / "backup")
    made.kz.close()
    see.see(kz, "restore", see.folder / "backup")
    made.gateway(kz)
    _a_new_home(see)
    see.see(kz, "keys rotate", "--kem", "--out", see.folder / "update.json")
    see.see(kz, "keys lost", "--out", see.folder / "lost.json")
    elsewhere = ("--home", see.folder / "elsewhere")
    open_case = see.see(kz, "case add", see.file(case_file(about="Fictional: in the backup")))["case"]
    see.see(kz, "consent grant", open_case, "--file", see.file(consent_file()))
    see.see(kz, "backup", see.folder / "second")
    made.kz.close()
    see.see(kz, "restore", see.folder / "second", *elsewhere)
    see.see(kz, "home confirm-restored", *elsewhere)
    see.see(kz, "consent confirm", open_case, *elsewhere)
    _people(see, open_case, *elsewhere)


def _people(see: Looker, case: int, *place: object) -> None:
    """Give a home people; each has the passphrase that it had."""
    kz, word = see.road.agency, ("--new-passphrase-file", see.commands.passphrase)
    see.see(kz, "people begin", "chief", *word, *place)
    as_chief = ("--as", "chief", *place)
    see.see(kz, "people add", "worker", *word, *as_chief)
    own = see.file(b"of the worker alone\n")
    Path(own).chmod(0o600)
    see.see(kz, "people passphrase", "--new-passphrase-file", own, "--as", "worker", *place)
    second = ("--second", "worker", "--second-passphrase-file", own)
    see.see(kz, "people role", "worker", "ADMINISTRATOR", *second, *as_chief)
    see.see(kz, "people passphrase", "worker", *word, *as_chief)
    see.see(kz, "people service", *word, *as_chief)
    see.see(kz, "people assign", case, "worker", *as_chief)
    see.see(kz, "people cases", "worker", *as_chief)
    see.see(kz, "people lock-out", "worker", *as_chief)
    see.see(kz, "people list", *as_chief)
    see.see(kz, "people log", *as_chief)
    made = see.see(kz, "recovery make", *as_chief)
    see.see(kz, "backup", see.folder / "third", *as_chief)
    sheets = [x for each in made["sheets"][1:] for x in ("--sheet", see.file(" ".join(each["words"]).encode()))]
    third = ("--name", "second-chief", *sheets, *word, "--home", see.folder / "third-home")
    see.see(kz, "recovery restore", see.folder / "third", *third)
    see.see(kz, "unlock", *as_chief)
    see.see(kz, "lock", *place)
    see.see(kz, "people lock", *as_chief)
    see.see(kz, "people codes", *as_chief)


def _a_new_home(see: Looker) -> None:
    made = see.road
    place = ("--home", see.folder / "newcomer")
    said = ("--country", "uz", "--label", "Fictional", "--service", "Legal")
    begun = see.see(made.agency, "keys init", *said, *place)
    request = Path(begun["request"]).read_bytes()
    challenge, pending = make_challenge(request)
    answer = see.folder / "answer.json"
    see.see(made.agency, "keys answer", see.file(challenge), "--out", answer, *place)
    publication = made.lab.publication(made.clock())
    changes.enrol(publication, check_answer(pending, answer.read_bytes(), request))
    made.lab.publish(publication)
    see.see(made.agency, "home trust", made.lab.paths.root, *place)
    see.see(made.agency, "home directory", made.lab.paths.repository, *place)
    see.see(made.agency, "home connect", "--bootstrap", "127.0.0.1:9092", *place)
    see.see(made.agency, "home notify", "notify-send", *place)
    made.publish()
    made.settle()


def _edition() -> dict[str, Any]:
    table = {"kind": "REFERRAL", "split_by": "outcome", "total": 30, "cells": {"ANSWERED_AND_HELPED": 30}}
    hidden = {**table, "total": None, "cells": {"ANSWERED_AND_HELPED": None}}
    return {"format": "refbus/statistics/1", "country": "kz", "year": 2026, "tables": [table, hidden]}


SCENES: Final = (a_referral, a_case, a_family, a_consent, a_return, an_emergency, a_log, a_home)


@pytest.mark.slow
def test_shapes_only_gain_fields(
    looked: Callable[[pytest.CaptureFixture[str]], Looker],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> None:
    """Every command with --json is played, and each has the keys and types that the file pins, none less."""
    see = looked(capsys)
    _run_for_a_moment(see, monkeypatch)
    _open_the_desk_for_a_moment(see, monkeypatch)
    assert set(commands_with_json()) <= see.shapes.keys(), "give each new command a place in a scene"
    text = PINNED.read_text(encoding="utf-8") if PINNED.exists() else "{}"
    pinned = {name: read_shape(shape) for name, shape in json.loads(text).items()}
    lost = [f"{name}: no scene plays it" for name in pinned if name not in see.shapes]
    lost += [each for name, shape in pinned.items() for each in losses(shape, see.shapes.get(name, shape), name)]
    assert not lost, "docs/design/limits.md promises that shapes only gain fields"
    known = {name: pinned.get(name, Shape()) for name in see.shapes}
    new = [name for name in see.shapes if name not in pinned]
    new += [each for name, shape in see.shapes.items() for each in additions(known[name], shape, name)]
    if request.config.getoption("--pin-shapes"):
        whole_text = {
            name: (known[name].gained(shape) if name in pinned else shape).as_json()
            for name, shape in sorted(see.shapes.items())
        }
        after = json.dumps(whole_text, indent=1) + "\n"
        PINNED.write_text(after, encoding="utf-8")
        with capsys.disabled():
            sys.stdout.writelines(unified_diff(text.splitlines(True), after.splitlines(True), "before", "after"))
    else:
        assert not new, "pin what is new: pytest tests/story/test_shapes.py --pin-shapes"


def _run_for_a_moment(see: Looker, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let `refbus run` start and stop: it prints a line at each."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    real = Daemon.run

    def run(daemon: Daemon, stop: Callable[[], bool]) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        real(daemon, stop)

    monkeypatch.setattr(Daemon, "run", run)
    try:
        ran: Ran = see.commands.run(see.road.shelter, "run", "--json", REFBUS_METRICS_PORT="0")
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    for printed in ran.out.splitlines():
        see.note("run", json.loads(printed))


def _open_the_desk_for_a_moment(see: Looker, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let `refbus desk` start and stop: it prints a line at each."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    real = uvicorn.Server.main_loop

    async def main_loop(server: uvicorn.Server) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        await real(server)

    monkeypatch.setattr(uvicorn.Server, "main_loop", main_loop)
    try:
        ran: Ran = see.commands.run(see.road.shelter, "desk", "--port", "0", "--json")
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    for printed in ran.out.splitlines():
        see.note("desk", json.loads(printed))


def test_a_loss_is_found() -> None:
    """A key that goes, a key that is not always there, another type, an object that becomes text: each is told."""
    before = shape_of({"a": 1, "b": [{"c": None}], "d": {"e": "x"}}, frozenset())
    after = shape_of({"b": [{"c": 1}, {}], "d": "x", "f": 2}, frozenset())
    told = " ".join(losses(before, after, "command"))
    assert "command.a: is gone" in told
    assert "command.b[].c: is not always there any more" in told
    assert "command.b[].c: is int now, and was null" in told
    assert "command.d: is text now, and was an object" in told
    assert list(additions(before, after, "command")) == ['command.f: "int"']
    grown = before.gained(shape_of({"a": 1, "b": [{"c": None, "g": 1}], "d": {"e": "x"}, "f": 2}, frozenset()))
    assert grown.as_json() == {"a": "int", "b": [{"c": "null", "g": "int"}], "d": {"e": "text"}, "f": "int"}
    assert read_shape(before.merged(after).as_json()) == before.merged(after)
    assert not list(losses(before, before, "command"))
