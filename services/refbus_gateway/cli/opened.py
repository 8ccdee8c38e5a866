"""How an opened course is told: a referral and a return alike."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from refbus.core.courses.machine import Role

if TYPE_CHECKING:
    from refbus_gateway.courses.opening import Opened, Shown


def opened_value(opened: Opened) -> dict[str, Any]:
    """Return a course as JSON has it."""
    return {
        "referral": opened.referral.id,
        "case": opened.referral.case_id,
        "organisation": opened.referral.org,
        "state": opened.view.status,
        "withdrawal_to_answer": opened.withdrawn,
        "custody": opened.view.custody,
        "transfer_proposed": opened.view.transfer_proposed,
        "passed_on_as_cases": list(opened.passed_on),
        "crossed": len(opened.view.crossed),
        "events": [
            {
                "event": each.event.id,
                "type": each.event.block.event_type,
                "from": each.event.block.sender,
                "at_ms": each.event.block.occurred_at_ms,
                "hidden": [str(code) for code in each.hidden],
                "unknown_codes": [
                    {"path": code.path, "code": code.code, "list": code.code_list} for code in each.unknown
                ],
                "content": each.sections,
            }
            for each in opened.events
        ],
    }


def opened_texts(opened: Opened, language: str) -> list[str]:
    """Return a course as lines for people."""
    from refbus_gateway.cli.show import state_text  # late: the help needs none of it

    number = opened.referral.id
    state = state_text(opened.view.status, language)
    texts = [f"Referral {number}, {opened.referral.org}: {state}"]
    if opened.withdrawn:
        texts.append("CONSENT WITHDRAWN: stop using what you received; then say what you did:")
        texts.append(f"  refbus inbox acknowledge {number} STOPPED | ERASED | RETAINED_LEGAL --reason ...")
    if opened.view.transfer_proposed:
        texts.append(f"Custody of the case is offered: refbus transfer accept {number} | reject {number} (recipient)")
    if opened.view.custody is Role.TARGET:
        texts.append("The case is in the custody of the organisation that helps.")
    texts += [
        f"  Passed on as case {case}: ask the person, and withdraw there too: refbus consent withdraw {case}"
        for case in opened.passed_on
    ]
    for each in opened.events:
        texts += _event_texts(each)
    return texts


def _event_texts(shown: Shown) -> list[str]:
    from refbus.foreign import line  # late: the help needs none of it
    from refbus_gateway.cli.show import section_lines, time_text, words

    block = shown.event.block
    arrow = "to" if shown.event.outgoing else "from"
    other = block.recipient if shown.event.outgoing else block.sender
    head = f"[{shown.event.id}] {words(block.event_type)}, {arrow} {other}, {time_text(block.occurred_at_ms)}"
    hidden = [f"  not shown: {' '.join(shown.hidden)}"] if shown.hidden else []
    unknown = [
        f"  CODE_PARKED {code.path}: {line(code.code)} is not in {line(code.code_list)} here; ask the sender"
        for code in shown.unknown
    ]
    return [head, *hidden, *unknown, *section_lines(shown.sections)]
