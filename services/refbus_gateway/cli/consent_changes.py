"""`refbus consent amend|renew|guardian|assent|majority`: consent over time."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from refbus.core.vocabulary import DataCategory
from refbus.errors import Code, RefbusError, SetupError, StoreError
from refbus.output import say
from refbus_gateway.cli.session import Session, example, with_session

if TYPE_CHECKING:
    from refbus.core.ids import OrgId
    from refbus_gateway.consent.refusal import Taken
    from refbus_gateway.consent.versions import Version
    from refbus_gateway.forms.consentfile import ConsentForm
    from refbus_gateway.store.session import Transaction

_HELP: Final = {
    "renew": "Take down that a consent goes on for longer, and nothing else.",
    "guardian": "Take down the word of a guardian who was appointed, or who replaces another.",
    "assent": "Take down what the child said, beside the guardian.",
    "majority": "Take down the own consent of a person who has come of age; the guardian's counts no more.",
}
_WORDS: Final = {
    None: "says the same as before",
    "NARROWED": "permits less than before, from now on",
    "WIDENED": "permits more than before",
    "RENEWED": "goes on for longer",
    "GUARDIAN_APPOINTED": "is the word of a guardian now",
    "GUARDIAN_REPLACED": "is the word of another guardian now",
    "ASSENT_RECORDED": "has the child's own answer",
    "MAJORITY_REACHED": "is the person's own word now",
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
    help="Data category that may not be sent any more; may be repeated.",
)
@click.option("--later", is_flag=True, help="Only queue it; `refbus run` or `refbus sync` sends it.")
@example("refbus consent amend 3 --file consent.json", "refbus consent amend 3 --to uz-she1ter1 --stop HEALTH")
@with_session
def amend(
    session: Session, case: str, to: str | None, file: Path | None, stop: tuple[str, ...], *, later: bool
) -> None:
    """Take down that the person permits less, or more. Less counts at once; more needs a form that they signed."""
    if (file is None) is not bool(stop):
        raise SetupError(Code.USAGE, "either --file with a form, or --to with --stop")
    if file is not None:
        _from_form(session, case, to, file, "amend", later=later)
        return
    from refbus_gateway.cli.case import resolve
    from refbus_gateway.cli.naming import organisation_named  # late: the help needs none of it
    from refbus_gateway.consent import amendments

    org = organisation_named(to or "")
    known = [DataCategory(name) for name in stop if name in DataCategory.__members__]
    unknown = [name for name in stop if name not in DataCategory.__members__]
    if known:
        with session.gateway.store.write() as tx:
            found = resolve(session, tx, case)
            done = amendments.stop(session.gateway, tx, found, org, known)
        tell_version(session, found.id, done, later=later)
    if unknown:
        raise SetupError(
            Code.USAGE,
            f"no category: {', '.join(unknown)}; the others are stopped: --stop is one of {', '.join(DataCategory)}",
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
    from refbus.core.consent.record import ConsentState  # late: the help needs none of it
    from refbus_gateway.cases import casework
    from refbus_gateway.cli.case import resolve
    from refbus_gateway.cli.content import read_content
    from refbus_gateway.cli.naming import organisation_named
    from refbus_gateway.consent import amendments, versions

    gateway = session.gateway
    org = organisation_named(to) if to else None
    content = read_content(file, casework.MAX_CASE_FILE)
    with gateway.store.write() as tx:
        found = resolve(session, tx, case)

    def sign(tx: Transaction, form: ConsentForm) -> Version:
        if form.state is ConsentState.REFUSED:  # a no is no change to be compared with what the command is for
            return versions.grant(gateway, found, tx, form.organisation, form)
        return amendments.amend(gateway, tx, found, form, command)

    take_form(session, found.id, content, sign, to=org, later=later)


def take_form(
    session: Session,
    case: int,
    content: bytes,
    sign: Callable[[Transaction, ConsentForm], Version],
    *,
    to: OrgId | None,
    later: bool = True,
) -> None:
    """Take a form down: its nos first, for good, then the rest with `sign`. A no stays where the rest is refused.

    Raises SetupError USAGE for a form about another organisation than `to`; else as `parse_consent` and `sign` do,
    unless the form says no.
    """
    from refbus_gateway.consent import refusal  # late: the help needs none of it
    from refbus_gateway.forms.consentfile import parse_consent
    from refbus_gateway.rules import age_check  # late: the help needs none of it

    gateway = session.gateway
    offset_min = age_check.rules_here(gateway).utc_offset_min
    no = refusal.read_no(content, to, utc_offset_min=offset_min)
    if to is not None and no.org not in {None, to}:
        raise SetupError(Code.USAGE, f"the form is about {no.org}")
    taken_back = refusal.note(gateway, case, no)
    try:
        form = parse_consent(content, now_ms=gateway.now_ms(), utc_offset_min=offset_min)
        if to not in {None, form.organisation}:
            raise SetupError(Code.USAGE, f"the form is about {form.organisation}")
        with gateway.store.write() as tx:
            done = sign(tx, form)
    except StoreError:
        raise
    except RefbusError as error:
        kept = refusal.keep(gateway, case, no, taken_back, error)
        if kept is None:
            _tell_denied(no.denied)
            if any(not each.path for each in getattr(error, "problems", ())):  # nobody can read who is meant
                say(f"If the person said no: refbus consent withdraw {case} --to ORGANISATION", err=True)
            raise
        _tell_kept(session, case, kept, later=later)
        return
    tell_version(session, case, replace(done, taken_back=done.taken_back + taken_back), later=later)


def _tell_denied(denied: Iterable[OrgId]) -> None:
    for org in denied:
        say(f"Taken down although the rest is not: {org} never learns of this case.", err=True)


def _tell_kept(session: Session, case: int, kept: Taken, *, later: bool) -> None:
    """Tell a no that counts, what of its form was left out, and how the rest is completed."""
    from refbus_gateway.cli.syncing import SENT_TEXT, try_to_send  # late: the help needs none of it

    told = kept.told
    became = try_to_send(session, later=later) if told.notified else "sent"
    value = {
        "case": case,
        "organisation": told.org,
        "consent_id": told.consent_id.hex() if told.consent_id else None,
        "version": told.version,
        "state": "REFUSED",
        "complete": False,
        "left_out": [{"path": each.path, "code": each.code, "advice": each.advice} for each in kept.left_out],
        "told": told.notified,
        "not_told": told.code,
        "taken_back": told.taken_back,
    }
    lines = [f"Case {case}, {told.org}: REFUSED. It counts from now on; what follows was left out of the record:"]
    lines += [f"  {each.path or 'form'}: {each.code}, {each.advice}" for each in kept.left_out]
    lines.append("To complete it: correct the form and give it once more with refbus consent grant.")
    if told.taken_back:
        lines.append(f"{told.taken_back} that waited to be sent will not be sent.")
    if told.code is not None:
        lines.append(f"{told.org} is not told yet ({told.code}): call them; it is tried again without end.")
    if told.notified:
        lines += [f"{told.org} is being told.", SENT_TEXT[became]]
    session.tell(value, lines)


def tell_version(session: Session, case: int, done: Version, *, later: bool = True) -> None:
    """Tell what was recorded, and send word of it unless it is left for `refbus sync`."""
    from refbus_gateway.cli.show import time_text  # late: the help needs none of it
    from refbus_gateway.cli.syncing import SENT_TEXT, try_to_send

    record = done.record
    became = try_to_send(session, later=later) if done.told else "sent"
    value = {
        "case": case,
        "organisation": record.party,
        "consent_id": record.consent_id.hex(),
        "version": record.version,
        "state": record.state,
        "change": done.change,
        "widened": done.widened,
        "told": done.told,
        "not_told": done.code,
        "taken_back": done.taken_back,
        "valid_until_ms": record.valid_until_ms,
    }
    head = f"Case {case}, {record.party}: {record.state}, version {record.version}"
    until = f"until {time_text(record.valid_until_ms)}"
    lines = [f"{head}, {until}." if record.version == 1 else f"{head} {_WORDS[done.change]}, {until}."]
    if done.taken_back:
        lines.append(f"{done.taken_back} that waited to be sent will not be sent.")
    if done.code is not None:
        lines.append(f"{record.party} is not told yet ({done.code}): call them; it is tried again without end.")
    if done.told:
        lines += [f"{record.party} is being told.", SENT_TEXT[became]]
    session.tell(value, lines)
