"""`refbus audit report`: an account that people can read, print and check."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from refbus.output import put
from refbus.said import said
from refbus_gateway.cli.auditlogs import export
from refbus_gateway.cli.names import day_named
from refbus_gateway.cli.session import Session, example, with_session, words

if TYPE_CHECKING:
    from refbus_gateway.actions.audit import Account

_ALWAYS_MS: Final = 1 << 62


@click.command()
@click.option("--case", "number", type=int, help="Number of a case: every step of it.")
@click.option("--from", "first", metavar="DAY", help="From this day on (2026-11-01, UTC).")
@click.option("--to", "last", metavar="DAY", help="Until before this day.")
@click.option(
    "--export", "file", type=click.Path(path_type=Path), help="Entries that the auditor exported (inspector)."
)
@click.option("--event", metavar="ID", help="With --export: only this event, by its id in hex.")
@click.option("--policy", "policy_file", type=click.Path(path_type=Path), help="With --log: trust policy of the log.")
@click.option("--log", "place", help="With --export: where the shards of the log lie, to look each entry up.")
@click.option("--out", type=click.Path(path_type=Path), help="Write the page to this file, for the owner alone.")
@example(
    "refbus audit report --case 3 --out case-3.html",
    "refbus audit report --from 2026-11-01 --to 2026-12-01 --out november.html",
    "refbus audit report --home ~/inspector --export november.audit --event 0123456789abcdef0123456789abcdef",
)
@with_session
def report(session: Session, /, out: Path | None, **chosen: Any) -> None:
    """Write an account of one case, one period or one event, as a page that prints well (A4).

    Each step says who decided what, why, on which consent, and how that is proven; the end says how to check it.
    """
    from refbus.files import write_whole
    from refbus_gateway.paper import account_page  # late: the help needs none of it

    account = _account(session, **chosen)
    if out is not None:
        write_whole(out, account_page.page(account, session.language).encode())
        session.tell(
            account_page.values(account), [words().text("%(steps)s steps: %(out)s", steps=len(account.steps), out=out)]
        )
    elif session.as_json:
        session.tell(account_page.values(account))
    else:
        put(account_page.page(account, session.language))


def add_report(group: click.Group) -> None:
    """Add the command to `refbus audit`."""
    group.add_command(report)


def _account(session: Session, *, number: int | None, file: Path | None, **rest: Any) -> Account:
    from refbus.errors import Code, SetupError  # late: the help needs none of it
    from refbus_gateway.actions import audit

    start_ms, end_ms = _day_ms(rest["first"], 0), _day_ms(rest["last"], _ALWAYS_MS)
    period = rest["first"] is not None or rest["last"] is not None
    if file is not None and number is None:
        return _exported(session, file, (start_ms, end_ms), **rest)
    if file is not None or period == (number is not None):
        raise SetupError(Code.USAGE, said("choose one: --case, --from and --to, or --export"))
    if number is not None:
        return audit.account_of_case(session.desk, session.actor, number, session.language)
    return audit.account_of_period(session.desk, session.actor, start_ms, end_ms, session.language)


def _exported(
    session: Session, file: Path, times: tuple[int, int], *, event: str | None, policy_file: Path | None, **rest: Any
) -> Account:
    from refbus_gateway.actions import audit  # late: the help needs none of it

    about = (
        words().text("Event %(event)s", event=event)
        if event
        else words().text("What was logged %(period)s", period=_period(rest["first"], rest["last"]))
    )
    entries, subject = export(session, file, policy_file, rest["place"]), audit.Subject(about, event, *times)
    return audit.account_of_export(session.desk, session.actor, entries, subject, session.language)


def _period(first: str | None, last: str | None) -> str:
    return words().text(
        "from %(first)s until %(last)s",
        first=first or words().text("the beginning"),
        last=words().text("before %(day)s", day=last) if last else words().text("now"),
    )


def _day_ms(day: str | None, otherwise: int) -> int:
    """Return the beginning of a day, UTC ms. Raises SetupError USAGE."""
    from refbus.core.times import day_ms  # late: the help needs none of it

    return otherwise if day is None else day_ms(day_named(day))
