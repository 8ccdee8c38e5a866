"""`refbus keys`: the keys of this organisation. Only public halves ever leave the home."""

from __future__ import annotations

from pathlib import Path
from textwrap import wrap
from typing import Any

import click

from refbus.core.directory import OrgRole
from refbus.errors import Code, SetupError
from refbus.said import Said, said
from refbus_gateway.cli.session import Session, example, with_session, words


@click.group(name="keys")
def group() -> None:
    """Make, show and rotate the keys of this organisation."""


@group.command()
@click.option("--country", required=True, help="Country code, e.g. kz.")
@click.option("--role", type=click.Choice([role for role in OrgRole if role is not OrgRole.GATE]), default=OrgRole.NGO)
@click.option("--label", required=True, help="Plain name of what the organisation is; never a person's.")
@click.option("--service", "services", multiple=True, help="Service offered, code of htcds.spl_Type; may be repeated.")
@click.option("--language", "languages", multiple=True, help="Language spoken, ISO 639; may be repeated.")
@click.option("--out", type=click.Path(path_type=Path), help="Also write the request to this file.")
@example('refbus --home ~/refbus keys init --country uz --label "Shelter, south" --service SocialCare --language uz')
@with_session
def init(session: Session, /, country: str, out: Path | None, **said: Any) -> None:
    """Make a home with first keys, and an enrolment request for the ceremony of your country."""
    from refbus.core.ids import parse_country  # late: nothing else here needs them
    from refbus_gateway.actions import keys

    country_code = parse_country(country)
    profile = keys.Said(country_code, OrgRole(said["role"]), said["label"], said["services"], said["languages"])
    passphrase = session.passphrase(confirm=True)
    begun = keys.begin(session.home_path, session.founder, profile, passphrase, session.clock(), out=out)
    session.tell(
        begun,
        [
            words().text("This organisation is %(org_id)s.", org_id=begun.org_id),
            words().text(
                "Hand %(request)s to the ceremony of your country and compare the fingerprint by telephone.",
                request=begun.request,
            ),
            words().text("The fingerprint: %(fingerprint)s", fingerprint=" ".join(wrap(begun.fingerprint, 4))),
            words().text("When the challenge comes: refbus keys answer challenge.json"),
        ],
    )


@group.command()
@click.argument("challenge", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Where to write the answer.")
@example("refbus keys answer challenge.json --out answer.json")
@with_session
def answer(session: Session, challenge: Path, out: Path) -> None:
    """Answer the ceremony's challenge: it shows that the private key is here."""
    from refbus_gateway.actions import keys  # late: nothing else here needs them

    desk, actor = session.desk, session.actor
    done = keys.answer(desk, actor, challenge, session.opened.secret, out)
    session.tell(done, [words().text("Hand %(answer)s to the ceremony.", answer=done.answer)])


@group.command()
@example("refbus keys show")
@with_session
def show(session: Session) -> None:
    """Show the keys of this home, and what is to be done about them."""
    from refbus_gateway.actions import keys  # late: nothing else here needs them
    from refbus_gateway.cli.show import time_text

    found = keys.show(session.desk, session.actor)
    texts = [
        f"{line.kind:8} {line.kid.hex()}  {words().text('in use') if line.usable else words().text('not in use'):10}"
        f"  {time_text(line.not_before_ms)} to {time_text(line.not_after_ms)}"
        for line in found.keys
    ]
    texts += [
        words().text("to do: %(task)s by %(date)s", task=duty.task, date=time_text(duty.due_ms))
        for duty in found.duties
    ]
    session.tell(found, texts)


@group.command()
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Where to write the update.")
@click.option("--signing", is_flag=True, help="Make a new signing pair.")
@click.option("--kem", is_flag=True, help="Make the next KEM epoch.")
@example("refbus keys rotate --kem --out update.json")
@with_session
def rotate(session: Session, out: Path, *, signing: bool, kem: bool) -> None:
    """Make the next keys and an update for the ceremony; they count once the directory lists them."""
    from refbus_gateway.actions import keys  # late: nothing else here needs them

    if not signing and not kem:
        raise SetupError(Code.USAGE, said("say which: --kem, --signing or both"))
    desk, actor = session.desk, session.actor
    desk.open()
    done = keys.rotate(desk, actor, session.opened.secret, out, signing=signing, kem=kem)
    again = words().text("`refbus run` must be started again to use them.")
    session.tell(done, [words().text("Hand %(update)s to the ceremony. %(again)s", update=done.update, again=again)])


@group.command()
@click.option("--since", metavar="TIME", help="Since when it is gone, like 2026-03-31T12:00+05:00; left out: now.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Where to write the report.")
@example("refbus keys lost --since 2026-03-31T12:00+05:00 --out lost.json")
@with_session
def lost(session: Session, since: str | None, out: Path) -> None:
    """Write the report that a computer with these keys is stolen or lost, on another one of this office.

    Telephone the national node first, day or night: it needs no report, and a report needs its call.
    """
    from refbus.core.times import TIME, read_moment  # late: nothing else here needs them
    from refbus.files import write_whole
    from refbus_gateway.actions import keys

    session.desk.open()  # the clocks of the country are known from then on
    since_ms = None if since is None else read_moment(since, session.desk.utc_offset_min)
    if since is not None and since_ms is None:
        raise SetupError(Code.USAGE, said("write %(form)s", form=Said(TIME)))
    done = keys.report_lost(session.desk, session.actor, since_ms)
    write_whole(out, done.report)
    told = keys.LossWritten(str(out), done.since_ms, done.keys)
    session.tell(
        told,
        [
            words().text(
                "%(out)s names %(keys)s keys. Call the national node, then hand it over.", out=out, keys=done.keys
            ),
            words().text("They suspend you and take back these keys; new ones come with a new enrolment."),
        ],
    )


@group.command()
@example("refbus keys prune")
@with_session
def prune(session: Session) -> None:
    """Destroy private keys that no message can need any more. What was sealed to them stays closed for ever."""
    from refbus_gateway.actions import keys  # late: nothing else here needs them

    gone = keys.prune(session.desk, session.actor)
    session.tell(gone, [words().text("%(destroyed)s keys destroyed.", destroyed=len(gone.destroyed))])
