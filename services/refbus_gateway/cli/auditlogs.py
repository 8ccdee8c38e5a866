"""`refbus audit fsck` and `refbus audit open`: a log checked by anyone, sealed entries read by the inspector."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from refbus.said import said
from refbus_gateway.cli.policyfile import POLICY, now_s, read_policy
from refbus_gateway.cli.session import Session, example, with_session, words

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from refbus_gateway.actions.audit import EntryInspected, Export, LogChecked


@click.command()
@click.argument("place")
@POLICY
@click.option("--since", type=click.Path(path_type=Path), help="A checkpoint that was kept: the log must continue it.")
@example(
    "refbus audit fsck https://audit.kz.example/2026b --policy kz.tlog-policy",
    "refbus audit fsck /mnt/copy/2026b --policy kz.tlog-policy --since checkpoint-of-march",
)
@with_session
def fsck(session: Session, place: str, policy_file: Path, since: Path | None) -> int:
    """Check every entry, hash and signature of one shard of a log. PLACE is a web prefix or a folder.

    Needs no home and no keys, and shares only the format with whoever wrote the log.
    """
    from refbus.files import read_limited  # late: the help needs none of it
    from refbus_gateway.actions import audit

    policy = read_policy(policy_file)
    older = None if since is None else read_limited(since, 1 << 20)
    found = audit.check_log(place, policy, older=older, now_s=now_s(session))
    session.tell(found, _log_lines(found, compared=since is not None))
    quorum = () if found.quorum is None else (found.quorum,)
    return first_failure((tuple(each.code for each in found.findings), quorum))


@click.command(name="open")
@click.argument("file", type=click.Path(path_type=Path))
@POLICY
@click.option("--log", "place", help="Web prefix or folder that the shards of the log lie under, to look each leaf up.")
@example(
    "refbus audit open november.audit --home ~/inspector --policy kz.tlog-policy --log https://audit.kz.example",
)
@with_session
def open_(session: Session, file: Path, policy_file: Path, place: str | None) -> int:
    """Open the sealed entries of an export, with the keys of the inspector, and check each against its leaf.

    For each: who signed it, what was decided, and whether the published log has it. One that fails is told with its
    code; the others stand.
    """
    from refbus_gateway.actions import audit  # late: the help needs none of it

    found = audit.inspect(session.desk, session.actor, export(session, file, policy_file, place))
    session.tell(found, _inspected_lines(session, found))
    return first_failure(each.problems for each in found)


def add_logs(group: click.Group) -> None:
    """Add both commands to `refbus audit`."""
    group.add_command(fsck)
    group.add_command(open_)


def export(session: Session, file: Path, policy_file: Path | None, place: str | None) -> Export:
    """Return an export to be read with the keys of this home. Raises SetupError USAGE, and as `read_policy` does."""
    from refbus.errors import Code, SetupError  # late: the help needs none of it
    from refbus_gateway.actions.audit import Export, LogPlace

    secret, log = session.opened.secret, None
    if place is not None and policy_file is None:
        raise SetupError(Code.USAGE, said("--log needs --policy"))
    if place is not None and policy_file is not None:
        log = LogPlace(place, read_policy(policy_file), now_s(session))
    return Export(file, secret, session.clock(), log)


def first_failure(problems: Iterable[tuple[Any, ...]]) -> int:
    """Return the exit status for what was found: 0 when nothing was, else that of what is false.

    When all that is missing was not published yet, it is that of what the same call may find later.
    """
    from refbus.errors import Code, TransportError, UntrustedError  # late: the help needs none of it
    from refbus.explain import exit_code

    codes = [code for each in problems for code in each]
    if not codes:
        return 0
    first = next((each for each in codes if each is not Code.LOG_NOT_PUBLISHED), None)
    return exit_code(TransportError(codes[0]) if first is None else UntrustedError(first))


def _log_lines(found: LogChecked, *, compared: bool) -> Iterator[str]:
    from refbus.core.times import show_second

    if found.origin is not None:
        yield words().text("%(origin)s: %(size)s entries", origin=found.origin, size=found.size)
    if found.quorum_at_s is not None:
        yield words().text(
            "A quorum of witnesses has stood behind it since %(date)s.", date=show_second(found.quorum_at_s * 1000)
        )
    if found.quorum is not None:
        yield words().text(
            "%(quorum)s: the witnesses that the policy demands do not stand behind this checkpoint.",
            quorum=found.quorum,
        )
    for each in found.findings:
        yield f"{each.code}  {each.place}  {each.detail}"
    if not found.complete:
        yield words().text("NOT CHECKED TO THE END.")
    elif not found.findings:
        yield words().text("Every entry, hash and signature holds.") + (
            " " + words().text("It continues the older checkpoint.") if compared else ""
        )
    else:
        yield words().text("%(findings)s THINGS ARE WRONG.", findings=len(found.findings))


def _inspected_lines(session: Session, found: Sequence[EntryInspected]) -> Iterator[str]:
    from refbus.core.times import show_second
    from refbus.errors import Code
    from refbus_gateway.words.codes import next_step
    from refbus_gateway.words.statements import Words

    said = Words(session.language)
    for each in found:
        record = each.record
        what = f"{said.decision(record)}  {record.event_type or ''}" if record else words().text("not opened")
        if each.order is not None:
            what = words().text(
                "order to erase %(order)s records  %(answer)s", order=len(each.order), answer=each.answer or ""
            )
        status = " ".join(each.problems) or (
            words().text("ok, in the log") if each.in_log else words().text("ok, log not looked at")
        )
        yield f"{each.origin} {each.index:>8}  {show_second(each.logged_at_ms)}  {each.writer or '?':12}  {what}"
        yield f"    {status}{'  ' + ' '.join(record.codes) if record and record.codes else ''}"
    wrong = sum(1 for each in found if set(each.problems) - {Code.LOG_NOT_PUBLISHED})
    yield words().text("%(found)s entries, %(wrong)s with problems.", found=len(found), wrong=wrong)
    for code in sorted({code for each in found for code in each.problems}):
        yield f"{said.reason(code)}. {next_step(words(), code)}"
