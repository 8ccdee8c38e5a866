"""`refbus send`."""

from __future__ import annotations

import click

from refbus.core.vocabulary import DataCategory
from refbus_gateway.cli.session import Session, example, with_session, words


@click.command()
@click.argument("case")
@click.option("--to", help="Organisation; else the one that the case file names.")
@click.option(
    "--withhold",
    metavar="CATEGORY",
    multiple=True,
    type=click.Choice(list(DataCategory)),
    help="Leave a data category out; may be repeated.",
)
@click.option("--again", is_flag=True, help="Send although the same was sent to the same organisation before.")
@click.option("--later", is_flag=True, help="Only queue it; `refbus run` or `refbus sync` sends it.")
@example("refbus send case.json --to uz-she1ter1")
@with_session
def send(session: Session, case: str, to: str | None, withhold: tuple[str, ...], *, again: bool, later: bool) -> None:
    """Refer a case to one organisation. CASE is the number of a case, or its case file.

    Consent is checked first; it must have been taken down with `refbus consent grant`. Sending the same again does
    nothing without --again. Without a connection the referral is kept and goes out by itself later.
    """
    from refbus_gateway.actions import referrals  # late: the help needs none of it
    from refbus_gateway.cli.case import case_name
    from refbus_gateway.cli.names import organisation_named
    from refbus_gateway.cli.show import sent_text

    sent = referrals.send(
        session.desk,
        session.actor,
        case_name(case),
        to=organisation_named(to) if to else None,
        withhold=[DataCategory(name) for name in withhold],
        again=again,
        later=later,
    )
    again_text = words().text("The same was sent before and was left alone; --again sends it once more.")
    text = sent_text(sent.delivery) if isinstance(sent, referrals.ReferralQueued) else again_text
    session.tell(sent, [words().text("Referral %(referral)s to %(to)s.", referral=sent.referral, to=sent.to), text])
