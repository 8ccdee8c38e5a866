"""`refbus consent amend|renew|guardian|assent|majority`: consent over time."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from refbus.core.vocabulary import DataCategory, Purpose
from refbus.errors import Code, SetupError
from refbus.output import say
from refbus.said import said
from refbus_gateway.cli.session import Session, example, with_session, words
from refbus_gateway.words.catalogue import mark

if TYPE_CHECKING:
    from refbus.core.ids import OrgId
    from refbus_gateway.actions.cases import CaseName
    from refbus_gateway.actions.consent import RefusalKept, VersionTaken

_COUNTING: Final = str(Purpose.STATISTICS_NON_IDENTIFYING)
_HELP: Final = {
    "renew": "Take down that a consent goes on for longer, and nothing else.",
    "guardian": "Take down the word of a guardian who was appointed, or who replaces another.",
    "assent": "Take down what the child said, beside the guardian.",
    "majority": "Take down the own consent of a person who has come of age; the guardian's counts no more.",
}
_FIRST: Final = mark("Case %(case)s, %(org)s: %(state)s, version %(version)s, until %(date)s.")
_WORDS: Final = {
    None: mark("Case %(case)s, %(org)s: %(state)s, version %(version)s says the same as before, until %(date)s."),
    "NARROWED": mark(
        "Case %(case)s, %(org)s: %(state)s, version %(version)s permits less than before, from now on, until %(date)s."
    ),
    "WIDENED": mark("Case %(case)s, %(org)s: %(state)s, version %(version)s permits more than before, until %(date)s."),
    "RENEWED": mark("Case %(case)s, %(org)s: %(state)s, version %(version)s goes on for longer, until %(date)s."),
    "GUARDIAN_APPOINTED": mark(
        "Case %(case)s, %(org)s: %(state)s, version %(version)s is the word of a guardian now, until %(date)s."
    ),
    "GUARDIAN_REPLACED": mark(
        "Case %(case)s, %(org)s: %(state)s, version %(version)s is the word of another guardian now, until %(date)s."
    ),
    "ASSENT_RECORDED": mark(
        "Case %(case)s, %(org)s: %(state)s, version %(version)s has the child's own answer, until %(date)s."
    ),
    "MAJORITY_REACHED": mark(
        "Case %(case)s, %(org)s: %(state)s, version %(version)s is the person's own word now, until %(date)s."
    ),
}


def add_changes(group: click.Group) -> None:
    """Add the commands of consent over time to the group of `refbus consent`."""
    group.add_command(amend)
    for name, text in _HELP.items():
        group.add_command(_command(name, text))


@click.command()
@click.argument("case")
@click.option("--to", help="Organisation; the form has to name the same.")
@click.option(
    "--file", type=click.Path(path_type=Path), help="Form filled in anew with the person; - for standard input."
)
@click.option(
    "--stop",
    metavar="CATEGORY",
    multiple=True,
    help="Data category that may not be sent any more, or STATISTICS_NON_IDENTIFYING; may be repeated.",
)
@click.option("--later", is_flag=True, help="Only queue it; `refbus run` or `refbus sync` sends it.")
@example("refbus consent amend 3 --file consent.json", "refbus consent amend 3 --to uz-she1ter1 --stop HEALTH")
@with_session
def amend(
    session: Session, case: str, to: str | None, file: Path | None, stop: tuple[str, ...], *, later: bool
) -> None:
    """Take down that the person permits less, or more. Less counts at once; more needs a form that they signed."""
    if (file is None) is not bool(stop):
        raise SetupError(Code.USAGE, said("either --file with a form, or --to with --stop"))
    if file is not None:
        _from_form(session, case, to, file, "amend", later=later)
        return
    from refbus_gateway.actions import consent  # late: the help needs none of it
    from refbus_gateway.cli.case import case_name
    from refbus_gateway.cli.names import organisation_named

    org = organisation_named(to or "")
    known = [DataCategory(name) for name in stop if name in DataCategory.__members__]
    counting = _COUNTING in stop
    unknown = [name for name in stop if name not in DataCategory.__members__ and name != _COUNTING]
    if known or counting:
        done = consent.stop_categories(
            session.desk, session.actor, case_name(case), org, known, counting=counting, later=later
        )
        session.tell(done, _taken_lines(done))
    if unknown:
        raise SetupError(
            Code.USAGE,
            said(
                "no category: %(names)s; the others are stopped: --stop is one of %(codes)s",
                names=", ".join(unknown),
                codes=", ".join((*DataCategory, _COUNTING)),
            ),
        )


def _command(name: str, text: str) -> click.Command:
    @click.argument("case")
    @click.option("--to", help="Organisation; the form has to name the same.")
    @click.option(
        "--file",
        required=True,
        type=click.Path(path_type=Path),
        help="Form filled in anew with the person; - for standard input.",
    )
    @click.option("--later", is_flag=True, help="Only queue it; `refbus run` or `refbus sync` sends it.")
    @with_session
    def take(session: Session, case: str, to: str | None, file: Path, *, later: bool) -> None:
        _from_form(session, case, to, file, name, later=later)

    take.__doc__ = text
    return click.command(name)(example(f"refbus consent {name} 3 --to uz-she1ter1 --file consent.json")(take))


def _from_form(session: Session, case: str, to: str | None, file: Path, command: str, *, later: bool) -> None:
    from refbus_gateway.cli.case import case_name  # late: the help needs none of it
    from refbus_gateway.cli.names import organisation_named

    org = organisation_named(to) if to else None
    take_form(session, case_name(case), read_form(file), to=org, change=command, later=later)


def read_form(file: Path) -> bytes:
    """Return the content of a form, "-" being standard input. Raises SetupError FILE_UNREADABLE, TOO_LARGE."""
    from refbus_gateway.cli.content import read_content  # late: the help needs none of it
    from refbus_gateway.forms.casefile import MAX_CASE_FILE

    return read_content(file, MAX_CASE_FILE)


def take_form(
    session: Session,
    case: CaseName,
    content: bytes,
    *,
    to: OrgId | None = None,
    change: str | None = None,
    later: bool,
) -> None:
    """Take a form down and tell what was recorded of it. Raises as `consent.take_down` does, without its wrapping."""
    from refbus_gateway.actions import consent  # late: the help needs none of it

    try:
        done = consent.take_down(session.desk, session.actor, case, content, to=to, change=change, later=later)
    except consent.FormRefusedError as refused:
        for org in refused.denied:
            say(
                words().text("Taken down although the rest is not: %(org)s never learns of this case.", org=org),
                err=True,
            )
        if refused.unread:
            say(
                words().text(
                    "If the person said no: refbus consent withdraw %(case)s --to ORGANISATION", case=refused.case
                ),
                err=True,
            )
        raise refused.error from None
    session.tell(done, _kept_lines(done) if isinstance(done, consent.RefusalKept) else _taken_lines(done))


def _kept_lines(kept: RefusalKept) -> list[str]:
    """Tell a no that counts, what of its form was left out, and how the rest is completed."""
    lines = [
        words().text(
            "Case %(case)s, %(org)s: REFUSED. It counts from now on; what follows was left out of the record:",
            case=kept.case,
            org=kept.organisation,
        )
    ]
    lines += [f"  {each.path or 'form'}: {each.code}, {each.advice}" for each in kept.left_out]
    return [
        *lines,
        words().text("To complete it: correct the form and give it once more with refbus consent grant."),
        *_word_lines(kept),
    ]


def _taken_lines(done: VersionTaken) -> list[str]:
    from refbus_gateway.cli.show import time_text  # late: the help needs none of it

    text = _FIRST if done.version == 1 else _WORDS[done.change]
    first = words().text(
        text,
        case=done.case,
        org=done.organisation,
        state=done.state,
        version=done.version,
        date=time_text(done.valid_until_ms),
    )
    return [first, *_word_lines(done)]


def _word_lines(done: VersionTaken | RefusalKept) -> list[str]:
    """Tell what was taken back, and whether the organisation hears of it."""
    from refbus_gateway.cli.show import sent_text  # late: the help needs none of it

    org, lines = done.organisation, list[str]()
    if done.taken_back:
        lines.append(
            words().text("%(taken_back)s that waited to be sent will not be sent.", taken_back=done.taken_back)
        )
    if done.not_told is not None:
        lines.append(
            words().text(
                "%(org)s is not told yet (%(not_told)s): call them; it is tried again without end.",
                org=org,
                not_told=done.not_told,
            )
        )
    if done.delivery is not None:
        lines += [words().text("%(org)s is being told.", org=org), sent_text(done.delivery)]
    return lines
