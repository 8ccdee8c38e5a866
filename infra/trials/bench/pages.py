"""Part 6: how long the server takes for each page of the desk, in a home with many referrals, on one core.

Half of the referrals were sent from here, half came in. Most are over; a tenth waits for an answer, a tenth is late or
unread. The real application answers, without a network, somebody who signed in; a page is asked for several times, and
the slowest counts. Time is that of the processor: one core, and nobody else's work. What is opened once while the home
is open (nicknames) is opened before, and measured apart.
"""

from __future__ import annotations

import base64
import dataclasses
import html
import json
import re
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from starlette.testclient import TestClient

from bench.counting import Counts, counting
from bench.report import Aim, Measure
from bench.trips import Office, add_case
from demo.world import PASSPHRASE
from refbus.core.consent.record import Informed, SignedConsent
from refbus.core.ids import CaseHandle, ConsentId, EventId, OrgId, ReferralId, SubjectRef
from refbus.core.message import RoutingBlock
from refbus.core.units import DAY_MS, HOUR_MS
from refbus.core.vocabulary import EventType
from refbus.wire.consent import encode_record, encode_signed
from refbus_gateway.actions.desk import Desk
from refbus_gateway.cases import casework
from refbus_gateway.home.gateway import Gateway
from refbus_gateway.store import cases, consents, referrals
from refbus_gateway.store.referrals import EventStatus
from refbus_gateway.store.session import Transaction
from refbus_gateway.web import office as desks
from refbus_gateway.web.app import application

MANY: Final = 10_000
AIM: Final = Aim("value", "<=", 100)
ROUNDS: Final = 5
PER_PAGE: Final = 25
OLD_PAGE: Final = 3
PAGES: Final = {
    "today": "/today",
    "list": "/referral",
    "list, an old page": f"/referral?page={OLD_PAGE}",
    "list, our turn": "/referral?turn=OURS",
    "list, rejected": "/referral?state=REJECTED",
    "list, sent by us": "/referral?whose=own",
    "search, many": "/referral?nickname=file",
    "search, one": "/referral?nickname=File-44",
    "search, none": "/referral?nickname=nobody",
    "a referral": "/referral/1",
    "one that nobody opened": "/referral/2",
    "an answer": "/referral/1/say/cancel",
    "after sending": "/sent/1",
    "cases": "/case",
    "cases, an old page": f"/case?page={OLD_PAGE}",
    "a case": "/case/1",
    "a case, to change": "/case/1/edit",
    "a case, to hand over": "/case/1/hand-over",
    "a case, refused": "/case/1/no",
    "changed their mind": "/case/1/changed",
    "who received what": "/case/1/who",
    "erase": "/case/1/erase",
    "what was erased": "/erased",
    "to refer on": "/onward/2",
    "refer": "/refer",
    "refer, what is needed": "/refer/1/need",
    "refer, who can help": "/refer/1/organisation",
    "refer, how urgent": "/refer/1/urgency",
    "refer, the person": "/refer/1/person",
    "refer, how to reach": "/refer/1/contact",
    "refer, ask": "/refer/1/ask",
    "refer, the sheet": "/refer/1/sheet",
    "refer, the answers": "/refer/1/consent",
    "refer, look": "/refer/1/look",
    "returns": "/return",
    "begin a return": "/return/begin",
    "emergency": "/emergency",
    "for an inspector": "/inspect",
    "an account": "/inspect/account?case=1",
    "practise": "/practice",
    "office": "/office",
    "keys": "/office/keys",
    "backup": "/office/backup",
    "the line": "/office/line",
    "our numbers": "/office/counts",
    "alarms": "/office/alarms",
    "if it is stolen": "/office/stolen",
    "the log": "/office/log",
    "officers": "/office/officers",
    "people": "/office/people",
    "somebody new": "/office/people/add",
    "own passphrase": "/office/passphrase",
    "one-time codes": "/office/codes",
    "recovery sheets": "/office/recovery",
    "after the backup": "/office/restored",
    "profile": "/office/profile",
    "profile, to change": "/office/profile/edit",
    "language": "/language",
    "sign-in": "/sign-in",
}
_REFERRED: Final[Mapping[str, Mapping[str, object]]] = {
    "need": {
        "services_requested": ["SocialCare"],
        "country": "uz",
        "reason": "AdditionalServicesRequired",
        "fictional": "true",
    },
    "organisation": {"organisation": "uz-she1ter1"},
    "urgency": {
        "priority": "URGENT",
        "responsible_worker_role": "CASE_MANAGER",
        "source_of_referral": "NGO",
    },
    "person": {"file_number": "Blue door", "person.prs_Birthdate": "1990", "person.is_minor": "false"},
    "contact": {"safe_contact.may_call": "false", "safe_contact.may_text": "false"},
    "consent": {
        **{
            f"answer_{each}": "yes" for each in ("IDENTITY", "CONTACT", "SERVICE_NEEDS", "REPORT_BACK", "LOCATION_SAFE")
        },
        "answer_CONTACT_PERSON": "no",
        "answer_ONWARD_REFERRAL": "no",
        "statistics": "no",
        "informed": [str(each) for each in Informed],
        "language": "en",
        "interpreter": "no",
        "method": "WRITTEN",
        "withdrawal_contact": "Any office of the fictional agency",
    },
}
"""A referral that is begun, so that each of its steps has something to show."""
_AT_ONCE: Final = 500
_PORT: Final = 8765
_OVER: Final = (
    EventType.REFERRAL_DELIVERED,
    EventType.REFERRAL_OPENED,
    EventType.REFERRAL_REJECTED,
)


@dataclass(frozen=True, slots=True)
class Pattern:
    """A referral that was sent as a person sends it; the others are made from it."""

    org: OrgId
    block: RoutingBlock
    payload: bytes
    body: dict[str, object]
    consent: SignedConsent


def measure(folder: Path, many: int = MANY) -> list[Measure]:
    """Return for each page the slowest of some answers, in milliseconds."""
    home = made(folder, many)
    with Client(home) as client:
        first = client.timed("/today")
        found = [
            Measure("desk, the first page after an update", first, "ms", "none", 0),
            Measure("desk, the first search", client.timed("/referral?nickname=file"), "ms", "none", 0),
            Measure("desk, the first no", client.timed("/case/1/changed"), "ms", "none", 0),
        ]
        client.begin_referral()
        for name, path in PAGES.items():
            slowest = max(client.timed(path) for _ in range(ROUNDS))
            found.append(Measure(f"desk, {name}, {many:,} referrals", slowest, "ms", "the limit", AIM.limit, AIM))
    return found


def counts(folder: Path, many: int) -> dict[str, Counts]:
    """Return what each page asks of the store, once what changed was looked at."""
    found = dict[str, Counts]()
    with Client(made(folder, many)) as client:
        client.timed("/today")
        client.timed("/referral?nickname=file")
        client.timed("/case/1/changed")
        client.begin_referral()
        for name, path in PAGES.items():
            with counting() as found[name]:
                client.timed(path)
    return found


def made(folder: Path, many: int) -> Office:
    """Return an office with so many referrals: one that a person sent, and others made from it."""
    home = Office.create(folder)
    gateway = home.open()
    with gateway.store.write() as tx:
        case = add_case(gateway, tx, 0, home.recipient)
        referral = casework.send_case(gateway, tx, case).referral
        (event,) = referrals.events_of(tx, referral)
        (consent,) = consents.of_case(tx, case)
        body = cases.body_of(tx, case)
        pattern = Pattern(home.recipient, event.block, event.payload, body, consent.signed)
    for start in range(1, many, _AT_ONCE):
        with gateway.store.write() as tx:
            for number in range(start, min(start + _AT_ONCE, many)):
                _add(gateway, tx, pattern, number)
    gateway.close()
    return home


def _add(gateway: Gateway, tx: Transaction, pattern: Pattern, number: int) -> None:
    own, now_ms = number % 2 == 0, gateway.now_ms() - (number % 90) * DAY_MS
    case = cases.create(tx, secrets.token_bytes(32), _body(pattern, number) if own else {}, own=own, now_ms=now_ms)
    handle, subject = CaseHandle(secrets.token_bytes(32)), SubjectRef(secrets.token_bytes(32))
    party = cases.add_counterpart(tx, case, pattern.org, handle, subject)
    record = dataclasses.replace(
        pattern.consent.record, consent_id=ConsentId(secrets.token_bytes(16)), subject_ref=subject, event_time_ms=now_ms
    )
    signed = dataclasses.replace(pattern.consent, record_bytes=encode_record(record), record=record)
    consents.keep(tx, case, encode_signed(signed), now_ms)
    referral = referrals.create(tx, party, ReferralId(secrets.token_bytes(16)), own=own, now_ms=now_ms)
    due_ms = gateway.now_ms() + (number % 20 - 10) * HOUR_MS
    block = _turned(pattern.block, own=own)
    block = dataclasses.replace(block, referral_id=referral.referral_id, case_handle=handle, respond_by_ms=due_ms)
    waits = number % 10 == 1 or number % 10 == 2
    for kind in (EventType.REFERRAL_REQUESTED, *(() if waits else _OVER)):
        said = kind is EventType.REFERRAL_REQUESTED
        block = _turned(block, own=own if said else not own)
        block = dataclasses.replace(block, event_type=kind, event_id=EventId(secrets.token_bytes(16)))
        status = EventStatus.SENT if own is said else EventStatus.VERIFIED
        payload = pattern.payload if said else b""
        event = referrals.add_event(tx, referral, block, payload, status=status, now_ms=now_ms)
        if status is EventStatus.VERIFIED and not waits and number % 10:
            referrals.mark_seen(tx, event.id, now_ms)
        block = dataclasses.replace(block, previous=event.block.event_id)


def _turned(block: RoutingBlock, *, own: bool) -> RoutingBlock:
    """Return the block as said by us (`own`) or by the other organisation."""
    ours, theirs = sorted((block.sender, block.recipient), key=lambda org: not org.startswith("kz"))
    sender, recipient = (ours, theirs) if own else (theirs, ours)
    return dataclasses.replace(block, sender=sender, recipient=recipient)


def _body(pattern: Pattern, number: int) -> dict[str, object]:
    file = json.loads(base64.b64decode(str(pattern.body["file"])))
    content = json.dumps({**file, "file_number": f"File-{number}"}).encode()
    return {**pattern.body, "file": base64.b64encode(content).decode()}


class Client:
    """Somebody who signed in, in a browser without a network."""

    def __init__(self, home: Office) -> None:
        self.gateway: Final = home.open()
        self._alone: Final = self.gateway.home.exclusive()
        self._searches: Final[dict[str, str]] = {}
        desk = Desk(self.gateway.home, lambda: self.gateway, lambda: home.bus)
        clocks = desks.Clocks(time.monotonic, home.clock)
        self._office: Final = desks.Office(
            lambda _: desk, desks.Address(_PORT), clocks, desks.Manners(reads_and_sends=False)
        )
        self._client: Final = TestClient(
            application(self._office), base_url=f"http://127.0.0.1:{_PORT}", follow_redirects=True
        )

    def __enter__(self) -> Client:
        """Sign in. Another process of this home reads and sends, as the thread of a desk does."""
        self._alone.__enter__()
        page = self._client.get("/sign-in").text
        hidden = dict(re.findall(r'name="(csrf|once)"[^>]*value="([^"]*)"', page))
        answer = self._client.post("/sign-in", data={**hidden, "passphrase": PASSPHRASE})
        if answer.url.path != "/today":
            raise RuntimeError(f"nobody could sign in: {answer.url.path}")
        return self

    def begin_referral(self) -> None:
        """Write the steps of a referral until it could be sent. Raises RuntimeError for a step that is refused."""
        until = f"{datetime.fromtimestamp(self.gateway.now_ms() / 1000, UTC) + timedelta(30):%d.%m.%Y}"
        for step, fields in _REFERRED.items():
            path = f"/refer/1/{step}"
            page = html.unescape(self._client.get(path).text)
            hidden = dict(re.findall(r'type="hidden" name="([^"]+)"[^>]*value="([^"]*)"', page))
            days = {"until": until, "erase_by": until} if step == "consent" else {}
            answer = self._client.post(path, data={**hidden, **fields, **days})
            if answer.url.path == path:
                told = re.findall(r'href="#[^>]*>([^<]*)', answer.text)
                raise RuntimeError(f"{path}: {told}")

    def _address(self, path: str) -> str:
        """Return the address of a page; that of a search is made by its form, since a nickname stands in none."""
        start, _, nickname = path.partition("?nickname=")
        if nickname and path not in self._searches:
            hidden = dict(re.findall(r'name="(csrf|once)"[^>]*value="([^"]*)"', self._client.get(start).text))
            answer = self._client.post(start, data={**hidden, "nickname": nickname}, follow_redirects=False)
            self._searches[path] = answer.headers["location"]
        return self._searches.get(path, path)

    def timed(self, path: str) -> float:
        """Ask for a page and return how long the processor took, in milliseconds."""
        address = self._address(path)
        began = time.process_time()
        answer = self._client.get(address)
        took = time.process_time() - began
        if answer.status_code != 200 or answer.url.path != path.partition("?")[0]:
            raise RuntimeError(f"{path}: {answer.status_code} {answer.url.path}")
        return took * 1000

    def __exit__(self, *_: object) -> None:
        """Close the home."""
        self._alone.__exit__(None, None, None)
        self._office.close()
