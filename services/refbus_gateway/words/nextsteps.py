"""What to do next on a page, where the words of the catalogue name a command: what to press, or whom to call.

Complete by test: whatever code a page shows, its next step names no command, no option and no field of a file.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from refbus.errors import Code
from refbus_gateway.words import codes
from refbus_gateway.words.catalogue import Catalogue, mark

NEXT: Final[Mapping[Code, str]] = {
    Code.OPEN_FAILED: mark(
        "From whom it is cannot be known, so nobody is told. Call the national node; if it happens again, look at "
        "Office, Keys."
    ),
    Code.UNDECRYPTABLE: mark(
        "It is sealed again to their present key by itself, if the person still agrees. The page of the referral shows "
        "how far it is."
    ),
    Code.AGENT_UNAVAILABLE: mark(
        "On pages nothing more is needed: sign in, and they stay open until nobody uses them for some minutes."
    ),
    Code.DIRECTORY_BEHIND: mark("Call the national node: it makes the list of members whole again."),
    Code.ORGANISATION_UNKNOWN: mark("Choose another organisation from the list."),
    Code.ORGANISATION_SUSPENDED: mark("Choose another organisation, and ask the person about it."),
    Code.NO_CONSENT: mark(
        "Talk with the person and write down what they agree to: open the case and press the button that refers it."
    ),
    Code.SUBJECT_MISMATCH: mark("Open the case and look at what the person said; then send again."),
    Code.WITHDRAWN: mark(
        "Stop. Do not use or pass on what was received. If it came to you, open the referral and say what you did."
    ),
    Code.AGE_CONTRADICTS: mark(
        "Find out which is true and change the case. Of what came in: tell the sender by a message."
    ),
    Code.AGE_UNKNOWN: mark(
        "Write the birth date, even only the year, or why you are sure that the person is an adult; else somebody "
        "consents for the child."
    ),
    Code.RECIPIENT_REVOKED: mark("Choose another organisation from the list and ask the person about it."),
    Code.VIEW_STALE: mark("See to it that this computer is connected; it goes on by itself. Office says more."),
    Code.STATE_NOT_ALLOWED: mark("Open the referral again: it shows what can be done now."),
    Code.REASON_REQUIRED: mark("Choose the reason on the page before."),
    Code.CASE_HELD: mark(
        "It goes on by itself when the earlier one does. The page of the referral says what it waits for."
    ),
    Code.CLOCK_JUMPED: mark(
        "Compare this computer with another clock. Set it if it is wrong; else say under Office, The line and the "
        "clock, that it is right."
    ),
    Code.DEADLINE_NEAR: mark("Open it from Today and answer, or say when you can."),
    Code.DEADLINE_PASSED: mark(
        "Answer it, or call the organisation whose turn it is: the page of the referral names it."
    ),
    Code.HOLD_EXPIRED: mark("Open the referral, look at the first reason there, put it right and send again."),
    Code.NOT_TAKEN_IN: mark(
        "Call the organisation. The page of the referral shows which message it is and what to do."
    ),
    Code.EXPECTED_TIME_INVALID: mark(
        "Look at the day and the year, and say again when the person is expected, like 2.11.2026 20:00."
    ),
    Code.OFFICERS_MISSING: mark("Let a second officer look at it and sign on the same page."),
    Code.OFFICER_NOT_ENDORSED: mark("Look at Office, Officers; the list is signed anew there."),
    Code.INCAPACITY_MISSING: mark(
        "If the person can be asked, ask and write down what they say. Else choose why they cannot be asked."
    ),
    Code.DENIED_BY_PERSON: mark(
        "Do not disclose. That is only different when another person is in serious danger: then say so on the page."
    ),
    Code.EMERGENCY_TOO_LONG: mark("Choose an earlier end."),
    Code.REVIEW_NOT_PLANNED: mark("At least three officers must be on the list: add one under Office, Officers."),
    Code.EMERGENCY_UPHELD: mark(
        "Tell the person, if that was not done yet, and note it on the page that says who received what."
    ),
    Code.REPLY_BY_PAST: mark("Open the case, write another day to answer by, or none, and send again. All else works."),
    Code.CASE_CHANGED: mark("Open the page again: it shows what is there now. Put your changes into that."),
    Code.CASE_UNKNOWN: mark("Look for it under Cases."),
    Code.LINK_INVALID: mark("Choose two own cases of different people that are not erased. They are under Cases."),
    Code.REFERRAL_UNKNOWN: mark("Look for it under Referrals."),
    Code.CODE_PARKED: mark(
        "Open the referral, ask the sender what is meant, and say that you looked at it when you answer."
    ),
    Code.ERASE_DUE: mark(
        "Open the referral and erase it; or ask the person again, so that the sender can write down a longer consent."
    ),
    Code.CONSENT_ENDING: mark(
        "Talk with the person in time, open the case and press Changed their mind: a longer consent is written there."
    ),
    Code.NOT_SYNCHRONISED: mark("See to it that this computer is connected, then try again."),
    Code.HOME_IN_USE: mark("Another program works with this folder. Wait until it has finished and try again."),
    Code.HOME_NOT_FOUND: mark("Call whoever looks after this computer: the folder of this office is not there."),
    Code.HOME_DAMAGED: mark(
        "Call whoever looks after this computer: is its disk there? Else a backup is brought back. Delete nothing."
    ),
    Code.BACKUP_UNPROVEN: mark(
        "Call whoever looks after this computer. Only a backup that never left your hands may be taken."
    ),
    Code.BACKUP_OLDER: mark("Keep what is here if it works. Nothing was changed."),
    Code.RESTORE_UNCONFIRMED: mark(
        "Open Office, After the backup: it says whom to call, and an administrator confirms it there. Nothing is sent "
        "before but withdrawals and receipts."
    ),
    Code.CONSENT_UNCONFIRMED_AFTER_RESTORE: mark(
        "Ask whoever works with the person, and say under Office, After the backup, that it still stands; or open the "
        "case and write down what the person says now. Then send again."
    ),
    Code.USAGE: mark("Go back to the page before and fill it in again."),
    Code.CONSENT_CHANGE_DIFFERS: mark("Read what it changes, and go back to the page before. Nothing was recorded."),
    Code.STORE_BUSY: mark(
        "Nothing was recorded, so try again. If it happens again, call whoever looks after this computer."
    ),
    Code.TOPIC_MISSING: mark("Call the national node: something is missing there."),
    Code.TOPIC_DRIFT: mark("Call the national node: something there is not as it should be."),
    Code.KEY_NOT_OURS: mark(
        "Was a backup brought back? Then make new keys under Office, Keys. If not, someone can act in your name: call "
        "the national node now and have that key revoked."
    ),
}
"""By code, only where the catalogue names a command, an option or a field of a file."""
_MEANS: Final[Mapping[Code, str]] = {
    Code.AGE_CONTRADICTS: mark("the answers about the age do not go together"),
    Code.HOME_IN_USE: mark("another program of this office is at work"),
    Code.HOME_NOT_FOUND: mark("there is no office in this folder"),
    Code.CONSENT_CHANGE_DIFFERS: mark("the answers change something else than this page is for, or nothing"),
    Code.USAGE: mark("the form was not filled in as it should be"),
}


def meaning(words: Catalogue, code: Code) -> str:
    """Return what a code means, without the names of a file."""
    return words.text(_MEANS[code]) if code in _MEANS else codes.meaning(words, code)


def next_step(words: Catalogue, code: Code) -> str:
    """Return what to do next on a page."""
    return words.text(NEXT[code]) if code in NEXT else codes.next_step(words, code)
