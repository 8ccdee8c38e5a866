"""The disclosure report in a survivor's own language: as lines of text, and as a page to print."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Protocol

from refbus.core.directory import Directory
from refbus.core.ids import OrgId
from refbus.core.profile import LocalText, in_language
from refbus.core.times import show_time
from refbus.foreign import line
from refbus_gateway.paper.printing import printed
from refbus_gateway.reports.disclosure_report import Entry, Report
from refbus_gateway.store.consents import WithdrawalRow
from refbus_gateway.store.outbox import RECIPIENT
from refbus_gateway.words import contacts
from refbus_gateway.words.catalogue import Catalogue, catalogue, mark
from refbus_gateway.words.codes import label

_SHORT: Final = 8
"""So many letters of a consent's name are enough to tell one from another on a sheet for a person."""
_SENTENCES: Final = {
    "title": mark("Who received your data", "disclosure page"),
    "intro": mark(
        "This page says what our organisation told others about you, and why. You may keep it, or ask us to "
        "keep it for you.",
        "disclosure page",
    ),
    "nothing": mark("Our organisation has told nobody anything about you through this system.", "disclosure page"),
    "erased": mark(
        "We erased what we kept about you on %(date)s. Only this list is left, without the content.", "disclosure page"
    ),
    "recipient": mark("Received by: %(organisation)s", "disclosure page"),
    "when": mark("When: %(date)s", "disclosure page"),
    "what": mark("What: %(categories)s", "disclosure page"),
    "no_details": mark("no details about you", "disclosure page"),
    "why": mark("Why: %(purpose)s", "disclosure page"),
    "on_consent": mark("You had agreed to this (consent %(consent)s, version %(version)s).", "disclosure page"),
    "on_emergency": mark(
        "This was done without your consent, because of a danger to life. Two officers decided it, and a third one "
        "reviews it.",
        "disclosure page",
    ),
    "STOPPED_HERE": mark("It was stopped on the way and not handed over.", "disclosure page"),
    "WAITING": mark("It has not left our office yet.", "disclosure page"),
    "ON_THE_WAY": mark("It is on the way.", "disclosure page"),
    "DELIVERED": mark("It was handed over.", "disclosure page"),
    "retain": mark("They have to erase it by %(date)s.", "disclosure page"),
    "withdrawn": mark("On %(date)s you withdrew your consent, and they are told to stop.", "disclosure page"),
    "unanswered": mark("They have not answered yet; we tell them again every day.", "disclosure page"),
    "STOPPED": mark("On %(date)s they said that they stopped using it.", "disclosure page"),
    "ERASED": mark("On %(date)s they said that they erased it.", "disclosure page"),
    "RESTRICTED": mark("On %(date)s they said that they locked it away.", "disclosure page"),
    "RETAINED_LEGAL": mark(
        "On %(date)s they said that they stopped using it, but have to keep it by law: %(reason)s.", "disclosure page"
    ),
    "IN_PERSON": mark("You were told of this in person on %(date)s.", "disclosure page"),
    "PHONE": mark("You were told of this by telephone on %(date)s.", "disclosure page"),
    "DEFERRED_UNSAFE": mark("On %(date)s it was not safe to tell you; we will tell you when it is.", "disclosure page"),
    "proof": mark("Proof: event %(event)s; envelopes (SHA-256): %(envelopes)s", "disclosure page"),
    "receipt": mark("Signed receipt of %(gate)s: %(outcome)s, %(date)s", "disclosure page"),
}
"""What the page says, by name; states, answers and ways to tell by their codes."""
_OUTCOMES: Final = {
    "FORWARDED": mark("passed on to the other country", "disclosure page"),
    "TAKEN": mark("taken by the other country", "disclosure page"),
    "HELD": mark("held for later", "disclosure page"),
    "REFUSED": mark("stopped", "disclosure page"),
    "DUPLICATE": mark("was there already", "disclosure page"),
    "QUARANTINED": mark("set aside", "disclosure page"),
    "TAKEN_IN": mark("arrived at the organisation", "disclosure page"),
    "WAITS": mark("waits at the organisation", "disclosure page"),
    "": mark("noted", "disclosure page"),
}
"""What a signed receipt says became of an envelope there."""


@dataclass(frozen=True, slots=True)
class Wording:
    """The language of a report, the directory, if there is one, that names organisations in plain words, and the zone.

    `utc_offset_min`: how far the country's clocks are ahead of UTC, minutes. `plain`: times as a person says them.
    `about`: lines above all others, such as which office made it, its telephone, and when.
    """

    language: str
    directory: Directory | None
    utc_offset_min: int
    plain: bool = False
    about: tuple[str, ...] = ()

    def time(self, time_ms: int) -> str:
        """Return a time as the clocks of the organisation's country show it, with the zone."""
        if self.plain:
            return self.words.moment(time_ms, self.utc_offset_min)
        return show_time(time_ms, self.utc_offset_min)

    def last_day(self, time_ms: int) -> str:
        """Return the end of a term: a day for a person, a time for whoever checks it."""
        return self.words.day(time_ms, self.utc_offset_min) if self.plain else self.time(time_ms)

    def say(self, name: str, **values: object) -> str:
        """Return one sentence with its values, safe to print on a terminal."""
        shown = {key: line(str(each)) for key, each in values.items()}
        return self.words.text(_SENTENCES[name], "disclosure page", **shown)

    def outcome(self, code: str) -> str:
        """Return what became of an envelope in words, its code where this version has none."""
        return self.words.text(_OUTCOMES[code], "disclosure page") if code in _OUTCOMES else line(code)

    @property
    def words(self) -> Catalogue:
        """The catalogue of the language."""
        return catalogue(self.language)

    def code(self, list_name: str, code: str) -> str:
        """Return the words for a code."""
        return label(self.language, list_name, code) or code

    def organisation(self, org: OrgId) -> str:
        """Return the plain name of an organisation with its id; the id alone when it is a member no more."""
        found = self.directory.find(org) if self.directory else None
        return f"{found.label} ({org})" if found else org


@dataclass(frozen=True, slots=True)
class Sheet:
    """What a report says: a title, lines above, for each disclosure its facts and its proof, lines below."""

    title: str
    head: tuple[str, ...]
    entries: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...]
    foot: tuple[str, ...]


class Said(Protocol):
    """What a sheet shows of the office's own profile."""

    @property
    def telephones(self) -> tuple[str, ...]:
        """Numbers to call, E.164."""
        ...

    @property
    def withdrawal(self) -> tuple[LocalText, ...]:
        """Where a person can take consent back, by language."""
        ...


def office_lines(said: Said | None, words: Catalogue) -> list[str]:
    """Return how the office can be called, for a sheet that a person keeps; nothing where it has not said so."""
    if said is None:
        return []
    numbers = ", ".join(map(contacts.telephone, said.telephones))
    told = [words.text("Telephone: %(number)s", "disclosure page", number=numbers)] if numbers else []
    back = in_language(said.withdrawal, words.language)
    return [*told, words.text("To take your consent back: %(where)s", "disclosure page", where=back)] if back else told


def text(report: Report, wording: Wording) -> list[str]:
    """Return the report as lines."""
    lines = [wording.say("title"), "", *_head(report, wording)]
    for entry in report.entries:
        lines += ["", *_facts(entry, wording), *(f"    {line}" for line in _proof(entry, wording))]
    return [*lines, "", *_foot(report, wording)]


def page(report: Report, wording: Wording) -> str:
    """Return the report as one HTML page that loads nothing; every text in it is escaped."""
    said = sheet(report, wording)
    return printed(
        "disclosure.html", wording.words, title=said.title, head=said.head, entries=said.entries, foot=said.foot
    )


def sheet(report: Report, wording: Wording) -> Sheet:
    """Return what the report says, for whoever lays it out."""
    return Sheet(
        wording.say("title"),
        tuple(_head(report, wording)),
        tuple((tuple(_facts(entry, wording)), tuple(_proof(entry, wording))) for entry in report.entries),
        tuple(_foot(report, wording)),
    )


def _head(report: Report, wording: Wording) -> Iterator[str]:
    yield from (line(each) for each in wording.about)
    yield wording.say("intro")
    if report.erased_ms is not None:
        yield wording.say("erased", date=wording.time(report.erased_ms))
    if not report.entries:
        yield wording.say("nothing")


def _facts(entry: Entry, wording: Wording) -> Iterator[str]:
    told = entry.disclosure
    categories = ", ".join(wording.code("refbus.DataCategory", each) for each in told.categories)
    yield wording.say("recipient", organisation=wording.organisation(told.org))
    yield wording.say("when", date=wording.time(told.at_ms))
    yield wording.say("what", categories=categories or wording.say("no_details"))
    yield wording.say("why", purpose=wording.code("refbus.Purpose", told.purpose))
    if told.consent is None:
        yield wording.say("on_emergency")
    else:
        name = told.consent[0][:_SHORT] if wording.plain else told.consent[0]
        yield wording.say("on_consent", consent=name, version=told.consent[1])
    yield wording.say(entry.became)
    if entry.withdrawal is not None:
        yield from _withdrawn(entry.withdrawal, wording)
    elif told.retain_until_ms is not None:
        yield wording.say("retain", date=wording.last_day(told.retain_until_ms))


def _withdrawn(word: WithdrawalRow, wording: Wording) -> Iterator[str]:
    yield wording.say("withdrawn", date=wording.time(word.created_ms))
    if word.answer is None or word.acknowledged_ms is None:
        yield wording.say("unanswered")
        return
    reason = wording.code("refbus.RetentionReason", word.reason or "")
    yield wording.say(word.answer, date=wording.time(word.acknowledged_ms), reason=reason)


def _proof(entry: Entry, wording: Wording) -> Iterator[str]:
    yield wording.say("proof", event=entry.disclosure.event_id, envelopes=" ".join(entry.envelopes))
    for each in entry.receipts:
        gate = wording.organisation(entry.disclosure.org if each.gate == RECIPIENT else OrgId(each.gate))
        yield wording.say("receipt", gate=gate, outcome=wording.outcome(each.outcome), date=wording.time(each.at_ms))


def _foot(report: Report, wording: Wording) -> Iterator[str]:
    for each in report.told:
        yield wording.say(each.how, date=wording.time(each.at_ms))
