"""docs/reference/who-hears.md: who is told that an event did not get through, and who may confirm that it did."""

from __future__ import annotations

from refbus.envelope.confirmations import NOTICES, Gate
from refbus.errors import Code
from refbus.explain import CATALOGUE
from refbus.explain.hearing import HEARINGS, SIGNED, UNSIGNED, sender_step
from refbus.wire.transport import NoticeKind
from tools.pages.markdown import code, document, sentence, table

_INTRO = """\
An event can be stopped at three places. Whoever can be told is told, in a signed message with closed codes and no free
text; whoever cannot is told the truth about that. "Before the signature is verified" means: nobody knows from whom the
bytes are, so there is nobody to answer."""
_CODES = """\
"Before" and "after" say on which side of the signature a code can arise: look the place up in the table above. The last
column is what `refbus status` tells the sender of an event that its recipient did not take in."""
_CONFIRM = """\
Of an envelope from country A to country B. Whatever another gate or organisation says of it is set aside with an alarm
(NOT_A_PARTY) and changes nothing; a gate refuses it, and its operator finds it in `<cc>.refused`."""
_GATES = {frozenset({Gate.ORIGIN}): "the gate of A", frozenset(Gate): "the gate of A or the gate of B"}
_SIGNED_BY_B = {
    "TAKEN": ", with the hop receipt that the gate of B signed (else it shows no more than FORWARDED)",
    "QUARANTINED": ", with the hop receipt that the gate of B signed (else it changes nothing)",
}
_NOTICES = "gateway: `inbox/notices.py`"
_OTHERS = (
    ("hop receipt (ends a delivery at the gate of A)", "the gate of B", "gate: `decide/ingress.py`"),
    ("heartbeat of an inbox, deadlines", "the reader's own gate", "gateway: `inbox/notices.py`, `inbox/timers.py`"),
    ("statement of a gate's decision", "the gate that sends the notice, of that decision and envelope", _NOTICES),
    ("ReferralDelivered, ReferralOpened", "the organisation that the referral is with", "gateway: `inbox/arrivals.py`"),
    ("Undecryptable, IntakeReported", "the organisation that the envelope is for", "gateway: `inbox/effects.py`"),
    (
        "WithdrawalAcknowledged",
        "the organisation that was told of the withdrawal",
        "gateway: `inbox/consent_effects.py`",
    ),
    ("emergency, and its review", "two endorsed officers; another one for the review", "everywhere: `legal_basis.py`"),
    ("order to delete sealed audit records", "the writer of those entries", "auditor: `entries.py`"),
    ("proof of an audit entry", "the log, under the cosignatures of the quorum", "gateway: `sync/proof_reader.py`"),
)


def page() -> str:
    """Return the page."""
    places = [(each.where, each.sender, each.recipient, each.operator) for each in HEARINGS.values()]
    rows = [
        (f"[{each}](errors.md#{each.lower()})", sentence(CATALOGUE[each].meaning), _when(each), sender_step(each))
        for each in Code
        if each in UNSIGNED | SIGNED
    ]
    notices = [
        (code(" ".join(filter(None, (kind, outcome)))), _GATES[gates] + _SIGNED_BY_B.get(outcome, ""), _NOTICES)
        for (kind, outcome), gates in NOTICES.items()
        if kind is not NoticeKind.DELIVERY_FAILED or not outcome
    ]
    return document(
        "Who hears of it",
        _INTRO,
        "## By place",
        table(("stopped at", "the sender", "the recipient", "the operator of the gate"), places),
        "## By code",
        _CODES,
        table(("code", "meaning", "signature", "the sender then"), rows),
        "## Who may confirm what",
        _CONFIRM,
        table(("what is said", "counts from", "judged by"), [*notices, *_OTHERS]),
    )


def _when(each: Code) -> str:
    return " and ".join(word for word, codes in (("before", UNSIGNED), ("after", SIGNED)) if each in codes)
