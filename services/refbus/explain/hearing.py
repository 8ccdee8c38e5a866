"""Who hears that an event did not get through, by place and code, and what its sender does then.

`docs/reference/who-hears.md` is made from this table. A test looks up in it every code that a gate or a gateway can
raise about an event.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from refbus.errors import Code
from refbus.explain.catalogue import SECTIONS, explanation
from refbus.explain.decisions import CONSENT
from refbus.explain.emergencies import EMERGENCY
from refbus.explain.messages import BYTES
from refbus.explain.returns import RETURN


class Place(StrEnum):
    """Where it was stopped, and whether it was known by then who sent it."""

    ORIGIN_UNSIGNED = "ORIGIN_UNSIGNED"
    ORIGIN = "ORIGIN"
    DESTINATION_UNSIGNED = "DESTINATION_UNSIGNED"
    DESTINATION = "DESTINATION"
    RECIPIENT_UNSIGNED = "RECIPIENT_UNSIGNED"
    RECIPIENT = "RECIPIENT"


@dataclass(frozen=True, slots=True)
class Hearing:
    """What each of the three learns, and how. "nobody" tells that there is no way to tell them."""

    where: str
    sender: str
    recipient: str
    operator: str


HEARINGS: Final[Mapping[Place, Hearing]] = {
    Place.ORIGIN_UNSIGNED: Hearing(
        "gate of the sender's country, before the signature is verified",
        "nothing arrives that anybody could be told of: the event stays at the hop MY_GATE and is sent again",
        "nobody",
        "an alarm (RefbusUnverifiedStopped), counted by code; the record is in `<cc>.refused` or `<cc>.quarantine` "
        "with its code, as long as there is room",
    ),
    Place.ORIGIN: Hearing(
        "gate of the sender's country",
        "a notice of its gate, with every code: hop REFUSED or HELD, an alarm for a refusal",
        "nobody: it never left",
        "a refusal is in `<cc>.refused` with every code; counted",
    ),
    Place.DESTINATION_UNSIGNED: Hearing(
        "gate of the recipient's country, before the signature is verified",
        "its own gate passes on that the other has put the event aside, with that gate's signature: hop HELD, "
        "SET_ASIDE_THERE and an alarm",
        "nobody",
        "of the recipient's country: an alarm (RefbusUnverifiedStopped), counted by code; the record is in "
        "`<cc>.refused` or `<cc>.quarantine` with its code, as long as there is room",
    ),
    Place.DESTINATION: Hearing(
        "gate of the recipient's country",
        "a notice of that gate, sealed to the sender, with every code: hop REFUSED and an alarm",
        "nobody: it does not reach its inbox",
        "of the recipient's country: a refusal is in `<cc>.refused` with every code; counted",
    ),
    Place.RECIPIENT_UNSIGNED: Hearing(
        "the recipient's gateway, before the signature is verified",
        "nobody: from whom it is cannot be known. A request stays without an answer until its deadline is told",
        "an alarm with the number of the inbox record, which says that nobody else is told",
        "nobody; the recipient gives the code to the node",
    ),
    Place.RECIPIENT: Hearing(
        "the recipient's gateway",
        "IntakeReported, signed by the recipient: hop NOT_TAKEN_IN or WAITS_THERE with the code, and the alarm "
        "NOT_TAKEN_IN, which names number, event and organisation. UNDECRYPTABLE and MESSAGE_EXPIRED are answered with "
        "Undecryptable instead, and the event is sealed again by itself",
        "an alarm that names sender and event, and says whether the sender is told",
        "nobody: what an organisation takes in is its own",
    ),
}
"""Who hears, by place."""

_FORM = "Send it again after updating this software. If it is refused again, give the code to whoever runs your node."
_CONSENT = (
    "They read the consent so, and their word counts. Compare it with them; if it does not cover this, ask the person."
)
_DIRECTORY = "Their list of organisations and keys differs from yours. Synchronise both sides, then send it again."
_COURSE = (
    "The referral stands differently there. Synchronise both sides, look at it again, and then decide what to send."
)
_EMERGENCY = "They may not take it in as an emergency. Call them at once; the officer who decided must hear of it."
_RETURN = "The return is not prepared as they must have it. Call them, complete it together, and send it again."
_ALONE: Final[Mapping[Code, str]] = {
    Code.UNKNOWN_SCHEMA: (
        "Their software is older than yours. Ask them to update: then it is taken in by itself. If it is urgent, call."
    ),
    Code.DECLARATION_MISMATCH: (
        "Something in it was not declared. Update this software and send it again; tell the person who runs your node."
    ),
    Code.EVENT_ID_REUSED: (
        "They have another event under this number. Tell the person who runs your node, and send it as a new one."
    ),
    Code.KEY_DESTROYED: "They have erased this case. Send them nothing more about it.",
    Code.TOO_MANY_WAITING: (
        "Too much of yours waits there already. It is sent again by itself; call them, so that they take that in."
    ),
    Code.TOO_MANY_EVENTS: "This referral is full. Begin a new one for what is still to be said, and tell your node.",
    Code.CLOCK_SKEW: "One of the two clocks is wrong. Set yours, ask them about theirs; then it is taken in by itself.",
    Code.INTERNAL_ERROR: "Their software failed on it. Call them, and let them give the code to their node.",
    Code.HOME_DAMAGED: "What they, or a gate, keep of this case is damaged. Call them and the node operator; "
    "once it is mended, an office takes it in by itself, and for a gate it is sent again.",
    Code.UNDECRYPTABLE: "Nothing: it is sealed again to their present key by itself.",
    Code.MESSAGE_EXPIRED: "Nothing: it is sealed again by itself, after consent was checked again.",
    Code.CASE_INVALID: _FORM,
    Code.CONSENT_CHANGE_DIFFERS: _CONSENT,
    Code.REFERRAL_UNKNOWN: "The request itself has not come to them. Look where it is with `refbus status`.",
}

_STEPS: Final[Mapping[str, str]] = {
    "Form of the data": _FORM,
    "Messages": _FORM,
    "Directory": _DIRECTORY,
    "Keys": _DIRECTORY,
    "Consent": _CONSENT,
    "Rules and the gate": _COURSE,
    "Return home": _RETURN,
    "Emergency disclosure": _EMERGENCY,
}
"""What a sender does, by the section of the catalogue that the code is in."""
_OTHER: Final = "Call them: their software is newer than yours and gives a reason unknown here. Update this one."


_LOUD: Final = frozenset({Code.EMERGENCY_DISCLOSED, Code.EMERGENCY_UPHELD, Code.EMERGENCY_NOT_UPHELD})
UNSIGNED: Final = frozenset(
    {
        Code.MALFORMED,
        Code.NOT_CANONICAL,
        Code.TOO_LARGE,
        Code.UNKNOWN_VALUE,
        Code.UNSUPPORTED_VERSION,
        Code.UNSUPPORTED_SUITE,
        Code.MESSAGE_EXPIRED,
        Code.MESSAGE_LIFE_TOO_LONG,
        Code.OPEN_FAILED,
        Code.SIGNATURE_INVALID,
        Code.NOT_THE_RECIPIENT,
        Code.DIRECTORY_INVALID,
        Code.DIRECTORY_EXPIRED,
        Code.DIRECTORY_NEWER,
        Code.DIRECTORY_TOO_OLD,
        Code.ORGANISATION_UNKNOWN,
        Code.ORGANISATION_SUSPENDED,
        Code.WRONG_COUNTRY,
        Code.KEY_UNKNOWN,
        Code.KEY_REVOKED,
        Code.KEY_EXPIRED,
        Code.KEY_INVALID,
        Code.PASS_INVALID,
        Code.HOLD_EXPIRED,
        Code.INTERNAL_ERROR,
        Code.BATCH_UNREADABLE,
    }
)
"""Codes that can stop an event before anybody knows from whom it is."""
SIGNED: Final = frozenset(
    {
        *(code for section in (BYTES, CONSENT, RETURN, EMERGENCY) for code in section if code not in _LOUD),
        Code.EVENT_ID_REUSED,
        Code.DECLARATION_MISMATCH,
        Code.UNDECRYPTABLE,
        Code.MESSAGE_EXPIRED,
        Code.MESSAGE_LIFE_TOO_LONG,
        Code.DIRECTORY_EXPIRED,
        Code.DIRECTORY_INVALID,
        Code.DIRECTORY_TOO_OLD,
        Code.ORGANISATION_UNKNOWN,
        Code.ORGANISATION_SUSPENDED,
        Code.WRONG_COUNTRY,
        Code.KEY_UNKNOWN,
        Code.KEY_DESTROYED,
        Code.PRACTICE_ONLY,
        Code.RESIDENCY_FORBIDDEN,
        Code.STATE_NOT_ALLOWED,
        Code.ROLE_NOT_ALLOWED,
        Code.REASON_REQUIRED,
        Code.NOT_A_PARTY,
        Code.PURPOSE_MISMATCH,
        Code.CASE_HELD,
        Code.CLOCK_SKEW,
        Code.HOLD_EXPIRED,
        Code.PASS_INVALID,
        Code.DELIVERY_FAILED,
        Code.INTERNAL_ERROR,
        Code.CASE_INVALID,
        Code.REFERRAL_UNKNOWN,
        Code.CONSENT_CHANGE_DIFFERS,
        Code.TOO_MANY_WAITING,
        Code.TOO_MANY_EVENTS,
        Code.HOME_DAMAGED,
    }
)
"""Codes that can stop an event whose sender is known."""


def sender_step(code: str) -> str:
    """Return what the sender of an event does when its recipient did not take it in for this reason."""
    if code not in Code.__members__:
        return _OTHER
    found = Code(code)
    sections = (title for title, section in SECTIONS.items() if found in section)
    return _ALONE.get(found) or _STEPS.get(next(sections, ""), explanation(found).next_step)
