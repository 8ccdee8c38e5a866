"""An account as one page to print: no scripts, nothing loaded, every text escaped. Written for a lawyer or a judge."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from string import Template
from typing import Any, Final

from refbus.core.times import show_second
from refbus.explain import explanation
from refbus.foreign import markup, markup_block
from refbus_gateway.reports.accounts import Account, Step, Surety
from refbus_gateway.words.statements import proof_values

_PAGE: Final = Template("""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>$title</title>
<style>
@page { size: A4; margin: 2cm; }
body { font: 11pt/1.45 serif; max-width: 44em; margin: 2em auto; padding: 0 1em; color: #000; background: #fff; }
section { border-top: 1px solid #777; padding: .4em 0; break-inside: avoid; }
h2 { font-size: 12pt; margin: .3em 0; } h3 { font-size: 11pt; margin: .2em 0; }
dl { display: grid; grid-template-columns: 8em 1fr; gap: .1em .8em; margin: .3em 0; }
dt { color: #333; } dd { margin: 0; overflow-wrap: anywhere; } p { margin: .3em 0; overflow-wrap: anywhere; }
.proof { font-size: 9.5pt; } .FALSE { font-weight: bold; border-left: 4px solid #000; padding-left: .6em; }
code { font-size: 9.5pt; overflow-wrap: anywhere; }
@media print { body { margin: 0; padding: 0; max-width: none; } }
</style>
</head>
<body>
<h1>$title</h1>
$head
$steps
$foot
</body>
</html>
""")
_SURE: Final = {
    Surety.PROVEN: "Proven",
    Surety.WAITING: "Stated, not proven yet",
    Surety.SIGNED: "Signed",
    Surety.DESTROYED: "Content destroyed",
    Surety.UNCHECKED: "Recorded only",
    Surety.FALSE: "DOES NOT HOLD",
}
_MEANS: Final = {
    Surety.PROVEN: (
        "the public audit log holds exactly this statement; its place there was checked for this account. Nobody, not "
        "even the keeper of the log, can change or remove it without contradicting what witnesses have signed."
    ),
    Surety.WAITING: (
        "the organisation wrote it down when it decided; the audit log has not confirmed it to this organisation yet."
    ),
    Surety.SIGNED: "whoever said it signed it, and the signature was verified when it came in.",
    Surety.DESTROYED: (
        "the case was erased, as it had to be. That a decision was logged can still be proven; what it was about can "
        "no longer be read here."
    ),
    Surety.UNCHECKED: "it stands in the records that this account was made from; it was not checked further.",
    Surety.FALSE: "it was checked and something about it is wrong. Do not rely on it; ask the inspector.",
}
_VERIFY: Final = (
    (
        "Ask for the proof files of the steps that matter (refbus audit proof), and get the policy file of the country "
        "(COUNTRY.tlog-policy) from someone other than who gave you this page."
    ),
    (
        "On any computer, without a network: refbus audit verify FILE.tlog-proof --policy COUNTRY.tlog-policy. It says "
        "who decided what, when, and which witnesses in other countries stood behind the log."
    ),
    (
        "The files have a public format (c2sp.org/tlog-proof@v1), so that a program by other people can be asked the "
        "same and must give the same answer."
    ),
)
_LIMITS: Final = (
    (
        "The time of a decision is that of the computer that decided. The witnesses bound it: an entry is not newer "
        "than the checkpoint that they signed."
    ),
    "What people said to each other is not here, and no content of a case. Paper and telephone leave no step.",
)


def page(account: Account) -> str:
    """Return the account as one HTML page."""
    steps = "\n".join(_section(number, step) for number, step in enumerate(account.steps, start=1))
    return _PAGE.substitute(
        title=markup(f"Account: {account.subject}"),
        head=_head(account),
        steps=steps or "<p>Nothing is recorded.</p>",
        foot=_foot(),
    )


def values(account: Account) -> dict[str, Any]:
    """Return the account for JSON."""
    return {
        "subject": account.subject,
        "author": account.author,
        "made_ms": account.made_ms,
        "steps": [
            {
                "at_ms": step.at_ms,
                "heading": step.heading,
                "facts": [{"name": name, "text": words} for name, words in step.facts],
                "surety": step.surety,
                "codes": list(step.codes),
                "place": step.place,
                "proof": proof_values(step.proven) if step.proven else None,
            }
            for step in account.steps
        ],
    }


def _head(account: Account) -> str:
    made = show_second(account.made_ms)
    lines = [
        f"Made by {account.author} on {made}: {len(account.steps)} steps, in the order of time.",
        "It names organisations, never the person. Numbers and ids stand for the case.",
    ]
    counts = [(each, account.count(each)) for each in Surety]
    rows = [(f"{_SURE[each]} ({count})", _MEANS[each]) for each, count in counts if count]
    return f"{_paragraphs(lines)}\n<section><h2>How sure each step is</h2>\n{_list(rows)}</section>"


def _section(number: int, step: Step) -> str:
    head = f"<h3>{number}. {markup(show_second(step.at_ms))}: {markup(step.heading)}</h3>"
    proof = "\n".join(f'<p class="proof {step.surety}">{markup(line)}</p>' for line in _proof(step))
    return f"<section>\n{head}\n{_list(step.facts)}\n{proof}\n</section>"


def _proof(step: Step) -> Iterator[str]:
    """Yield how sure a step is, where it stands in the log, and what is wrong with it."""
    yield f"{_SURE[step.surety]}. " + " ".join(_places(step))
    for code in step.codes:
        yield f"{code}: {explanation(code).meaning}."


def _places(step: Step) -> Iterator[str]:
    if step.place:
        yield f"Audit log {step.place}."
    proven = step.proven
    if proven is None:
        return
    yield f"Audit log {proven.origin}, entry {proven.index} of {proven.size}."
    if proven.witnesses:
        signed = (f"{name} ({show_second(at_s * 1000)})" for name, at_s in proven.witnesses.items())
        yield f"Witnesses: {', '.join(signed)}."


def _foot() -> str:
    verify = "".join(f"<li>{markup(line)}</li>" for line in _VERIFY)
    limits = "".join(f"<li>{markup(line)}</li>" for line in _LIMITS)
    return (
        f"<section><h2>How to check this yourself</h2><ol>{verify}</ol></section>\n"
        f"<section><h2>What it does not show</h2><ul>{limits}</ul></section>"
    )


def _list(rows: Iterable[tuple[str, str]]) -> str:
    inside = "\n".join(f"<dt>{markup(name)}</dt><dd>{markup_block(words)}</dd>" for name, words in rows)
    return f"<dl>\n{inside}\n</dl>" if inside else ""


def _paragraphs(lines: Iterable[str]) -> str:
    return "\n".join(f"<p>{markup(line)}</p>" for line in lines)
