"""An account as one page to print: no scripts, nothing loaded, every text escaped. Written for a lawyer or a judge."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from refbus.core.times import show_second
from refbus_gateway.paper.printing import printed
from refbus_gateway.reports.accounts import Account, Step, Surety
from refbus_gateway.words.catalogue import Catalogue, catalogue, mark
from refbus_gateway.words.codes import meaning
from refbus_gateway.words.statements import fact_name, proof_values

_SURE: Final = {
    Surety.PROVEN: mark("Proven"),
    Surety.WAITING: mark("Stated, not proven yet"),
    Surety.SIGNED: mark("Signed"),
    Surety.DESTROYED: mark("Content destroyed"),
    Surety.UNCHECKED: mark("Recorded only"),
    Surety.FALSE: mark("DOES NOT HOLD"),
}
_MEANS: Final = {
    Surety.PROVEN: mark(
        "the public audit log holds exactly this statement; its place there was checked for this account. Nobody, not "
        "even the keeper of the log, can change or remove it without contradicting what witnesses have signed."
    ),
    Surety.WAITING: mark(
        "the organisation wrote it down when it decided; the audit log has not confirmed it to this organisation yet."
    ),
    Surety.SIGNED: mark("whoever said it signed it, and the signature was verified when it came in."),
    Surety.DESTROYED: mark(
        "the case was erased, as it had to be. That a decision was logged can still be proven; what it was about can "
        "no longer be read here."
    ),
    Surety.UNCHECKED: mark("it stands in the records that this account was made from; it was not checked further."),
    Surety.FALSE: mark("it was checked and something about it is wrong. Do not rely on it; ask the inspector."),
}
_VERIFY: Final = (
    mark(
        "Ask for the proof files of the steps that matter (refbus audit proof), and get the policy file of the country "
        "(COUNTRY.tlog-policy) from someone other than who gave you this page."
    ),
    mark(
        "On any computer, without a network: refbus audit verify FILE.tlog-proof --policy COUNTRY.tlog-policy. It says "
        "who decided what, when, and which witnesses in other countries stood behind the log."
    ),
    mark(
        "The files have a public format (c2sp.org/tlog-proof@v1), so that a program by other people can be asked the "
        "same and must give the same answer."
    ),
)
_LIMITS: Final = (
    mark(
        "The time of a decision is that of the computer that decided. The witnesses bound it: an entry is not newer "
        "than the checkpoint that they signed."
    ),
    mark("What people said to each other is not here, and no content of a case. Paper and telephone leave no step."),
)


def page(account: Account, language: str = "en") -> str:
    """Return the account as one HTML page."""
    return printed("account.html", catalogue(language), **shown(account, language))


def shown(account: Account, language: str = "en") -> dict[str, Any]:
    """Return what a page shows of the account, in words."""
    words = catalogue(language)
    counts = [(each, account.count(each)) for each in Surety]
    return {
        "title": words.text("Account: %(subject)s", subject=account.subject),
        "made": words.plural(
            "Made by %(author)s on %(date)s: %(n)s step.",
            "Made by %(author)s on %(date)s: %(n)s steps, in the order of time.",
            len(account.steps),
            author=account.author,
            date=show_second(account.made_ms),
        ),
        "sureties": [(f"{words.text(_SURE[each])} ({n})", words.text(_MEANS[each])) for each, n in counts if n],
        "steps": [_shown(step, words) for step in account.steps],
        "verify": [words.text(each) for each in _VERIFY],
        "limits": [words.text(each) for each in _LIMITS],
    }


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


def _shown(step: Step, words: Catalogue) -> dict[str, Any]:
    """Return a step as the page shows it."""
    return {
        "date": show_second(step.at_ms),
        "heading": step.heading,
        "facts": [(fact_name(words, name), text) for name, text in step.facts],
        "surety": str(step.surety),
        "proof": list(_proof(step, words)),
    }


def _proof(step: Step, words: Catalogue) -> Iterator[str]:
    """Yield how sure a step is, where it stands in the log, and what is wrong with it."""
    yield f"{words.text(_SURE[step.surety])}. " + " ".join(_places(step, words))
    for code in step.codes:
        yield f"{code}: {meaning(words, code)}."


def _places(step: Step, words: Catalogue) -> Iterator[str]:
    if step.place:
        yield words.text("Audit log %(place)s.", place=step.place)
    proven = step.proven
    if proven is None:
        return
    yield words.text(
        "Audit log %(log)s, entry %(index)s of %(size)s.", log=proven.origin, index=proven.index, size=proven.size
    )
    if proven.witnesses:
        signed = (f"{name} ({show_second(at_s * 1000)})" for name, at_s in proven.witnesses.items())
        yield words.text("Witnesses: %(names)s.", names=", ".join(signed))
