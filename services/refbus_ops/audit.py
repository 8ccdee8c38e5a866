"""`refbus-ops audit`: the keys of an auditor's log, and the policy by which anyone checks a proof from it."""

from __future__ import annotations

from pathlib import Path

import click

from refbus.core.directory import Organisation, OrgRole
from refbus.core.ids import parse_country
from refbus.crypto.signing import SigningPair
from refbus.errors import Code, SetupError, UncheckableError
from refbus.files import write_whole
from refbus.output import put, say
from refbus.tlog.custody import LogSecret
from refbus.trust.homes import Home
from refbus.trust.member.audit_keys import LEAST_AHEAD, AuditKeys, audit_key_id, check_log_name
from refbus.trust.member.enrolment import make_audit_update
from refbus.trust.reader.log_policy import audit_keys, policy_text
from refbus_ops.context import Operator
from refbus_ops.staging import read_passphrase

_FILE = click.Path(path_type=Path, dir_okay=False)
_HOME = click.option(
    "--home", type=click.Path(path_type=Path, file_okay=False), required=True, help="The auditor's home."
)
_PASSPHRASE = click.option("--passphrase-file", type=_FILE, required=True, help="File with the passphrase, one line.")
_OUT = click.option("--out", type=_FILE, required=True, help="Where to write the update for the ceremony.")
_FROM = click.option(
    "--from-shard",
    metavar="YYYYa|b",
    help="Vouch again from this half-year on; left out: the oldest that is listed, else this one.",
)

_EXAMPLE = """\b
refbus-ops audit keys init --home H --name audit.kz.example --passphrase-file P --out update.json
refbus-ops audit keys renew --home H --passphrase-file P --out update.json
refbus-ops --gate-home G audit policy --country kz --out kz.policy"""


@click.group(name="audit", epilog=_EXAMPLE)
def audit() -> None:
    """Keep the keys of a country's audit log in the directory, and print what checks its proofs."""


@audit.group(name="keys")
def keys() -> None:
    """Make, renew and show an auditor's keys. The secret stays in its home; the update holds public keys only."""


@keys.command()
@_HOME
@click.option("--name", required=True, help="Name of the log, like that of a host; it never changes.")
@_FROM
@_PASSPHRASE
@_OUT
@click.pass_context
def init(
    context: click.Context, home: Path, name: str, *, from_shard: str | None, passphrase_file: Path, out: Path
) -> None:
    """Make the secret of the log, and an update with the keys for this half-year and the next three.

    A secret that is there already is used again. So this also brings the keys back after the signing key that had
    vouched for them was revoked; with --from-shard, those of past half-years too.
    """
    check_log_name(name)
    desk = _Desk(context, home, read_passphrase(passphrase_file))
    if desk.own.audit_keys and AuditKeys.of(desk.own.audit_keys).name != name:
        raise SetupError(Code.USAGE, "the directory lists keys of this auditor under another log name")
    desk.write(out, name, from_shard, desk.secret(make=True))


@keys.command()
@_HOME
@_FROM
@_PASSPHRASE
@_OUT
@click.pass_context
def renew(context: click.Context, home: Path, from_shard: str | None, passphrase_file: Path, out: Path) -> None:
    """Write an update with the keys for this half-year and the next three; do it every half-year.

    The keys that are listed already are vouched for again by the present signing key.
    """
    desk = _Desk(context, home, read_passphrase(passphrase_file))
    listed = _listed(desk.own)
    _warn(listed.shards_ahead(desk.now_ms))
    desk.write(out, listed.name, from_shard, desk.secret())


@keys.command()
@_HOME
@click.pass_context
def show(context: click.Context, home: Path) -> None:
    """Show what the directory lists of this auditor, with the ids by which `directory revoke` revokes."""
    operator: Operator = context.find_root().obj
    listed = _listed(_own(Home(home), operator))
    for place, key in (*listed.logs.items(), *((kind.name, key) for kind, key in listed.witness.items())):
        say(f"{place:20} {audit_key_id(key.public).hex()}  {key.name}")
    _warn(listed.shards_ahead(operator.clock()))


@audit.command()
@click.option("--country", metavar="CC", help="Whose log; left out: the country of the node.")
@click.option("--out", type=_FILE, help="Write the file here instead of printing it.")
@click.pass_context
def policy(context: click.Context, country: str | None, out: Path | None) -> None:
    """Print the trust policy (c2sp.org/tlog-policy) of a country's log, for whoever checks proofs without a directory.

    It holds public keys only. Keep it beside the proofs: it says what was demanded when it was printed.
    """
    operator: Operator = context.find_root().obj
    directory = operator.directory()
    code = parse_country(country) if country else operator.one_country()
    text = policy_text(directory, code)
    if out is None:
        put(text)
    else:
        write_whole(out, text.encode())
    _warn(audit_keys(directory, code).shards_ahead(operator.clock()))


class _Desk:
    """One auditor at its keys: its home, what the directory says of it, and the pair that vouches."""

    def __init__(self, context: click.Context, home: Path, passphrase: str) -> None:
        operator: Operator = context.find_root().obj
        self._home = Home(home)
        self._passphrase = passphrase
        self.now_ms = operator.clock()
        self.own = _own(self._home, operator)

    def secret(self, *, make: bool = False) -> LogSecret:
        """Return the secret of the log; `make` it when there is none."""
        if make and not self._home.has_log_secret():
            self._home.save_log_secret(LogSecret.generate(), self._passphrase)
        return self._home.log_secret(self._passphrase)

    def write(self, out: Path, name: str, first: str | None, secret: LogSecret) -> None:
        """Write the update for the shards from `first` on (None: the oldest listed), and say what comes next."""
        if first is None and self.own.audit_keys:
            first = next(iter(AuditKeys.of(self.own.audit_keys).logs), None)
        write_whole(out, make_audit_update(self.own, secret, (name, first), self._signer(), self.now_ms))
        say(f"Hand {out} to the ceremony: refbus-ops directory update-keys {self.own.org_id} {out.name}")

    def _signer(self) -> SigningPair:
        key = self.own.current_signing_key(self.now_ms)
        pair = None if key is None else self._home.signing_pairs(self._passphrase).get(key.kid)
        if pair is None:
            raise SetupError(Code.KEY_UNKNOWN, "the signing key that the directory lists is not in this home")
        return pair


def _own(home: Home, operator: Operator) -> Organisation:
    """Return what the directory in the home says of its owner, an auditor."""
    me = home.identity()
    history = home.trust_store().load(operator.clock())
    own = None if history is None else history.latest.find(me.org_id)
    if own is None:
        raise UncheckableError(Code.ORGANISATION_UNKNOWN, "the directory in this home does not list the auditor yet")
    if own.role is not OrgRole.AUDITOR:
        raise SetupError(Code.USAGE, "this home is not an auditor's")
    return own


def _listed(own: Organisation) -> AuditKeys:
    if not own.audit_keys:
        raise SetupError(Code.KEY_UNKNOWN, "the directory lists no audit keys of this auditor: audit keys init")
    return AuditKeys.of(own.audit_keys)


def _warn(ahead: int) -> None:
    if ahead < LEAST_AHEAD:
        say(f"warning: keys for {ahead} coming half-years only; renewal is overdue: audit keys renew", err=True)
