"""The office itself: keys, backup, the line and the clock, counts, alarms, the log, and what to do if it is stolen."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from starlette.responses import Response

from refbus.core.times import read_moment
from refbus.errors import Code, RefbusError, SetupError, UncheckableError
from refbus.trust.member.rotation import Task
from refbus.wire.codelists import code_list
from refbus_gateway.actions import (
    counts,
    home,
    keys,
    logbook,
    officers,
    organisations,
    people,
    recovery,
    restored,
    status,
)
from refbus_gateway.actions.actor import Role
from refbus_gateway.forms.problems import Problem
from refbus_gateway.web import nextsteps
from refbus_gateway.web.pages.people import ROLES, problem_of_second, second_of
from refbus_gateway.web.render import code_words
from refbus_gateway.web.screens import Ask, Screens
from refbus_gateway.words.catalogue import mark

screens: Final = Screens()
_OFFICERS: Final = "refbus.WorkerRole"
PAGE: Final = 50
"""Lines of the log on one page."""
DUTIES: Final[Mapping[Task, str]] = {
    Task.PUBLISH_KEM: mark("New keys for receiving must be made, and the national node must publish them."),
    Task.PUBLISH_SIGNING: mark("A new key for signing must be made, and the national node must publish it."),
    Task.DESTROY_KEM: mark("An old key for receiving is no longer needed and must be destroyed."),
    Task.DESTROY_SIGNING: mark("An old key for signing is no longer needed and must be destroyed."),
}
"""What there is to do about keys."""
DOINGS: Final[Mapping[str, str]] = {
    "assignments.assign": mark("gave a case to somebody"),
    "assignments.cases_of": mark("looked at whose cases they are"),
    "assignments.whose": mark("looked at whose cases they are"),
    "audit.account_of_case": mark("made an account of a case"),
    "audit.account_of_export": mark("made an account of a log"),
    "audit.account_of_period": mark("made an account of a period"),
    "audit.evidence": mark("looked at evidence against a log"),
    "audit.inspect": mark("opened entries of a log"),
    "audit.proofs": mark("looked at proofs"),
    "cases.add": mark("made a case"),
    "cases.copy": mark("made a copy of a case"),
    "cases.file_to_edit": mark("opened a case to change it"),
    "cases.listed": mark("looked at the list of cases"),
    "cases.named": mark("worked on a case"),
    "cases.onward_file": mark("made a case to pass on"),
    "cases.own": mark("looked at the list of cases"),
    "cases.require_known": mark("looked up a case"),
    "cases.show": mark("opened a case"),
    "cases.update": mark("changed a case"),
    "codes.begin": mark("began to use one-time codes"),
    "codes.confirm": mark("confirmed the one-time codes"),
    "codes.end": mark("stopped using one-time codes"),
    "codes.own": mark("looked at their own one-time codes"),
    "codes.remove": mark("took away the one-time codes of a person"),
    "consent.new_form": mark("began to ask about consent"),
    "consent.questions": mark("looked at the questions about consent"),
    "consent.shown": mark("looked at a consent"),
    "consent.stop_categories": mark("took a part of a consent back for the person"),
    "consent.take_down": mark("wrote down what the person said about consent"),
    "consent.withdraw": mark("took a consent back for the person"),
    "delivery.run": mark("let this computer read and send"),
    "delivery.sync": mark("read and sent"),
    "delivery.topics": mark("looked at the names of channels"),
    "disclosures.note_told": mark("noted that the person was told"),
    "disclosures.report": mark("looked at who received what"),
    "drafts.drop": mark("threw a draft away"),
    "drafts.keep": mark("wrote a draft"),
    "drafts.kept": mark("opened a draft"),
    "drafts.listed": mark("looked at drafts"),
    "emergencies.check_decision": mark("prepared an emergency"),
    "emergencies.check_review": mark("prepared the review of an emergency"),
    "emergencies.invoke": mark("sent an emergency disclosure"),
    "emergencies.rule": mark("looked at what is allowed in an emergency"),
    "emergencies.review": mark("reported the review of an emergency"),
    "erasure.all_progress": mark("looked at what was erased"),
    "erasure.case_of_referral": mark("looked up a case to erase"),
    "erasure.erase": mark("erased a case"),
    "erasure.plan": mark("looked at what erasing would do"),
    "erasure.progress": mark("looked at what was erased"),
    "home.back_up": mark("made a backup"),
    "home.back_up_into": mark("made a backup"),
    "home.connect": mark("changed how this computer is connected"),
    "home.notify": mark("changed what happens on news"),
    "home.take_directory": mark("took a directory from a folder"),
    "home.trust": mark("took the root of the federation"),
    "home.trust_compared": mark("took the root of the federation"),
    "keys.answer_sent": mark("answered the national node about keys"),
    "keys.answer": mark("answered the national node about keys"),
    "keys.prune": mark("destroyed old keys"),
    "keys.report_lost": mark("reported a lost computer"),
    "keys.rotate": mark("made new keys"),
    "logbook.show": mark("looked at this log"),
    "officers.add": mark("added an officer"),
    "officers.listed": mark("looked at the officers"),
    "officers.remove": mark("removed an officer"),
    "officers.renew": mark("vouched for the officers"),
    "officers.require_role": mark("prepared a new officer"),
    "people.add": mark("added a person"),
    "people.begin": mark("gave the office its first person"),
    "people.confirm": mark("typed the passphrase again"),
    "people.lock": mark("locked this desk"),
    "people.lock_out": mark("locked a person out"),
    "people.replace_passphrase": mark("gave a person a new passphrase"),
    "people.set_passphrase": mark("changed their own passphrase"),
    "people.set_role": mark("gave a person another role"),
    "people.set_service": mark("changed the passphrase of the service"),
    "practice.answer_all": mark("answered practice"),
    "practice.begin": mark("sent a practice referral"),
    "recovery.make": mark("made recovery sheets"),
    "recovery.restore": mark("opened the office again by recovery sheets"),
    "recovery.take_over": mark("opened the office again by recovery sheets"),
    "profiles.save": mark("signed the profile of the office"),
    "profiles.set_capacity": mark("told others how much room there is"),
    "referrals.acknowledge": mark("told what was done after consent was taken back"),
    "referrals.answer": mark("answered"),
    "referrals.listed": mark("looked at the list of referrals"),
    "referrals.look_again": mark("looked at a referral again"),
    "referrals.open_course": mark("opened a referral"),
    "referrals.own_words": mark("looked at a referral without a line"),
    "referrals.require_known": mark("looked up a referral"),
    "referrals.send": mark("sent a referral"),
    "referrals.stop": mark("stopped a referral"),
    "restored.case_known": mark("looked up a case after a restore"),
    "restored.confirm": mark("confirmed a restored office"),
    "restored.confirm_case": mark("confirmed a case after a restore"),
    "restored.not_known": mark("looked at what the backup does not know"),
    "restored.stands": mark("looked at what the backup does not know"),
    "returns.begin": mark("began a return home"),
    "returns.co_sign": mark("signed a risk assessment"),
    "returns.listed": mark("looked at the returns home"),
    "returns.stands": mark("looked at how a return stands"),
    "returns.open_return": mark("opened a return home"),
    "status.accept_clock": mark("said that the clock is right"),
    "status.clear_alarm": mark("said that an alarm is settled"),
    "withdrawals.acknowledge": mark("told what was done after consent was taken back"),
    "withdrawals.reach": mark("looked at whom a no reaches"),
    "withdrawals.refuse": mark("wrote down that the person said no"),
    "withdrawals.waiting": mark("looked at who took consent back"),
    "worklist.found": mark("searched the referrals"),
    "worklist.outside": mark("looked at a referral from outside"),
    "worklist.today": mark("looked at Today"),
}
"""What people did, as the log tells it."""
ABOUT: Final[Mapping[str, str]] = {
    "asking": mark("looked at what a person is asked"),
    "assignments": mark("looked at whose cases they are"),
    "audit": mark("worked on proofs"),
    "cases": mark("worked on a case"),
    "codes": mark("worked on one-time codes"),
    "consent": mark("worked on a consent"),
    "delivery": mark("read and sent"),
    "disclosures": mark("looked at who received what"),
    "drafts": mark("worked on a draft"),
    "emergencies": mark("worked on an emergency"),
    "erasure": mark("worked on what is erased"),
    "home": mark("changed something about this computer"),
    "keys": mark("worked on keys"),
    "logbook": mark("looked at this log"),
    "officers": mark("worked on the officers"),
    "people": mark("worked on the people of the office"),
    "profiles": mark("worked on the profile of the office"),
    "previews": mark("looked at what would be sent"),
    "practice": mark("practised"),
    "recovery": mark("worked on recovery sheets"),
    "referrals": mark("worked on a referral"),
    "restored": mark("worked on a restored office"),
    "returns": mark("worked on a return home"),
    "status": mark("looked after this office"),
    "unlocking": mark("unlocked the home for commands"),
    "withdrawals": mark("worked on a withdrawal"),
    "worklist": mark("looked at the work"),
}
"""The same by the kind of thing, for what has no words of its own."""


@screens.show("/office")
def office(ask: Ask) -> Response:
    """Show who we are, and lead to everything about this office."""
    desk, actor = ask.desk, ask.actor
    if not home.progress(desk, actor).listed:
        return ask.go("/setup/road")  # before the directory knows us there is an office to set up, and nothing else
    return ask.page(
        "office.html",
        me=_me(ask),
        duties=keys.show(desk, actor).duties,
        backup=home.last_backup(desk, actor),
        recovery=recovery.standing(desk, actor),
        alarms=status.alarms(desk, actor),
        clock=status.clock(desk, actor),
        restore=restored.stands(desk, actor),
    )


@screens.show("/office/keys")
def own_keys(ask: Ask) -> Response:
    """Show the keys, and what is due in words."""
    found = keys.show(ask.desk, ask.actor)
    duties = [(ask.words.text(DUTIES[each.task]), each.due_ms) for each in found.duties]
    return ask.page("office_keys.html", found=found, duties=duties)


@screens.show("/office/backup")
def backup(ask: Ask) -> Response:
    """Show when the last backup was made, and ask where to make one."""
    return ask.page("office_backup.html", last=home.last_backup(ask.desk, ask.actor))


@screens.act("/office/backup", confirm=True)
def back_up(ask: Ask) -> Response:
    """Make a backup."""
    place = ask.posted.get("place")
    try:
        done = home.back_up_into(ask.desk, ask.actor, Path(place))
    except SetupError as error:
        if error.code is not Code.FILE_UNREADABLE:
            raise
        told = ask.words.text("There is no such folder. Write it whole, as your computer shows it.")
        return ask.again([Problem("place", error.code, told)])
    return ask.go("/office/backup", ask.words.text("The backup is whole: %(folder)s", folder=done.folder))


@screens.show("/office/line")
def line(ask: Ask) -> Response:
    """Show the line and the clock."""
    desk, actor = ask.desk, ask.actor
    return ask.page(
        "office_line.html",
        found=status.of_home(desk, actor),
        clock=status.clock(desk, actor),
        connected=home.show(desk, actor),
    )


@screens.act("/office/clock", at="/office/line")
def accept_clock(ask: Ask) -> Response:
    """Believe the clock of this computer, because a person compared it."""
    status.accept_clock(ask.desk, ask.actor)
    return ask.go("/office/line", ask.words.text("The clock of this computer counts from now on."))


@screens.show("/office/counts")
def numbers(ask: Ask) -> Response:
    """Show how many referrals, returns and emergencies there are."""
    return ask.page("office_counts.html", found=counts.show(ask.desk, ask.actor))


@screens.show("/office/alarms")
def alarms(ask: Ask) -> Response:
    """Show what a person must look at, each with what to do next."""
    where = {str(code): path for code, path in nextsteps.WHERE.items()}
    found = [(each, *_told(ask, each.code), where.get(each.code, "")) for each in status.alarms(ask.desk, ask.actor)]
    return ask.page("office_alarms.html", alarms=found)


@screens.act("/office/alarms/{number:int}", at="/office/alarms")
def clear(ask: Ask) -> Response:
    """Take an alarm away that somebody settled."""
    status.clear_alarm(ask.desk, ask.actor, ask.number("number"))
    return ask.go("/office/alarms", ask.words.text("It is settled."))


@screens.show("/office/stolen")
def stolen(ask: Ask) -> Response:
    """Show the sheet for the day on which the computer is gone: to print today."""
    found = keys.show(ask.desk, ask.actor)
    return ask.page("office_stolen.html", me=_me(ask), keys=[each for each in found.keys if each.usable])


@screens.act("/office/stolen")
def report_lost(ask: Ask) -> Response:
    """Give the signed report for the national node that a computer with these keys is gone."""
    typed = ask.posted.get("since")
    since_ms = read_moment(typed, ask.utc_offset_min) if typed else None
    if typed and (since_ms is None or since_ms > ask.now_ms):
        told = ask.words.text("Write day and time, for example 31.3.2027 12:00, or leave it empty for now.")
        return ask.again([Problem("since", Code.USAGE, told)])
    report = keys.report_lost(ask.desk, ask.actor, since_ms).report
    name = {"Content-Type": "application/json", "Content-Disposition": 'attachment; filename="lost.json"'}
    return Response(report, headers=name)


@screens.act("/office/lock", at="/office/stolen")
def lock(ask: Ask) -> Response:
    """Lock the desk for everybody at once."""
    people.lock(ask.desk, ask.actor)
    language = ask.session.language
    ask.office.sessions.end_all()
    ask.session = ask.office.sessions.begin(language)
    return ask.go("/", ask.words.text("The desk is locked. Only an administrator opens it, by signing in."))


@screens.show("/office/log")
def log(ask: Ask) -> Response:
    """Show who did what."""
    page = ask.query_number("page")
    found = logbook.show(ask.desk, ask.actor, PAGE, PAGE * (page - 1))
    lines = [(each, _did(ask, each.action), _role(ask, each.role)) for each in found.lines]
    return ask.page("office_log.html", found=found, lines=lines, **ask.paged(found.total, PAGE))


@screens.show("/office/officers")
def officer_list(ask: Ask) -> Response:
    """Show the officers who decide in an emergency."""
    found = officers.listed(ask.desk, ask.actor, ask.now_ms)
    pairs = [(each, code_words(ask.language, _OFFICERS, each)) for each in code_list(_OFFICERS).codes]
    roles = ask.words.in_order(pairs, lambda pair: pair[1])
    return ask.page("office_officers.html", found=found, roles=roles)


@screens.act("/office/officers", confirm=True)
def add_officer(ask: Ask) -> Response:
    """Add an officer, who types a passphrase of one's own."""
    words, typed = ask.words, ask.posted.get("passphrase_new")
    problems = []
    if not ask.posted.get("role"):
        problems.append(Problem("role", Code.USAGE, words.text("Choose a role")))
    if not typed:
        problems.append(Problem("passphrase_new", Code.USAGE, words.text("The officer types a new passphrase")))
    elif typed != ask.posted.get("passphrase_again"):
        problems.append(Problem("passphrase_again", Code.USAGE, words.text("The two passphrases are not the same")))
    if problems:
        return ask.again(problems)
    officers.require_role(ask.desk, ask.actor, ask.posted.get("role"))
    try:
        officers.add(ask.desk, ask.actor, ask.posted.get("role"), typed, second_of(ask))
    except RefbusError as error:
        return ask.again([problem_of_second(ask, error)])
    return ask.go("/office/officers", words.text("The officer can decide from now on."))


@screens.act("/office/officers/renew", at="/office/officers")
def renew_officers(ask: Ask) -> Response:
    """Vouch for the officers of the list for ninety days."""
    done = officers.renew(ask.desk, ask.actor)
    until = ask.words.day(done.valid_until_ms, ask.utc_offset_min)
    return ask.go("/office/officers", ask.words.text("The organisation vouches for them until %(day)s.", day=until))


@screens.act("/office/officers/remove", at="/office/officers")
def remove_officer(ask: Ask) -> Response:
    """Take an officer off the list, and destroy the key."""
    officers.remove(ask.desk, ask.actor, ask.posted.get("officer"))
    return ask.go("/office/officers", ask.words.text("That officer decides nothing any more."))


def _me(ask: Ask) -> organisations.Member | None:
    """Return this organisation as the directory has it, None before it is listed there."""
    try:
        return organisations.show(ask.desk, ask.actor, home.show(ask.desk, ask.actor).org_id)
    except UncheckableError:
        return None


def _told(ask: Ask, code: str) -> tuple[str, str]:
    if code not in Code.__members__:
        return code, ask.words.text("Ask whoever looks after this computer.")
    meaning = nextsteps.meaning(ask.words, Code(code))
    return meaning[:1].upper() + meaning[1:], nextsteps.next_step(ask.words, Code(code))


def _did(ask: Ask, action: str) -> str:
    about = ABOUT.get(action.partition(".")[0], mark("did something else"))
    return ask.words.text(DOINGS.get(action, about))


def _role(ask: Ask, role: str) -> str:
    return ask.words.text(ROLES[Role(role)]) if role in ROLES else ""
