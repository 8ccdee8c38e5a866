"""One bad element of a loop neither undoes nor delays the rest: loops that may meet one say how, or why they need not.

A loop in a service meets elements that others made, or acts for one organisation after the other, when its body opens a
transaction, sends or seals, or reads foreign bytes. Such a loop uses `refbus.each` (each, alone), or stands below with
the reason why one element may end it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from support.tree import ROOT, parsed, project_files, walked

WRITES = frozenset({"write", "writing", "begin_nested", "savepoint", "Savepoint"})
"""Opens a transaction or a savepoint for each element."""
SENDS = frozenset({"send", "produce", "renew", "answer", "sign", "seal", "publish", "tell"})
"""Acts for each element towards somebody."""
READS = frozenset(
    {
        *(
            "parse",
            "decode",
            "decode_record",
            "decode_signed",
            "decode_block",
            "decode_referral",
            "evidence_of",
            "weighed",
        ),
        *("open_routing", "open_content", "take_in", "take", "add_file", "receive", "verify", "parse_policy"),
        *("load_member", "read_export", "look_up", "advance", "word", "settle"),
        *("_case", "_event", "_kept", "_telling", "_disclosure", "_counterpart", "opened"),
        *("events_of", "referral_line", "erase_by", "newest", "body_of", "report", "view_of"),
    }
)
"""Reads for each element what somebody else made."""
RISKS = WRITES | SENDS | READS
PLACES = ("refbus_gate/", "refbus_gateway/", "refbus_auditor/", "refbus_ops/", "refbus/node/", "refbus/trust/")

_WHOLE = "all or nothing: half of it would be worse than none, and a person is told"
_OWN = "reads what this store wrote and checked itself; what cannot be read must not permit anything"
_ONE_CASE = "the rows of one case or referral, whole or none; a list of many takes each in a step of its own"
_INSIDE = "what one element raises is caught inside"
ALLOWED = {
    "refbus_gateway/words/contacts.py:_languages": "the languages of this program",
    "refbus/trust/member/audit_keys.py:claims": "the keys were checked when the member was loaded, each member alone",
    "refbus/trust/canonical.py:items": "one document",
    "refbus/trust/publisher/ceremony.py:sign_with": _WHOLE,
    "refbus/trust/reader/loader.py:refresh_from": _WHOLE,
    "refbus/trust/member/policy.py:_policy": "one document",
    "refbus/trust/publisher/repository.py:sign": _WHOLE,
    "refbus/node/store/audit_keys.py:_make": _WHOLE,
    "refbus/node/replay.py:done_before": _INSIDE,
    "refbus/node/store/commit.py:_write_deadlines": _WHOLE,
    "refbus/node/store/commit.py:_write_holds": _WHOLE,
    "refbus_auditor/core.py:turn": "a log whose files contradict its store must sign nothing, and no other log either",
    "refbus_auditor/cosignatures.py:_cosigned": "names of witnesses of a policy that was checked",
    "refbus_auditor/export.py:export": _WHOLE,
    "refbus_auditor/known.py:hear_proofs": "what cannot be read is passed over inside; two histories must end it",
    "refbus_auditor/known.py:kept_newer": _INSIDE,
    "refbus_auditor/publication.py:_require_shown": _INSIDE,
    "refbus_auditor/rebuild.py:newest_directory": "a wrong file is passed over inside; a store that fails ends it",
    "refbus_auditor/rebuild.py:proofs_on": _INSIDE,
    "refbus_auditor/proofs.py:prove": "proofs of one log in their order; what is not published stays to be published",
    "refbus_auditor/proofs.py:prove_again": "proofs of one log in their order",
    "refbus_gate/decide/batch.py:decide": "a batch that fails is decided again one by one, the bad one set aside",
    "refbus_gate/clock/deadlines.py:_course": "steps of one course",
    "refbus_gate/decide/remembered.py:decode_denials": _OWN,
    "refbus_gate/decide/stamps.py:sign": "a batch that fails is decided again record by record",
    "refbus_gate/decide/timetable.py:planned": "a batch that fails is decided again record by record",
    "refbus_gateway/people/onetime.py:begin": "what was made here a line before",
    "refbus_gateway/store/doings.py:append": "what was made here for one request: it is logged whole or not done",
    "refbus_gateway/reports/accounts.py:of_case": "the account of one case is whole or none",
    "refbus_gateway/cli/recovery.py:_texts": _WHOLE,
    "refbus_gateway/consent/endings.py:of_case": "one case",
    "refbus_gateway/consent/endings.py:first_end": "one case; each case alone in `reports.lookups`",
    "refbus_gateway/reports/terms.py:_of_plans": "one case; each case alone in `reports.lookups`",
    "refbus_gateway/reports/lookups.py:refresh": "what cannot be read is each alone within; a store that fails ends it",
    "refbus_gateway/cases/casework.py:sent_before": "one case, before something is sent of it",
    "refbus_gateway/cli/audit.py:verify": _INSIDE,
    "refbus_gateway/rules/permission.py:require_permit": _OWN,
    "refbus_gateway/consent/versions.py:_sign_earlier": "a yes waits for every no before it",
    "refbus_gateway/erasure/demand.py:erase": "writes an alarm",
    "refbus_gateway/directory/door.py:_keep": "one file, or a publication that a person brings",
    "refbus_gateway/directory/door.py:take_proven": _WHOLE,
    "refbus_gateway/sync/reader.py:_again_held": _INSIDE,
    "refbus_gateway/rules/legality.py:_denials": _OWN,
    "refbus_gateway/cases/onward.py:_reasons": _OWN,
    "refbus_gateway/sync/proof_reader.py:_read": _INSIDE,
    "refbus_gateway/courses/returns.py:details_of": "one course",
    "refbus_gateway/courses/returns.py:minor": _OWN,
    "refbus_gateway/store/cases.py:counterparts_of": _ONE_CASE,
    "refbus_gateway/store/cases.py:read": _ONE_CASE,
    "refbus_gateway/store/consents.py:of_case": _ONE_CASE,
    "refbus_gateway/store/disclosures.py:of_case": _ONE_CASE,
    "refbus_gateway/store/disclosures.py:opened": _ONE_CASE,
    "refbus_gateway/store/tellings.py:of_case": _ONE_CASE,
    "refbus_gateway/store/terms.py:keep": _ONE_CASE,
    "refbus_gateway/consent/withdrawals.py:_sign": "the consents of two organisations; fails for this one alone",
    "refbus_gateway/consent/withdrawals.py:_tell_one": _INSIDE,
    "refbus_gateway/consent/withdrawals.py:advance": _INSIDE,
    "refbus_ops/directory.py:sign": _WHOLE,
}
"""Loops that one element may end, by place and function, and why."""


def loops(tree: ast.AST) -> Iterator[tuple[str, int, frozenset[str]]]:
    """Yield the function, the line and the risky calls of each loop and comprehension that has no `each` or `alone`."""
    for function in walked(tree):
        if not isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef)):
            continue
        for node in _own(function):
            body = _body(node)
            calls = frozenset(_name(call) for part in body for call in walked(part) if isinstance(call, ast.Call))
            if calls & RISKS and "alone" not in calls:
                yield function.name, node.lineno, calls & RISKS


def _own(function: ast.AST) -> Iterator[ast.expr | ast.stmt]:
    """Yield the nodes of a function that are not in a function inside of it."""
    for child in ast.iter_child_nodes(function):
        if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef)):
            continue
        if isinstance(child, (ast.stmt, ast.expr)):
            yield child
        yield from _own(child)


def _body(node: ast.AST) -> list[ast.AST]:
    """Return what is done for each element; nothing for what is no loop. A `while` waits, its loops are its own."""
    if isinstance(node, (ast.For, ast.AsyncFor)):
        return list(node.body)
    if isinstance(node, (ast.ListComp, ast.SetComp, ast.GeneratorExp)):
        return [node.elt, *(test for part in node.generators for test in part.ifs)]
    if isinstance(node, ast.DictComp):
        return [node.key, node.value]
    return []


def _name(call: ast.Call) -> str:
    function = call.func
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def offenders() -> dict[str, list[str]]:
    """Return where loops stand that could let one element end the others, by place and function."""
    found: dict[str, list[str]] = {}
    for path in project_files("services", suffix=".py"):
        place = str(path.relative_to(ROOT / "services"))
        if place.startswith(PLACES) and "migrations" not in place:
            for function, line, calls in loops(parsed(path)):
                found.setdefault(f"{place}:{function}", []).append(f"line {line}: {', '.join(sorted(calls))}")
    return found


def test_every_loop_that_may_meet_a_bad_element_says_how() -> None:
    """A new loop uses `refbus.each`, or has its reason above; a reason that nothing needs any more goes."""
    found = offenders()
    assert {place: lines for place, lines in found.items() if place not in ALLOWED} == {}
    assert set(ALLOWED) - set(found) == set()


@pytest.mark.parametrize(
    ("code", "risky"),
    [
        ("for org in orgs:\n        with store.write() as tx:\n            note(tx, org)", True),
        ("for row in rows:\n        sending.send(gateway, tx, row)", True),
        ("return [Thing.parse(each) for each in records]", True),
        ("for row in rows:\n        with alone(row, failed):\n            sending.send(gateway, tx, row)", False),
        ("each(records, Thing.parse, failed)", False),
        ("for row in rows:\n        count += row.size", False),
    ],
)
def test_the_rule_finds_an_offender(code: str, risky: bool) -> None:
    """The rule is alive: a loop of each kind breaks it, and one with the helper does not."""
    assert bool(list(loops(ast.parse(f"def planted():\n    {code}\n")))) is risky
