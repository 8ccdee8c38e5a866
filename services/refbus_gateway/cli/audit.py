"""`refbus audit`: proofs of what was decided, checked by anyone, and what the inspector reads."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from refbus_gateway.cli.auditlogs import add_logs
from refbus_gateway.cli.auditreport import add_report
from refbus_gateway.cli.policyfile import POLICY, now_s, read_policy
from refbus_gateway.cli.session import Session, example, with_session, words

if TYPE_CHECKING:
    from refbus.verify import Policy
    from refbus_gateway.actions.audit import OwnStatement, ProofChecked


@click.group(name="audit")
def group() -> None:
    """Prove what was decided, check proofs and logs, open and report what the audit log holds."""


@group.command()
@click.argument("number", type=int)
@click.option("--out", type=click.Path(path_type=Path), help="Folder for the files (default: they are only counted).")
@click.option("--log", "place", help="Web prefix or folder of a published log: look up there what has no proof yet.")
@example("refbus audit proof 3 --out proofs", "refbus audit verify proofs/*.tlog-proof --policy proofs/kz.tlog-policy")
@with_session
def proof(session: Session, number: int, out: Path | None, place: str | None) -> None:
    """Write the proofs of one referral: a file for each decision, and the policy to check them with.

    A file says who decided what about which event, and proves that the audit log holds it. It names no person. Whoever
    has it can read it: give it to those who may know that there is this referral.
    """
    from refbus_gateway.actions import audit  # late: the help needs none of it

    found = audit.proofs(session.desk, session.actor, number, place)
    if out is not None:
        _write(out, found.files)
    lines = [_statement_line(session, each) for each in found.shown.statements]
    session.tell(found.shown, lines or [words().text("Nothing was decided about it yet.")])


@group.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@POLICY
@click.option("--entry", type=click.Path(path_type=Path), help="What was logged, when the proof does not carry it.")
@example("refbus audit verify decision.tlog-proof --policy kz.tlog-policy")
@with_session
def verify(session: Session, files: tuple[Path, ...], policy_file: Path, entry: Path | None) -> int:
    """Check proofs offline, with public keys only: no home, no keys, no network.

    Says in plain words what is proven. A file that proves nothing is told with its code and gives an exit status.
    """
    from refbus.errors import RefbusError  # late: the help needs none of it
    from refbus.explain import exit_code
    from refbus.explain.report import as_lines
    from refbus.files import read_limited
    from refbus_gateway.actions.shape import json_of

    policy = read_policy(policy_file)
    given = None if entry is None else read_limited(entry, 1 << 16)
    values: list[dict[str, Any]] = []
    failures: list[RefbusError] = []
    for path in files:
        try:
            found = _checked(session, path, policy, given)
            value, lines = json_of(found), _checked_lines(session, found)
        except RefbusError as error:
            failures.append(error)
            value, lines = (
                {"proven": False, "code": error.code, "detail": error.detail},
                as_lines(error, partial(words().told, "error")),
            )
        values.append({"file": str(path), **value})
        head = f"{path.name}: {'PROVEN' if value['proven'] else 'NOT PROVEN'}"
        if not session.as_json:
            session.tell(value, [head, *lines])
    if session.as_json:
        session.tell(values)
    return exit_code(failures[0]) if failures else 0


@group.command()
@click.option("--out", type=click.Path(path_type=Path), help="Folder for the files (default: they are only listed).")
@example("refbus audit evidence --out evidence")
@with_session
def evidence(session: Session, out: Path | None) -> None:
    """Show checkpoints that contradict each other: two histories of one log. Written out, anyone can check both."""
    from refbus.core.times import show_second
    from refbus_gateway.actions import audit  # late: the help needs none of it

    exhibits = audit.evidence(session.desk, session.actor)
    if out is not None:
        _write(out, exhibits.files)
    lines = [
        words().text(
            "%(evidence)s  %(date)s  %(origin)s: two checkpoints",
            evidence=f"{each.evidence:>4}",
            date=show_second(each.at_ms),
            origin=each.origin,
        )
        for each in exhibits.found
    ]
    session.tell(
        exhibits.found, lines or [words().text("No log has contradicted itself, as far as this home has seen.")]
    )


def _checked(session: Session, path: Path, policy: Policy, entry: bytes | None) -> ProofChecked:
    from refbus.files import read_limited
    from refbus.verify import MOST_PROOF_BYTES  # late: the help needs none of it
    from refbus_gateway.actions import audit

    return audit.check_proof(read_limited(path, MOST_PROOF_BYTES), policy, entry=entry, now_s=now_s(session))


def _checked_lines(session: Session, found: ProofChecked) -> list[str]:
    from refbus_gateway.words import statements  # late: the help needs none of it

    said = statements.Words(session.language)
    record = found.record
    lines = (
        statements.columns(said.facts(record), words())
        if record
        else ["  " + words().text("The content of the entry is not shown.")]
    )
    return [*lines, *statements.columns(said.proof(found), words())]


def _statement_line(session: Session, found: OwnStatement) -> str:
    from refbus.core.times import show_second  # late: the help needs none of it
    from refbus_gateway.words.statements import Words  # late: the help needs none of it

    what = f"{show_second(found.at_ms)}  {Words(session.language).decision(found)}  {found.event_type or ''}"
    return f"{what}\n    {found.file if found.file is not None else _why_waiting(found)}"


def _why_waiting(found: OwnStatement) -> str:
    if not found.awaited:
        return words().text("is in the audit log of the other country: --log looks it up there")
    where = (
        words().text("the broker has it")
        if found.logged_ms
        else words().text("it has not been sent yet")
        if found.own
        else words().text("a gate logs it")
    )
    return words().text("waits for the proof of the audit log; %(where)s", where=where)


def _write(folder: Path, files: Mapping[str, bytes]) -> None:
    from refbus.files import write_whole  # late: the help needs none of it

    for name, content in files.items():
        write_whole(folder / name, content)


add_logs(group)
add_report(group)
