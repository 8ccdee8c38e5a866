"""The disclosure report in a survivor's own language: as lines of text, and as a page to print."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from string import Template
from typing import Final

from refbus.core.directory import Directory
from refbus.core.ids import OrgId
from refbus.core.times import show_time
from refbus.foreign import line, markup
from refbus.wire.labels import label
from refbus.wire.sentences import sentences
from refbus_gateway.reports.disclosure_report import Entry, Report
from refbus_gateway.store.consents import WithdrawalRow

_PAGE: Final = Template("""<!doctype html>
<html lang="$language">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>$title</title>
<style>
body { font: 12pt/1.5 sans-serif; max-width: 42em; margin: 2em auto; padding: 0 1em; color: #000; background: #fff; }
section { border-top: 1px solid #777; padding: .5em 0; break-inside: avoid; }
p { margin: .2em 0; overflow-wrap: anywhere; }
.proof { font-size: 9pt; color: #333; }
@media print { body { margin: 0; max-width: none; } @page { margin: 2cm; } }
</style>
</head>
<body>
<h1>$title</h1>
$head
$entries
$foot
</body>
</html>
""")


@dataclass(frozen=True, slots=True)
class Wording:
    """The language of a report, and the directory, if there is one, that names organisations in plain words."""

    language: str
    directory: Directory | None

    def say(self, name: str, **values: object) -> str:
        """Return one sentence with its values, safe to print on a terminal."""
        return sentences(self.language)[name].format_map({key: line(str(each)) for key, each in values.items()})

    def code(self, list_name: str, code: str) -> str:
        """Return the words for a code."""
        return label(self.language, list_name, code) or code

    def organisation(self, org: OrgId) -> str:
        """Return the plain name of an organisation with its id; the id alone when it is a member no more."""
        found = self.directory.find(org) if self.directory else None
        return f"{found.label} ({org})" if found else org


def text(report: Report, wording: Wording) -> list[str]:
    """Return the report as lines."""
    lines = [wording.say("title"), "", *_head(report, wording)]
    for entry in report.entries:
        lines += ["", *_facts(entry, wording), *(f"    {line}" for line in _proof(entry, wording))]
    return [*lines, "", *_foot(report, wording)]


def page(report: Report, wording: Wording) -> str:
    """Return the report as one HTML page that loads nothing; every text in it is escaped."""
    return _PAGE.substitute(
        language=wording.language,
        title=markup(wording.say("title")),
        head=_paragraphs(_head(report, wording)),
        entries="\n".join(_section(entry, wording) for entry in report.entries),
        foot=_paragraphs(_foot(report, wording)),
    )


def _head(report: Report, wording: Wording) -> Iterator[str]:
    yield wording.say("intro")
    if wording.say("draft"):
        yield wording.say("draft")
    if report.erased_ms is not None:
        yield wording.say("erased", date=show_time(report.erased_ms))
    if not report.entries:
        yield wording.say("nothing")


def _facts(entry: Entry, wording: Wording) -> Iterator[str]:
    told = entry.disclosure
    categories = ", ".join(wording.code("refbus.DataCategory", each) for each in told.categories)
    yield wording.say("recipient", organisation=wording.organisation(told.org))
    yield wording.say("when", date=show_time(told.at_ms))
    yield wording.say("what", categories=categories or wording.say("no_details"))
    yield wording.say("why", purpose=wording.code("refbus.Purpose", told.purpose))
    if told.consent is None:
        yield wording.say("on_emergency")
    else:
        yield wording.say("on_consent", consent=told.consent[0], version=told.consent[1])
    yield wording.say(entry.became)
    if entry.withdrawal is not None:
        yield from _withdrawn(entry.withdrawal, wording)
    elif told.retain_until_ms is not None:
        yield wording.say("retain", date=show_time(told.retain_until_ms))


def _withdrawn(word: WithdrawalRow, wording: Wording) -> Iterator[str]:
    yield wording.say("withdrawn", date=show_time(word.created_ms))
    if word.answer is None or word.acknowledged_ms is None:
        yield wording.say("unanswered")
        return
    reason = wording.code("refbus.RetentionReason", word.reason or "")
    yield wording.say(word.answer, date=show_time(word.acknowledged_ms), reason=reason)


def _proof(entry: Entry, wording: Wording) -> Iterator[str]:
    yield wording.say("proof", event=entry.disclosure.event_id, envelopes=" ".join(entry.envelopes))
    for each in entry.receipts:
        yield wording.say("receipt", gate=each.gate, outcome=each.outcome, date=show_time(each.at_ms))


def _foot(report: Report, wording: Wording) -> Iterator[str]:
    for each in report.told:
        yield wording.say(each.how, date=show_time(each.at_ms))


def _section(entry: Entry, wording: Wording) -> str:
    facts = _paragraphs(_facts(entry, wording))
    return f"<section>\n{facts}\n{_paragraphs(_proof(entry, wording), 'proof')}\n</section>"


def _paragraphs(lines: Iterator[str], style: str = "") -> str:
    opening = f'<p class="{style}">' if style else "<p>"
    return "\n".join(f"{opening}{markup(line)}</p>" for line in lines)
