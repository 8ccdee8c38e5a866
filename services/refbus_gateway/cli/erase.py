"""`refbus erase`: the whole erasure of a case, and what the others have answered."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

import click

from refbus.errors import Code, RefbusError, SetupError, StoreError
from refbus.output import say
from refbus_gateway.cli.session import Session, example, with_session
from refbus_gateway.cli.status import unread_texts

if TYPE_CHECKING:
    from refbus.core.ids import OrgId
    from refbus_gateway.erasure.demand import Asked, Progress

_SAID: Final = {
    "STOPPED": "has stopped using it, and still has it: erase again to ask once more",
    "ERASED": "has erased it",
    "RESTRICTED": "has locked it away, and still has it",
    "RETAINED_LEGAL": "keeps it, because a law says so",
}


@click.command()
@click.argument("case", type=int, required=False)
@click.option("--referral", type=int, help="Number of a referral, in place of that of its case.")
@click.option("--status", is_flag=True, help="Only show how far erasures are, and what the others have answered.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--later", is_flag=True, help="Only queue what is to be sent; `refbus run` or `refbus sync` sends it.")
@example("refbus erase 3", "refbus erase --referral 4 --yes", "refbus erase --status")
@with_session
def erase(session: Session, case: int | None, referral: int | None, *, status: bool, yes: bool, later: bool) -> None:
    """Erase a case for ever, and have everyone who received something of it erase it too.

    A consent that still stands is withdrawn with it. Once more does no harm: it asks those again who still have it.
    """
    if status:
        _tell_all(session, case, referral)
    else:
        erase_case(session, _number(session, case, referral), yes=yes, later=later)


def erase_case(session: Session, number: int, *, yes: bool, later: bool) -> None:
    """Explain, ask, erase, and tell how far it is."""
    from refbus_gateway.cli.syncing import SENT_TEXT, try_to_send
    from refbus_gateway.erasure import demand  # late: the help needs none of it

    others = _explain(session, number, yes=yes)
    demand.erase(session.gateway, number)
    became = try_to_send(session, later=later)
    found = _progress(session, number)
    value = {"erased": True, "delivery": became, "other_cases": list(others), **_value(found)}
    session.tell(value, [*_lines(session, found), SENT_TEXT[became]])


def _number(session: Session, case: int | None, referral: int | None) -> int:
    from refbus_gateway.store import referrals  # late: the help needs none of it

    if (case is None) == (referral is None):
        raise SetupError(Code.USAGE, "name a case, or a referral with --referral")
    if case is not None:
        return case
    with session.gateway.store.read() as tx:
        return referrals.case_of(tx, referral or 0).id


def _explain(session: Session, number: int, *, yes: bool) -> tuple[int, ...]:
    """Say what will happen and ask; return the other cases with the same content."""
    told, others = _planned(session, number)
    if session.as_json or yes:
        return others
    say(f"Everything of case {number} is destroyed here: nobody can bring it back.", err=True)
    for org in told:
        say(f"  {org}: consent is withdrawn; they are told every day until they say what they did.", err=True)
    for other in others:
        say(f"  Case {other} has the same content and stays: refbus erase {other}", err=True)
    click.confirm(f"Erase case {number} for ever?", abort=True, err=True)
    return others


def _planned(session: Session, number: int) -> tuple[tuple[OrgId, ...], tuple[int, ...]]:
    """Return who will be told and which cases have the same content; a case that cannot be read is erased as well."""
    from refbus_gateway.erasure import demand  # late: the help needs none of it
    from refbus_gateway.store import cases

    with session.gateway.store.read() as tx:
        found = cases.get(tx, number)
        try:
            return demand.plan(session.gateway, tx, found)
        except StoreError:
            raise
        except RefbusError as error:
            say(f"Case {number} cannot be read ({error.code}): who received something of it is not known.", err=True)
            return (), ()


def _tell_all(session: Session, case: int | None, referral: int | None) -> None:
    from refbus_gateway.erasure import demand  # late: the help needs none of it

    unread: list[tuple[int, Code]] = []
    if case is not None or referral is not None:
        found = [_progress(session, _number(session, case, referral))]
    else:
        with session.gateway.store.read() as tx:
            found = demand.all_progress(tx, unread)
    lines = [line for each in found for line in _lines(session, each)] + unread_texts({"case": unread})
    damaged = [{"case": number, "unread": code} for number, code in unread]
    session.tell([*(_value(each) for each in found), *damaged], lines or ["No case was erased here."])


def _progress(session: Session, number: int) -> Progress:
    from refbus_gateway.erasure import demand  # late: the help needs none of it
    from refbus_gateway.store import cases

    with session.gateway.store.read() as tx:
        return demand.progress(tx, cases.get(tx, number))


def _value(found: Progress) -> dict[str, Any]:
    return {
        "case": found.case,
        "own": found.own,
        "ordered_ms": found.ordered_ms,
        "destroyed_ms": found.destroyed_ms,
        "organisations": [
            {
                "organisation": each.org,
                "told_ms": each.told_ms,
                "answer": each.answer,
                "reason": each.reason,
                "answered_ms": each.answered_ms,
                "not_told": each.code,
            }
            for each in found.asked
        ],
    }


def _lines(session: Session, found: Progress) -> Iterator[str]:
    from refbus_gateway.cli.show import time_text  # late: the help needs none of it

    if found.destroyed_ms is not None:
        yield f"Case {found.case}: erased {time_text(found.destroyed_ms)}; nothing of it can be read here."
    elif found.ordered_ms is not None and found.content:
        yield f"Case {found.case}: not shown or sent any more, and erased as soon as can be: refbus alarms"
    elif found.ordered_ms is not None:
        yield f"Case {found.case}: erased here; the names used with the others are kept until all have answered."
    else:
        yield f"Case {found.case}: not erased."
    for each in found.asked:
        yield f"  {each.org}: {_said(session, each)}"


def _said(session: Session, asked: Asked) -> str:
    from refbus.wire.labels import label  # late: the help needs none of it
    from refbus_gateway.cli.show import time_text

    if asked.told_ms is None:
        why = f" ({asked.code}); it is tried again" if asked.code else ""
        return f"received something and was not told{why}: call them"
    if asked.answer is None:
        return f"told {time_text(asked.told_ms)}, no answer yet; told again every day. Call them"
    reason = label(session.language, "refbus.RetentionReason", asked.reason or "") or asked.reason
    why = f" ({reason})" if asked.reason else ""
    return f"{_SAID.get(asked.answer, asked.answer)}{why}, {time_text(asked.answered_ms)}"
