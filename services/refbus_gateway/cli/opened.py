"""How an opened course is told: a referral, a return and an emergency disclosure alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

from refbus.core.courses.machine import Role

if TYPE_CHECKING:
    from refbus_gateway.actions.referrals import CourseOpened, EventShown


def opened_texts(opened: CourseOpened, language: str) -> list[str]:
    """Return a course as lines for people."""
    from refbus_gateway.cli.show import state_text  # late: the help needs none of it

    number = opened.referral
    texts = [f"Referral {number}, {opened.organisation}: {state_text(opened.state, language)}"]
    if opened.withdrawal_to_answer:
        texts.append("CONSENT WITHDRAWN: stop using what you received; then say what you did:")
        texts.append(f"  refbus inbox acknowledge {number} STOPPED | ERASED | RETAINED_LEGAL --reason ...")
    if opened.transfer_proposed:
        texts.append(f"Custody of the case is offered: refbus transfer accept {number} | reject {number} (recipient)")
    if opened.custody is Role.TARGET:
        texts.append("The case is in the custody of the organisation that helps.")
    texts += [
        f"  Passed on as case {case}: ask the person, and withdraw there too: refbus consent withdraw {case}"
        for case in opened.passed_on_as_cases
    ]
    for each in opened.events:
        texts += _event_texts(each)
    return texts


def _event_texts(shown: EventShown) -> list[str]:
    from refbus.foreign import line  # late: the help needs none of it
    from refbus_gateway.cli.show import section_lines, time_text, words

    other = f"to {shown.to}" if shown.outgoing else f"from {shown.from_}"
    head = f"[{shown.event}] {words(shown.type)}, {other}, {time_text(shown.at_ms)}"
    hidden = [f"  not shown: {' '.join(shown.hidden)}"] if shown.hidden else []
    unknown = [
        f"  CODE_PARKED {code.path}: {line(code.code)} is not in {line(code.list_)} here; ask the sender"
        for code in shown.unknown_codes
    ]
    return [head, *hidden, *unknown, *section_lines(shown.content, shown.times)]
