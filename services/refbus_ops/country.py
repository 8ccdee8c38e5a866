"""`refbus-ops country`: a further country, from one file to its own node, and the way to it at the others."""

from __future__ import annotations

from pathlib import Path

import click

from refbus.bus.address import BrokerAddress, TlsFiles
from refbus.clock import machine_ms
from refbus.core.ids import CountryCode, parse_country
from refbus.errors import Code, SetupError
from refbus.files import read_limited, write_whole
from refbus.node.addresses import forget_peer, note_peer
from refbus.output import say
from refbus.trust.homes import Home
from refbus.trust.layout import list_files
from refbus_ops.countryfile import read_country
from refbus_ops.countrykit import CUSTODY, OFFICES, answer_office, make_kit
from refbus_ops.countrysteps import steps
from refbus_ops.staging import read_passphrase

_FILE = click.Path(path_type=Path, dir_okay=False)
_FOLDER = click.Path(path_type=Path, file_okay=False)
_PASSPHRASE = click.option("--passphrase-file", type=_FILE, required=True, help="File with the passphrase, one line.")
_HOME = click.option("--home", type=_FOLDER, required=True, help="The home of a gate, auditor or inspector.")
_MOST_BYTES = 1_048_576

_EXAMPLE = """\b
refbus-ops country add tj.toml --kit TJ --passphrase-file P
refbus-ops country answer challenge.json --home TJ/gate --passphrase-file P --out answer.json
refbus-ops country pin root.json --home TJ/gate
refbus-ops country reach tj broker.tj.example:9093 --tls TLS/tj --home GATE"""


@click.group(epilog=_EXAMPLE)
def country() -> None:
    """Bring a further country in. A country is data: no code changes, and nothing of the others is started again."""


@country.command()
@click.argument("file", type=_FILE)
@click.option("--kit", type=_FOLDER, required=True, help="Where to make its keys, homes and requests; a new folder.")
@click.option(
    "--only",
    "only",
    multiple=True,
    type=click.Choice([*CUSTODY, *OFFICES]),
    help="Make this part alone, on the machine of its holder; more than once. Left out: everything.",
)
@click.option("--focal-point", metavar="ORG", help="Goes before the one in the file: an id that was just made.")
@_PASSPHRASE
def add(file: Path, kit: Path, only: tuple[str, ...], focal_point: str | None, passphrase_file: Path) -> None:
    """Make what a country begins with out of one FILE: policy, keys, homes of its node, requests, and the steps.

    Nothing of it counts before the anchors have signed. Only what is in `requests/` leaves the machine.
    """
    new, parts = read_country(file, focal_point), only or (*CUSTODY, *OFFICES)
    offices = make_kit(kit, new, parts, read_passphrase(passphrase_file), machine_ms())
    write_whole(kit / "steps.md", steps(new, offices).encode())
    say(
        *(f"{name}: {org_id}" for name, org_id in offices.items()),
        f"{kit / 'requests'} goes to the ceremony; what comes next is in {kit / 'steps.md'}",
    )


@country.command()
@click.argument("challenge", type=_FILE)
@_HOME
@_PASSPHRASE
@click.option("--out", type=_FILE, required=True, help="Where to write the answer.")
def answer(challenge: Path, home: Path, passphrase_file: Path, out: Path) -> None:
    """Answer the ceremony's challenge for a gate, auditor or inspector: it shows that the private key is here."""
    content = read_limited(challenge, _MOST_BYTES)
    if out.resolve().is_relative_to(home.resolve()):
        raise SetupError(Code.USAGE, f"{out.name} would be in the home itself: name a place outside of it")
    write_whole(out, answer_office(home, content, read_passphrase(passphrase_file)))
    say(f"Hand {out} to the ceremony.")


@country.command()
@click.argument("root", type=_FILE)
@_HOME
@click.option("--directory", type=_FOLDER, help="What `directory export` wrote: the version in force, carried there.")
def pin(root: Path, home: Path, directory: Path | None) -> None:
    """Pin the federation's ROOT (root.json) in a home: everything that it will ever believe about keys starts there.

    Compare the SHA-256 of the file by a voice that you know.
    """
    member = Home(home)
    me = member.identity()
    member.pin_root(read_limited(root, _MOST_BYTES))
    say(f"{me.org_id} is pinned")
    if directory is not None:
        trust, now_ms = member.trust_store(), machine_ms()
        trust.load(now_ms)
        trust.refresh_from(list_files(directory), now_ms)
        say(f"version {trust.history.latest.version} of the directory is verified here")


@country.command()
@click.argument("code", metavar="CC")
@click.argument("bootstrap", metavar="HOST:PORT[,HOST:PORT]")
@click.option("--tls", type=_FOLDER, help="Folder with ca.pem, certificate.pem and key.pem for that cluster.")
@_HOME
def reach(code: str, bootstrap: str, tls: Path | None, home: Path) -> None:
    """Tell a gate or auditor where the brokers of country CC are. The running service takes it up within seconds.

    A REFBUS_BOOTSTRAP_CC of its settings goes before it at the next start.
    """
    other, me = parse_country(code), Home(home).identity()
    if other == me.country:
        raise SetupError(Code.USAGE, "the own brokers are named by the settings: REFBUS_BOOTSTRAP_" + other.upper())
    note_peer(home, other, BrokerAddress(bootstrap, TlsFiles.in_folder(tls.resolve()) if tls else None))
    say(f"{me.org_id} reaches {other} at {bootstrap}")


@country.command()
@click.argument("code", metavar="CC")
@_HOME
def forget(code: str, home: Path) -> None:
    """Take the address of country CC out of a home; do it when that country has left."""
    other: CountryCode = parse_country(code)
    say(f"{other}: {'forgotten' if forget_peer(home, other) else 'there was no address'}")
