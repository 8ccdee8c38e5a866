"""The office itself: keys, backup, the line and the clock, counts, alarms, the log, and what to do if it is stolen."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from starlette.responses import Response

from refbus.core.times import read_moment
from refbus.errors import Code, RefbusError, SetupError, UncheckableError
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
from refbus_gateway.actions.status import AlarmStanding
from refbus_gateway.forms.problems import Problem
from refbus_gateway.web.fields import again_at
from refbus_gateway.web.pages.people import of_second, second_of
from refbus_gateway.web.places import WHERE
from refbus_gateway.web.render import code_words
from refbus_gateway.web.screens import Ask, Screens
from refbus_gateway.words import nextsteps
from refbus_gateway.words.doings import doing
from refbus_gateway.words.offices import DUTIES, ROLES

screens: Final = Screens()
_OFFICERS: Final = "refbus.WorkerRole"
PAGE: Final = 50
"""Lines of the log on one page."""


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
        four_eyes=officers.four_eyes(desk, actor),
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
    """Show what a person must look at: of each kind what it means and what to do next, then each one."""
    where = {str(code): path for code, path in WHERE.items()}
    by_code: dict[str, list[AlarmStanding]] = {}
    for each in status.alarms(ask.desk, ask.actor):
        by_code.setdefault(each.code, []).append(each)
    found = [(code, *_told(ask, code), where.get(code, ""), some) for code, some in by_code.items()]
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
    lines = [(each, doing(ask.words, each.action), _role(ask, each.role)) for each in found.lines]
    return ask.page("office_log.html", found=found, lines=lines, **ask.paged(found.total, PAGE))


@screens.show("/office/officers")
def officer_list(ask: Ask) -> Response:
    """Show the officers who decide in an emergency."""
    found = officers.listed(ask.desk, ask.actor, ask.now_ms)
    pairs = [(each, code_words(ask.language, _OFFICERS, each)) for each in code_list(_OFFICERS).codes]
    roles = ask.words.in_order(pairs, lambda pair: pair[1])
    alone = officers.four_eyes(ask.desk, ask.actor).alone
    return ask.page("office_officers.html", found=found, roles=roles, alone=alone)


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
        return again_at(ask, error, of_second(ask))
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


def _role(ask: Ask, role: str) -> str:
    return ask.words.text(ROLES[role]) if role in ROLES else ""
