"""`refbus case link`, `unlink` and `links`: own cases of people who belong together."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from refbus_gateway.cli.session import Session, example, with_session, words

if TYPE_CHECKING:
    from refbus_gateway.actions.links import CaseLinks


def _relations() -> list[str]:
    from refbus.wire.codelists import code_list  # late: most commands need none of it

    return list(code_list("refbus.Relation").codes)


@click.command()
@click.argument("number", type=int)
@click.argument("others", metavar="OTHER...", type=int, nargs=-1, required=True)
@click.option(
    "--relation", required=True, metavar="RELATION", help="What OTHER is to NUMBER: a code of refbus.Relation."
)
@click.option("--apart", is_flag=True, help="They do not travel together.")
@example("refbus case link 3 4 --relation CHILD", "refbus case link 3 4 5 --relation TRAVELS_WITH")
@with_session
def link(session: Session, number: int, others: tuple[int, ...], relation: str, *, apart: bool) -> None:
    """Link own cases of people who belong together. Each keeps its own consent; nothing is sent.

    OTHER is the number of a case; RELATION is what its person is to the person of NUMBER, for instance CHILD. Referrals
    and returns that begin later say it with an opaque reference, as far as the person agreed to FAMILY. What was told
    before is made complete with `refbus case links NUMBER --tell REFERRAL`. CO_VICTIM, EARLIER_CASE and LATER_CASE stay
    in this office.
    """
    from refbus.errors import Code, SetupError  # late: the help needs none of it
    from refbus.said import said
    from refbus_gateway.actions import links

    known = _relations()
    if relation not in known:
        raise SetupError(Code.USAGE, said("--relation is one of %(codes)s", codes=", ".join(known)))
    found = links.link(session.desk, session.actor, number, others, relation, travels=not apart)
    session.tell(found, _lines(session, found))


@click.command()
@click.argument("number", type=int)
@click.argument("other", type=int)
@click.option("--later", is_flag=True, help="Only queue what is to be sent; `refbus run` or `refbus sync` sends it.")
@example("refbus case unlink 3 4")
@with_session
def unlink(session: Session, number: int, other: int, *, later: bool) -> None:
    """Say that two cases do not belong together; who was told of it hears that, and no reason."""
    from refbus_gateway.actions import links  # late: the help needs none of it

    found = links.unlink(session.desk, session.actor, number, other, later=later)
    session.tell(found, _lines(session, found))


@click.command(name="links")
@click.argument("number", type=int)
@click.option(
    "--tell", metavar="REFERRAL", type=int, help="Tell the recipient of this referral or return, as it is now."
)
@click.option("--later", is_flag=True, help="Only queue it; `refbus run` or `refbus sync` sends it.")
@example("refbus case links 3", "refbus case links 3 --tell 7")
@with_session
def links_(session: Session, number: int, tell: int | None, *, later: bool) -> None:
    """Show which own cases belong to case NUMBER, and tell a recipient of them."""
    from refbus_gateway.actions import links  # late: the help needs none of it
    from refbus_gateway.cli.show import sent_text

    if tell is None:
        found = links.shown(session.desk, session.actor, number)
        session.tell(found, _lines(session, found))
        return
    told = links.tell(session.desk, session.actor, tell, later=later)
    known = words().text("%(to)s knows this already.", to=told.to)
    session.tell(told, [known if told.delivery is None else sent_text(told.delivery)])


def _lines(session: Session, found: CaseLinks) -> list[str]:
    from refbus_gateway.cli.show import case_text  # late: the help needs none of it
    from refbus_gateway.words.codes import label

    none = words().text("No other case belongs to case %(case)s.", case=found.case)
    lines = []
    for each in found.links:
        relation = label(session.language, "refbus.Relation", each.relation) or each.relation
        files = {each.case: each.file_number} if each.file_number else {}
        notes = (
            words().text("travels with them") if each.travels else "",
            "" if each.told else words().text("stays in this office"),
        )
        beside = "".join(f", {note}" for note in notes if note)
        lines.append(f"{relation}: {case_text(each.case, files)}{beside}")
    return lines or [none]


def add_links(group: click.Group) -> None:
    """Add the three commands to `refbus case`."""
    for command in (link, unlink, links_):
        group.add_command(command)
