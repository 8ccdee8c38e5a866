"""`refbus-ops directory`.

The ceremony. Edits are staged in the federation's folder, signed by each key, then published.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import click

from refbus.bus.bundle import write_all
from refbus.clock import machine_ms
from refbus.core.directory import OrgStatus
from refbus.core.ids import KeyId, parse_country, parse_org_id
from refbus.core.times import ZONED, read_time
from refbus.errors import Code, SetupError
from refbus.output import put, put_json, say
from refbus.trust.canonical import parse_hex
from refbus.trust.layout import list_files
from refbus.trust.member import enrolment
from refbus.trust.member.enrolment_file import fingerprint
from refbus.trust.member.policy import compile_policy, parse_policy
from refbus.trust.publisher import changes, custody, export, recovery
from refbus.trust.publisher.bins import use_bins
from refbus.trust.publisher.ceremony import (
    FederationPaths,
    Passphrases,
    create_development_federation,
    publish_for_development,
)
from refbus.trust.publisher.description import read_description
from refbus.trust.publisher.repository import Publication, Repository, verify_files
from refbus.trust.reader.assembly import Problem
from refbus.wire.transport import DirectoryFile
from refbus_ops.context import Operator
from refbus_ops.losses import lost
from refbus_ops.recovery import SEEN, restore, seen_by_gate
from refbus_ops.staging import read_file, read_passphrase, read_text, stage, staged

_FILE = click.Path(path_type=Path, dir_okay=False)
_FOLDER = click.Path(path_type=Path, file_okay=False)
_PASSPHRASE = click.option("--passphrase-file", type=_FILE, required=True, help="File with the passphrase, one line.")


_EXAMPLE = """\b
refbus-ops directory --federation DIR suspend kz-4f7k2m9q
refbus-ops directory --federation DIR sign DIR/delegations/kz.key --passphrase-file P
refbus-ops directory --federation DIR publish --passphrase-file P"""


@click.group(name="directory", epilog=_EXAMPLE)
@click.option("--federation", type=_FOLDER, required=True, help="The federation's folder, outside the checkout.")
@click.pass_context
def directory(context: click.Context, federation: Path) -> None:
    """Keep the directory of members, keys and policies: stage a change, let each key sign it, publish it."""
    context.obj = FederationPaths(federation)


directory.add_command(restore)


@directory.command()
@click.option("--description", type=_FILE, required=True, help="TOML, such as keys/development.toml.")
@_PASSPHRASE
@click.pass_obj
def create(paths: FederationPaths, description: Path, passphrase_file: Path) -> None:
    """Make a development federation: all keys in one folder, under one passphrase."""
    passphrases = Passphrases.same(read_passphrase(passphrase_file))
    made = create_development_federation(paths.out, read_description(description), passphrases, machine_ms())
    say(f"made {len(made.homes())} homes; readers pin {made.root}")


@directory.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.pass_obj
def show(paths: FederationPaths, as_json: bool) -> None:
    """Show what is published, what is left out and why, and what waits for signatures."""
    repository = Repository(paths.repository)
    publication = staged(paths)
    timestamp, snapshot, root = repository.timestamp(), repository.snapshot(), repository.root().signed
    found = {
        "version": snapshot.version,
        "timestamp_version": timestamp.version,
        "root_version": root.version,
        "anchors": len(root.roles["root"].keyids),
        "anchor_keys": sorted(root.roles["root"].keyids),
        "threshold": root.roles["root"].threshold,
        "timestamp_expires": timestamp.expires.isoformat(),
        "snapshot_expires": snapshot.expires.isoformat(),
        "files": sorted(name for role in snapshot.meta for name in _targets(repository, role)),
        "left_out": [f"{item.path} {item.code} {item.detail}" for item in _problems(paths)],
        "staged": list(publication.summary()),
        "signatures_missing": publication.missing(),
    }
    if as_json:
        put_json(found)
    else:
        say(*_lines(found))


@directory.command()
@click.pass_obj
def verify(paths: FederationPaths) -> None:
    """Verify the repository as a reader does, from the pinned root; fails when anything is left out."""
    problems = _problems(paths)
    for problem in problems:
        say(f"{problem.path} {problem.code} {problem.detail}")
    if problems:
        raise SetupError(Code.DIRECTORY_INVALID, f"{len(problems)} left out")
    say(f"version {Repository(paths.repository).snapshot().version}: everything counts")


@directory.command(name="export")
@click.argument("target", type=click.Path(path_type=Path))
@click.pass_obj
def export_command(paths: FederationPaths, target: Path) -> None:
    """Write the publication to TARGET for offline use: one file if it ends in .tar, else a folder."""
    files = list_files(paths.repository)
    write = export.write_archive if target.suffix == ".tar" else export.write_folder
    write(files, target)
    say(f"{len(files)} files")


@directory.command(name="new-key")
@click.argument("path", type=_FILE)
@_PASSPHRASE
def new_key(path: Path, passphrase_file: Path) -> None:
    """Make an anchor's, country's or online key at PATH, encrypted, and print its public half."""
    signer = custody.create_key(path, read_passphrase(passphrase_file))
    put(custody.export_public(signer).decode() + "\n")


@directory.command(name="key-id")
@click.argument("path", type=_FILE)
@_PASSPHRASE
def key_id(path: Path, passphrase_file: Path) -> None:
    """Print the id of a key of the ceremony, as `show` names the anchors and `remove-anchor` takes it."""
    say(custody.load_signer(path, read_passphrase(passphrase_file)).public_key.keyid)


@directory.command(name="add-anchor")
@click.argument("public", type=_FILE)
@click.option("--threshold", type=int, required=True, help="How many anchors must sign from now on.")
@click.pass_obj
def add_anchor(paths: FederationPaths, public: Path, threshold: int) -> None:
    """Stage one more national anchor."""
    key = custody.import_public(read_file(public))
    stage(paths, lambda publication: changes.add_anchor(publication, key, threshold))


@directory.command(name="remove-anchor")
@click.argument("keyid")
@click.option("--threshold", type=int, required=True, help="How many anchors must sign from now on.")
@click.pass_obj
def remove_anchor(paths: FederationPaths, keyid: str, threshold: int) -> None:
    """Stage the removal of an anchor's key."""
    stage(paths, lambda publication: changes.remove_anchor(publication, keyid, threshold))


@directory.command(name="add-country")
@click.argument("country")
@click.option("--policy", type=_FILE, required=True, help="The national policy, TOML or JSON.")
@click.option("--delegation", type=_FILE, required=True, help="Public key file of the country's delegation.")
@click.pass_obj
def add_country(paths: FederationPaths, country: str, policy: Path, delegation: Path) -> None:
    """Stage a country: its folder, the key that speaks for it, its policy (TOML, or the JSON of `country add`)."""
    code, key = parse_country(country), custody.import_public(read_file(delegation))
    content = _policy(policy)
    stage(paths, lambda publication: changes.add_country(publication, code, content, key))


@directory.command()
@click.pass_obj
def bins(paths: FederationPaths) -> None:
    """Stage the move of all enrolments into bins, for more than 3,900 organisations. Update every reader first."""
    stage(paths, use_bins)


@directory.command(name="replace-delegation")
@click.argument("country")
@click.option("--delegation", type=_FILE, required=True, help="Public key file of the country's new key.")
@click.pass_obj
def replace_delegation(paths: FederationPaths, country: str, delegation: Path) -> None:
    """Stage another key for a country's folder; anchors sign, and the country with its new key."""
    code, key = parse_country(country), custody.import_public(read_file(delegation))
    stage(paths, lambda publication: publication.delegate(code, key))


@directory.command(name="remove-country")
@click.argument("country")
@click.pass_obj
def remove_country(paths: FederationPaths, country: str) -> None:
    """Stage the end of a country's part: readers then know none of its members."""
    code = parse_country(country)
    stage(paths, lambda publication: changes.remove_country(publication, code))


@directory.command(name="replace-online")
@click.argument("role", type=click.Choice(["snapshot", "timestamp"]))
@click.argument("public", type=_FILE)
@click.pass_obj
def replace_online(paths: FederationPaths, role: str, public: Path) -> None:
    """Stage another key for an online role; anchors sign. Put its key file in place before publishing."""
    key = custody.import_public(read_file(public))
    stage(paths, lambda publication: changes.replace_online(publication, role, key))


@directory.command(name="put-policy")
@click.argument("policy", type=_FILE)
@click.option("--country", required=True)
@click.pass_obj
def put_policy(paths: FederationPaths, policy: Path, country: str) -> None:
    """Stage a later version of a national policy."""
    code, content = parse_country(country), _policy(policy)
    stage(paths, lambda publication: changes.put_policy(publication, code, content))


@directory.command()
@click.argument("request", type=_FILE)
@click.option("--out", type=_FILE, required=True, help="The challenge, to be sent to the organisation.")
@click.option("--pending", type=_FILE, required=True, help="Kept here until the answer comes.")
def challenge(request: Path, out: Path, pending: Path) -> None:
    """Check an enrolment request and make the challenge that shows possession of its KEM key."""
    content = read_file(request)
    member = enrolment.parse_request(content)
    made, kept = enrolment.make_challenge(content)
    export.write_folder([(out.name, made)], out.parent)
    export.write_folder([(pending.name, kept)], pending.parent)
    say(f"{member.organisation.org_id} {member.organisation.role} {member.organisation.label}")
    say(f"fingerprint, compare by voice: {fingerprint(member.signing[0].key).hex()}")


@directory.command()
@click.argument("request", type=_FILE)
@click.option("--pending", type=_FILE, required=True)
@click.option("--answer", type=_FILE, required=True)
@click.option(
    "--recover-since", type=int, help="Restart the keys of a member: old ones are compromised since (ms UTC)."
)
@click.pass_obj
def enrol(paths: FederationPaths, request: Path, pending: Path, answer: Path, recover_since: int | None) -> None:
    """Stage an organisation whose answer is right. Anchors and its country sign."""
    member = enrolment.check_answer(read_file(pending), read_file(answer), read_file(request))
    if recover_since is None:
        stage(paths, lambda publication: changes.enrol(publication, member))
    else:
        stage(paths, lambda publication: changes.recover(publication, member, recover_since))


@directory.command(name="update-keys")
@click.argument("org_id")
@click.argument("update", type=_FILE)
@click.pass_obj
def update_keys(paths: FederationPaths, org_id: str, update: Path) -> None:
    """Stage the new keys that an organisation handed over (`refbus keys rotate`). Its country signs."""
    member, content = parse_org_id(org_id), read_file(update)
    stage(paths, lambda publication: changes.update_keys(publication, content, member))


@directory.command()
@click.argument("org_id")
@click.argument("kid")
@click.option("--since", metavar="TIME", help="Compromised since, like 2026-03-31T12:00+05:00; left out: now.")
@click.option("--by-anchors", is_flag=True, help="Revoke so that no country can take it back; anchors sign.")
@click.pass_obj
def revoke(paths: FederationPaths, org_id: str, kid: str, since: str | None, by_anchors: bool) -> None:
    """Stage the revocation of a key, and with it of what it vouched for."""
    member, key = parse_org_id(org_id), KeyId(parse_hex(kid, 16, "key id"))
    since_ms = machine_ms() if since is None else read_time(since)
    if since_ms is None:
        raise SetupError(Code.USAGE, f"write {ZONED}")
    stage(paths, lambda publication: changes.revoke(publication, member, key, since_ms, by_anchors=by_anchors))


def _status_command(name: str, status: OrgStatus, text: str) -> None:
    @directory.command(name=name, help=text)
    @click.argument("org_id")
    @click.pass_obj
    def command(paths: FederationPaths, org_id: str) -> None:
        member = parse_org_id(org_id)
        stage(paths, lambda publication: changes.set_status(publication, member, status))


directory.add_command(lost)
_status_command("suspend", OrgStatus.SUSPENDED, "Stage that an organisation may not send or receive for now.")
_status_command("reactivate", OrgStatus.ACTIVE, "Stage that a suspended organisation works again.")
_status_command("remove", OrgStatus.REMOVED, "Stage that an organisation is no longer a member.")


@directory.command()
@click.argument("key", type=_FILE, nargs=-1, required=True)
@_PASSPHRASE
@click.pass_obj
def sign(paths: FederationPaths, key: tuple[Path, ...], passphrase_file: Path) -> None:
    """Add a key's signatures to the staged change. Read `show` first: it lists what you sign."""
    publication = staged(paths)
    passphrase = read_passphrase(passphrase_file)
    for path in key:
        signed = publication.sign(custody.load_signer(path, passphrase))
        say(f"{path.name}: {', '.join(signed) or 'nothing here needs this key'}")
    publication.save(paths.staged)


@directory.command()
@_PASSPHRASE
@click.option("--development", is_flag=True, help="Sign first with every key in the folder.")
@click.option("--again", is_flag=True, help="A fresh timestamp alone, for a timer: what is staged waits on.")
@SEEN
@click.pass_context
def publish(
    context: click.Context, passphrase_file: Path, development: bool, again: bool, seen: tuple[Path, ...]
) -> None:
    """Put the staged change in force; with nothing staged, publish a fresh timestamp (once a day).

    What the gate of this operator (--gate-home) has seen is asked too: nothing is published that is older.
    """
    paths: FederationPaths = context.obj
    recovery.require_newest(paths, [*seen, *seen_by_gate(context)], machine_ms())
    if again and development:
        raise SetupError(Code.USAGE, "--again signs with the online keys alone")
    publication = Publication(Repository(paths.repository), machine_ms()) if again else staged(paths)
    passphrase = read_passphrase(passphrase_file)
    if development:
        publish_for_development(paths, publication, Passphrases.same(passphrase))
    else:
        online = [custody.load_signer(paths.online(role), passphrase) for role in ("snapshot", "timestamp")]
        publication.publish(*online)
    if not again:
        shutil.rmtree(paths.staged, ignore_errors=True)
    say(f"version {Repository(paths.repository).snapshot().version} is published")


@directory.command()
@click.pass_context
def send(context: click.Context) -> None:
    """Write what is published to the brokers that the settings name.

    With --country it goes to that country's own gateways and gate, <cc>.directory; every other country gets it on
    <cc>.federation, and its gate hands it on.
    """
    operator: Operator = context.find_root().obj
    Repository(context.obj.repository).require_not_behind()
    own = operator.country or operator.settings.country
    files = list_files(Repository(context.obj.repository).folder)
    values = [DirectoryFile(path, content).encode() for path, content in files]
    if not operator.settings.bootstrap:
        raise SetupError(Code.SETTINGS_INVALID, "no broker: set REFBUS_BOOTSTRAP_<CC>")
    for country in sorted(operator.settings.bootstrap):
        topic = f"{country}.{'directory' if country == own else 'federation'}"
        producer = operator.cluster(country).producer()
        try:
            write_all(producer, topic, values)
        finally:
            producer.close()
        say(f"{topic}: {len(values)} files")


@directory.command()
@click.pass_obj
def discard(paths: FederationPaths) -> None:
    """Forget the staged change."""
    shutil.rmtree(paths.staged, ignore_errors=True)


def _policy(path: Path) -> bytes:
    """Return the bytes of a national policy, which is TOML for people or compiled already."""
    if path.suffix != ".json":
        return compile_policy(read_text(path))
    content = read_file(path)
    parse_policy(content)
    return content


def _problems(paths: FederationPaths) -> tuple[Problem, ...]:
    return verify_files(paths.repository, {}, read_file(paths.root), machine_ms())


def _targets(repository: Repository, meta: str) -> list[str]:
    held = repository.role(meta.removesuffix(".json"))
    return [] if held is None else list(held.signed.targets)


def _lines(found: dict[str, object]) -> list[str]:
    lines = []
    for name, value in found.items():
        lines += [f"{name}:", *(f"  {item}" for item in value)] if isinstance(value, list) else [f"{name}: {value}"]
    return lines
