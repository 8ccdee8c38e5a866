"""`refbus consent amend|renew|guardian|assent|majority`: consent over time."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from refbus.core.vocabulary import DataCategory
from refbus.errors import Code, SetupError
from refbus_gateway.cli.session import Session, example, with_session

if TYPE_CHECKING:
    from refbus_gateway.consents import Version

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
@click.option("--file", type=click.Path(path_type=Path), help="Form filled in anew with the person.")
@click.option(
    "--stop",
    metavar="CATEGORY",
    multiple=True,
    type=click.Choice(list(DataCategory)),
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
    from refbus_gateway import amending
    from refbus_gateway.cli.case import resolve
    from refbus_gateway.cli.naming import organisation_named  # late: the help needs none of it

    org = organisation_named(to or "")
    with session.gateway.store.write() as tx:
        found = resolve(session, tx, case)
        done = amending.stop(session.gateway, tx, found, org, [DataCategory(name) for name in stop])
    tell_version(session, found.id, done, later=later)


def _command(name: str, text: str) -> click.Command:
    @click.argument("case")
    @click.option("--to", help="Organisation; the form has to name the same.")
    @click.option("--file", required=True, type=click.Path(path_type=Path), help="Form filled in anew with the person.")
    @click.option("--later", is_flag=True, help="Only queue it; `refbus run` or `refbus sync` sends it.")
    @with_session
    def take(session: Session, case: str, to: str | None, file: Path, *, later: bool) -> None:
        _from_form(session, case, to, file, name, later=later)

    take.__doc__ = text
    return click.command(name)(example(f"refbus consent {name} 3 --to uz-she1ter1 --file consent.json")(take))


def _from_form(session: Session, case: str, to: str | None, file: Path, command: str, *, later: bool) -> None:
    from refbus_gateway import agecheck, amending, casework  # late: the help needs none of it
    from refbus_gateway.cli.case import resolve
    from refbus_gateway.consentfile import parse_consent
    from refbus_gateway.home import read_limited

    gateway = session.gateway
    form = parse_consent(
        read_limited(file, casework.MAX_CASE_FILE),
        now_ms=gateway.now_ms(),
        utc_offset_min=agecheck.rules_here(gateway).utc_offset_min,
    )
    if to not in {None, form.organisation}:
        raise SetupError(Code.USAGE, f"the form is about {form.organisation}")
    with gateway.store.write() as tx:
        found = resolve(session, tx, case)
        casework.deny(tx, found, form.denied_recipients)
    with gateway.store.write() as tx:
        done = amending.amend(gateway, tx, found, form, command)
    tell_version(session, found.id, done, later=later)


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
