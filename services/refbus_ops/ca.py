"""`refbus-ops ca`: the certificates of a country's brokers, and of those who reach them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click

from refbus.bus.certificates import is_ending
from refbus.clock import machine_ms
from refbus.core.ids import parse_country
from refbus.core.units import DAY_MS
from refbus.errors import Code, SetupError
from refbus.files import alone_in, make_folder, read_limited, store_errors, write_whole
from refbus.output import put_json, say
from refbus_ops.authority import (
    ISSUED_DAYS,
    Holder,
    Issued,
    Register,
    create_authority,
    issue_certificate,
    make_request,
    read_register,
    read_request,
    request_fingerprint,
    require_holder,
    revoke_certificate,
    rotate_authority,
    show_date,
)
from refbus_ops.authoritybackup import back_up_authority, restore_authority
from refbus_ops.staging import read_passphrase

_MOST_BYTES = 65_536
_MOST_LIST_BYTES = 8_388_608
_FILE = click.Path(path_type=Path, dir_okay=False)
_FOLDER = click.Path(path_type=Path, file_okay=False)
_AUTHORITY = click.option("--authority", type=_FOLDER, required=True, help="Folder of the authority.")
_PASSPHRASE = click.option("--passphrase-file", type=_FILE, required=True, help="File with the passphrase, one line.")

_EXAMPLE = """\b
refbus-ops ca create --authority CA --country kz --lists-at file:///etc/refbus/tls --passphrase-file P
refbus-ops ca request kz-gate --folder TLS                    # on the machine of the gate
refbus-ops ca issue kz-gate TLS/request.pem --authority CA --out TLS --passphrase-file P
refbus-ops ca revoke kz-gate --authority CA --reason "stolen" --passphrase-file P"""


@click.group(epilog=_EXAMPLE)
def ca() -> None:
    """Keep the country's authority for TLS certificates; no key of the directory or of a case is in it."""


@ca.command()
@_AUTHORITY
@click.option("--country", metavar="CC", required=True, help="Country of the authority.")
@click.option(
    "--lists-at", default="", metavar="URL", help="Folder in which each broker has withdrawn-*.pem: file:///..."
)
@click.option(
    "--after", type=click.IntRange(0, 999), default=0, metavar="N", help="Number of the authority that was lost."
)
@_PASSPHRASE
def create(authority: Path, country: str, lists_at: str, after: int, passphrase_file: Path) -> None:
    """Make the authority in a new folder. Keep it on a machine without a network, and back it up."""
    passphrase = read_passphrase(passphrase_file)
    named = parse_country(country)
    made = create_authority(authority, named, passphrase, machine_ms(), lists_at=lists_at, after=after)
    _tell_public(authority, made)


@ca.command()
@_AUTHORITY
@_PASSPHRASE
def rotate(authority: Path, passphrase_file: Path) -> None:
    """Add a new authority beside the present one. Hand trusted.pem to everybody before anything is issued by it."""
    _tell_public(authority, rotate_authority(authority, read_passphrase(passphrase_file), machine_ms()))


@ca.command()
@click.argument("name")
@click.option("--folder", type=_FOLDER, required=True, help="New folder for key and request, at their holder.")
@click.option("--host", "hosts", multiple=True, metavar="HOST", help="Name or address of a broker; more than once.")
def request(name: str, folder: Path, hosts: tuple[str, ...]) -> None:
    """Make a private key for NAME (kz-gate, kz-4f7k2m9q, kz-operator) and the request to the authority.

    The key stays in the folder. A renewal is a new folder: the old certificate counts until it ends.
    """
    asked = make_request(folder, name, hosts)
    say(f"{folder / 'request.pem'} goes to the authority", f"fingerprint {request_fingerprint(asked)}")


@ca.command()
@click.argument("name")
@click.argument("request", type=_FILE)
@_AUTHORITY
@click.option("--out", type=_FOLDER, required=True, help="Where to write certificate.pem and ca.pem for the holder.")
@click.option("--host", "hosts", multiple=True, metavar="HOST", help="Host of a broker that you agree to.")
@click.option("--days", type=click.IntRange(1, 825), default=ISSUED_DAYS, show_default=True, help="How long it counts.")
@_PASSPHRASE
def issue(
    name: str, request: Path, *, authority: Path, out: Path, hosts: tuple[str, ...], days: int, passphrase_file: Path
) -> None:
    """Sign the REQUEST of NAME. Compare its fingerprint with the holder by a voice that you know.

    A request for another name, or for hosts that you do not give, is refused.
    """
    asked, passphrase, now_ms = read_limited(request, _MOST_BYTES), read_passphrase(passphrase_file), machine_ms()
    holder = Holder(name, hosts)
    require_holder(read_request(asked), holder)
    if out.resolve() == authority.resolve():
        raise SetupError(Code.USAGE, "a holder's folder is not the authority's")
    with store_errors(out.name):
        make_folder(out)
    with alone_in(out):
        if (out / "certificate.pem").exists():
            raise SetupError(Code.USAGE, f"{out.name} has a certificate already: a renewal is a folder of its own")
        signed, line = issue_certificate(authority, asked, holder, passphrase, now_ms, days=days)
        write_whole(out / "ca.pem", read_limited(authority / "trusted.pem", _MOST_BYTES))
        write_whole(out / "certificate.pem", signed)
    say(f"fingerprint {request_fingerprint(asked)}", _line(line, now_ms))


@ca.command()
@_AUTHORITY
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line, one line a certificate.")
def show(authority: Path, as_json: bool) -> None:
    """Show every certificate: whose, until when, withdrawn or not. Needs no passphrase."""
    known, now_ms = read_register(authority), machine_ms()
    for each in known.issued:
        if as_json:
            put_json(_mapping(each, now_ms))
        else:
            say(_line(each, now_ms))
    if not as_json:
        say(*_roots(known, now_ms))


@ca.command()
@click.argument("which", metavar="NAME|NUMBER")
@_AUTHORITY
@click.option("--reason", required=True, help="Why; it stays in the register.")
@_PASSPHRASE
def revoke(which: str, authority: Path, reason: str, passphrase_file: Path) -> None:
    """Withdraw a certificate by its number, or all of a name. Brokers refuse it once they have the list."""
    now_ms = machine_ms()
    for each in revoke_certificate(authority, which, reason, read_passphrase(passphrase_file), now_ms):
        say(_line(each, now_ms))
    say(f"{authority}/withdrawn-*.pem go to every broker now")


@ca.command()
@click.argument("target", type=_FOLDER)
@_AUTHORITY
@_PASSPHRASE
def backup(target: Path, authority: Path, passphrase_file: Path) -> None:
    """Copy the authority to the new folder TARGET, which gets its name when it was restored from. Do it after each use.

    Keys stay encrypted as they are. Keep TARGET like a key, and the passphrase apart from it.
    """
    count = back_up_authority(authority, target, read_passphrase(passphrase_file), machine_ms())
    say(f"{target}: {count} files; a restore of them has succeeded")


@ca.command()
@click.argument("copy", type=click.Path(path_type=Path, file_okay=False, exists=True))
@_AUTHORITY
@click.option("--seen", type=_FILE, multiple=True, help="A broker's withdrawn-*.pem, or a holder's certificate.pem.")
@_PASSPHRASE
def restore(copy: Path, authority: Path, seen: tuple[Path, ...], passphrase_file: Path) -> None:
    """Bring the authority back from COPY, with what brokers and holders have that is newer.

    Every certificate that was withdrawn since stays withdrawn by the list of a broker. One that was issued since is
    known again by its file, and can be withdrawn then. A register that knows more than COPY is not replaced.
    """
    passphrase, files = read_passphrase(passphrase_file), [read_limited(path, _MOST_LIST_BYTES) for path in seen]
    known = restore_authority(authority, copy, passphrase, files, machine_ms())
    say(f"{len(known.issued)} certificates are known, {sum(1 for each in known.issued if each.revoked_ms)} withdrawn")
    _tell_public(authority, known)


def _tell_public(authority: Path, known: Register) -> None:
    say(*_roots(known, machine_ms()), f"{authority / 'trusted.pem'} is what everybody trusts, as ca.pem")
    if known.lists_at:
        say(f"{authority}/withdrawn-*.pem go to {known.lists_at} of every broker")


def _roots(known: Register, now_ms: int) -> Iterator[str]:
    for root in known.roots:
        yield f"authority {root.number}: ends on {show_date(root.ends_ms)}{_left(root.ends_ms, now_ms)}"


def _line(each: Issued, now_ms: int) -> str:
    when = f"from {show_date(each.begins_ms)} to {show_date(each.ends_ms)}"
    return f"{each.name}  {each.serial}  {when}{_state(each, now_ms)}"


def _state(each: Issued, now_ms: int) -> str:
    if each.revoked_ms:
        return f", withdrawn on {show_date(each.revoked_ms)}: {each.reason}"
    return _left(each.ends_ms, now_ms)


def _left(ends_ms: int, now_ms: int) -> str:
    days = (ends_ms - now_ms) // DAY_MS
    if ends_ms <= now_ms:
        return ", ended"
    return f", ends in {days} days: renew it" if is_ending(ends_ms, now_ms) else f", {days} days left"


def _mapping(each: Issued, now_ms: int) -> dict[str, object]:
    return {
        "name": each.name,
        "number": each.serial,
        "authority": each.authority,
        "begins_ms": each.begins_ms,
        "ends_ms": each.ends_ms,
        "withdrawn_ms": each.revoked_ms or None,
        "reason": each.reason or None,
        "counts": each.counts(now_ms),
    }
