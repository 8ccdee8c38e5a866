"""`refbus audit fsck` and `refbus audit open`: a log checked by anyone, sealed entries read by the inspector."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from refbus_gateway.cli.policyfile import POLICY, now_s, read_policy
from refbus_gateway.cli.session import Session, example, with_session

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from refbus.verify import Finding, Report
    from refbus_gateway.audit.inspector import Inspected


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
    from refbus.verify import check_continues, check_log  # late: the help needs none of it
    from refbus_gateway.home.folder import read_limited

    policy = read_policy(policy_file)
    report = check_log(place, policy, now_s=now_s(session))
    older = () if since is None else check_continues(place, policy, read_limited(since, 1 << 20))
    findings = (*report.findings, *older)
    session.tell(_report_value(report, findings), _report_lines(report, findings, compared=since is not None))
    return _status(report, findings)


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
    found = list(inspected(session, file, policy_file, place))
    session.tell([_inspected_value(each) for each in found], _inspected_lines(session, found))
    return first_failure(each.problems for each in found)


def add_logs(group: click.Group) -> None:
    """Add both commands to `refbus audit`."""
    group.add_command(fsck)
    group.add_command(open_)


def inspected(session: Session, file: Path, policy_file: Path | None, place: str | None) -> Iterator[Inspected]:
    """Yield the entries of an export as the inspector of the session's home reads them. Raises RefbusError."""
    from refbus.errors import Code, SetupError  # late: the help needs none of it
    from refbus_gateway.audit import inspector

    keys, history = inspector.open_home(session.home, session.passphrase(), session.clock())
    logs = None
    if place is not None:
        if policy_file is None:
            raise SetupError(Code.USAGE, "--log needs --policy")
        logs = inspector.Logs(place, read_policy(policy_file), now_s(session))
    yield from inspector.inspect_file(inspector.Inspector(keys, history, logs), file)


def first_failure(problems: Iterable[tuple[Any, ...]]) -> int:
    """Return the exit status for what was found: 0 when nothing was, else that of what is false."""
    from refbus.errors import UntrustedError  # late: the help needs none of it
    from refbus.explain import exit_code

    codes = [code for each in problems for code in each]
    return exit_code(UntrustedError(codes[0])) if codes else 0


def _status(report: Report, findings: tuple[Finding, ...]) -> int:
    quorum = () if report.quorum is None else (report.quorum,)
    return first_failure((tuple(each.code for each in findings), quorum))


def _report_value(report: Report, findings: tuple[Finding, ...]) -> dict[str, Any]:
    checkpoint, seen = report.checkpoint, report.seen
    return {
        "origin": checkpoint.origin if checkpoint else None,
        "size": checkpoint.size if checkpoint else None,
        "root": checkpoint.root.hex() if checkpoint else None,
        "quorum_at_s": seen.quorum_at_s if seen else None,
        "quorum": report.quorum,
        "findings": [{"code": each.code, "place": each.place, "detail": each.detail} for each in findings],
        "complete": report.complete,
    }


def _report_lines(report: Report, findings: tuple[Finding, ...], *, compared: bool) -> Iterator[str]:
    from refbus_gateway.words.statements import moment

    if report.checkpoint is not None:
        yield f"{report.checkpoint.origin}: {report.checkpoint.size} entries"
    if report.seen is not None and report.seen.quorum_at_s is not None:
        yield f"A quorum of witnesses has stood behind it since {moment(report.seen.quorum_at_s * 1000)}."
    if report.quorum is not None:
        yield f"{report.quorum}: the witnesses that the policy demands do not stand behind this checkpoint."
    for each in findings:
        yield f"{each.code}  {each.place}  {each.detail}"
    if not report.complete:
        yield "NOT CHECKED TO THE END."
    elif not findings:
        yield "Every entry, hash and signature holds." + (" It continues the older checkpoint." if compared else "")
    else:
        yield f"{len(findings)} THINGS ARE WRONG."


def _inspected_value(each: Inspected) -> dict[str, Any]:
    from refbus_gateway.words.statements import record_values  # late: the help needs none of it

    return {
        "origin": each.origin,
        "index": each.index,
        "logged_at_ms": each.logged_at_ms,
        "writer": each.writer,
        "record": record_values(each.record) if each.record else None,
        "in_log": each.in_log,
        "problems": list(each.problems),
        "order": None if each.order is None else [name.hex() for name in each.order.decision_ids],
        "answer": each.answer,
    }


def _inspected_lines(session: Session, found: list[Inspected]) -> Iterator[str]:
    from refbus_gateway.words.statements import Words, moment

    words = Words(session.language)
    for each in found:
        record = each.record
        what = f"{words.decision(record)}  {record.event_type or ''}" if record else "not opened"
        if each.order is not None:
            what = f"order to erase {len(each.order.decision_ids)} records  {each.answer or ''}"
        status = " ".join(each.problems) or ("ok, in the log" if each.in_log else "ok, log not looked at")
        yield f"{each.origin} {each.index:>8}  {moment(each.logged_at_ms)}  {each.writer or '?':12}  {what}"
        yield f"    {status}{'  ' + ' '.join(record.codes) if record and record.codes else ''}"
    wrong = sum(1 for each in found if each.problems)
    yield f"{len(found)} entries, {wrong} with problems."
