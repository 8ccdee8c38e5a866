"""For a lawyer or an inspector: is this proof true, in words; and an account of a case or a period to print."""

from __future__ import annotations

from typing import Final

from starlette.responses import Response

from refbus import verify
from refbus.clock import CLOCK_SKEW_MS
from refbus.core.times import day_ms, read_typed_day
from refbus.core.units import DAY_MS
from refbus.errors import Code, RefbusError
from refbus_gateway.actions import audit
from refbus_gateway.forms.problems import Problem
from refbus_gateway.forms.values import whole_number
from refbus_gateway.paper import account_page
from refbus_gateway.web.choices import every_case_option
from refbus_gateway.web.screens import Ask, Screens
from refbus_gateway.words import nextsteps, statements

screens: Final = Screens()


@screens.show("/inspect")
def inspect(ask: Ask) -> Response:
    """Ask for a proof file, or for what an account is about."""
    return ask.page("inspect.html", cases=every_case_option(ask) if ask.may("INSPECT") else [])


@screens.act("/inspect", most_bytes=verify.MOST_PROOF_BYTES + verify.MOST_POLICY_BYTES + 65_536)
def check(ask: Ask) -> Response:
    """Say whether a file proves what it says. Nothing of it is kept."""
    words = ask.words
    proof, policy = ask.posted.files.get("proof"), ask.posted.files.get("policy")
    problems = []
    if not proof:
        problems.append(Problem("proof", Code.FILE_UNREADABLE, words.text("Choose the proof file")))
    if not policy:
        problems.append(Problem("policy", Code.FILE_UNREADABLE, words.text("Choose the policy file of the country")))
    if not proof or not policy:
        return ask.again(problems)
    said = statements.Words(ask.language, ask.desk.directory())
    try:
        now_s = (ask.now_ms + CLOCK_SKEW_MS) // 1000
        found = audit.check_proof(proof, verify.read_policy(policy), entry=None, now_s=now_s)
    except RefbusError as error:
        told = nextsteps.meaning(words, error.code), nextsteps.next_step(words, error.code)
        return ask.page("inspect_proof.html", proven=False, told=told, record=[], proof=[])
    record = list(said.facts(found.record)) if found.record else []
    rows = [
        [(statements.fact_name(words, name), text) for name, text in facts] for facts in (record, said.proof(found))
    ]
    return ask.page("inspect_proof.html", proven=True, told=("", ""), record=rows[0], proof=rows[1])


@screens.show("/inspect/account")
def account(ask: Ask) -> Response:
    """Show an account of one case, or of a period, to print."""
    case, first, last = whole_number(ask.query("case")), _day(ask.query("first")), _day(ask.query("last"))
    if case is not None:
        found = audit.account_of_case(ask.desk, ask.actor, case, ask.language)
    elif first is not None and last is not None and first <= last:
        found = audit.account_of_period(ask.desk, ask.actor, first, last + DAY_MS, ask.language)
    else:
        return ask.go("/inspect", ask.words.text("Choose a case, or write both days like 31.3.2027."))
    return ask.page("inspect_account.html", **account_page.shown(found, ask.language))


def _day(text: str) -> int | None:
    """Return the beginning of a day, ms UTC, as the account counts days; None for what is none."""
    found = read_typed_day(text)
    return None if found is None else day_ms(found)
