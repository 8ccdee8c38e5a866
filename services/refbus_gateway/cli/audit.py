"""`refbus audit`: proofs of what was decided, checked by anyone, and what the inspector reads."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from refbus_gateway.cli.auditlogs import add_logs
from refbus_gateway.cli.policyfile import POLICY, now_s, read_policy
from refbus_gateway.cli.reporting import add_report
from refbus_gateway.cli.session import Session, example, with_session

if TYPE_CHECKING:
    from refbus.errors import RefbusError
    from refbus.verify import Policy
    from refbus_gateway.audit.proof_files import Held
    from refbus_gateway.store.logheads import Evidence
    from refbus_gateway.store.statements import Stated


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
    from refbus_gateway.audit import proof_files  # late: the help needs none of it
    from refbus_gateway.store import referrals

    with session.gateway.store.read() as tx:
        referral = referrals.get(tx, number)
        held = proof_files.of_referral(tx, referral)
    if place is not None and proof_files.look_up(session.gateway, place, held):
        with session.gateway.store.read() as tx:
            held = proof_files.of_referral(tx, referral)
    names = [proof_files.file_name(referral, at, each) for at, each in enumerate(held, start=1)]
    policies = proof_files.policy_files(session.gateway, held)
    if out is not None:
        ready = {file: each.file for file, each in zip(names, held, strict=True) if each.file is not None}
        _write(out, {**ready, **policies})
    value = [_held_value(file, each) for file, each in zip(names, held, strict=True)]
    lines = [_held_line(session, file, each) for file, each in zip(names, held, strict=True)]
    policy = f"{session.gateway.country}.tlog-policy"
    session.tell(
        {"statements": value, "policy": policy, "policies": list(policies)},
        lines or ["Nothing was decided about it yet."],
    )


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
    from refbus.explain import exit_code, render

    policy = read_policy(policy_file)
    given = None if entry is None else _read(entry)
    values: list[dict[str, Any]] = []
    failures: list[RefbusError] = []
    for path in files:
        try:
            value, lines = _checked(session, path, policy, given)
        except RefbusError as error:
            failures.append(error)
            value, lines = {"proven": False, "code": error.code, "detail": error.detail}, [render(error)]
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
    from refbus_gateway.store import logheads  # late: the help needs none of it
    from refbus_gateway.words.statements import moment

    with session.gateway.store.read() as tx:
        found = logheads.evidence(tx)
    if out is not None:
        _write(out, {f"fork-{each.id}-{side}": data for each in found for side, data in _sides(each)})
    value = [{"evidence": each.id, "origin": each.origin, "at_ms": each.at_ms} for each in found]
    lines = [f"{each.id:>4}  {moment(each.at_ms)}  {each.origin}: two checkpoints" for each in found]
    session.tell(value, lines or ["No log has contradicted itself, as far as this home has seen."])


def _checked(session: Session, path: Path, policy: Policy, entry: bytes | None) -> tuple[dict[str, Any], list[str]]:
    from refbus.verify import MOST_PROOF_BYTES, check_proof  # late: the help needs none of it
    from refbus_gateway.home.folder import read_limited
    from refbus_gateway.words import statements

    proven = check_proof(read_limited(path, MOST_PROOF_BYTES), policy, entry=entry, now_s=now_s(session))
    words = statements.Words(session.language)
    said = proven.statement
    lines = statements.columns(words.facts(said.record)) if said else ["  The content of the entry is not shown."]
    value = {"proven": True, **statements.proof_values(proven)}
    value["record"] = statements.record_values(said.record) if said else None
    return value, [*lines, *statements.columns(words.proof(proven))]


def _held_value(file: str, held: Held) -> dict[str, Any]:
    from refbus_gateway.words.statements import record_values  # late: the help needs none of it

    return {
        "file": None if held.file is None else file,
        "proven_ms": held.stated.proven_ms,
        "logged_ms": held.stated.logged_ms,
        "awaited": held.stated.awaited,
        **record_values(held.statement.record),
    }


def _held_line(session: Session, file: str, held: Held) -> str:
    from refbus_gateway.words.statements import Words, moment  # late: the help needs none of it

    record = held.statement.record
    what = f"{moment(record.at_ms)}  {Words(session.language).decision(record)}  {record.event_type or ''}"
    if held.file is not None:
        return f"{what}\n    {file}"
    return f"{what}\n    {_why_waiting(held.stated)}"


def _why_waiting(stated: Stated) -> str:
    if not stated.awaited:
        return "is in the audit log of the other country: --log looks it up there"
    where = "the broker has it" if stated.logged_ms else "it has not been sent yet" if stated.own else "a gate logs it"
    return f"waits for the proof of the audit log; {where}"


def _write(folder: Path, files: Mapping[str, bytes]) -> None:
    from refbus.files import write_whole  # late: the help needs none of it

    for name, content in files.items():
        write_whole(folder / name, content)


def _read(path: Path) -> bytes:
    from refbus_gateway.home.folder import read_limited  # late: the help needs none of it

    return read_limited(path, 1 << 16)


def _sides(evidence: Evidence) -> tuple[tuple[str, bytes], tuple[str, bytes]]:
    return ("first", evidence.against), ("second", evidence.note)


add_logs(group)
add_report(group)
