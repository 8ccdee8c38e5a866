"""Making and changing the keys of this organisation. Private halves never leave the home; small files go out.

First keys: `init` writes an enrolment request; the ceremony sends a challenge; `answer` shows that the key is here.
Later: `rotate` makes what is due and writes an update; `prune` destroys what nothing can need any more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from refbus.core.directory import Directory, KemKey, Organisation, SigningKey
from refbus.core.ids import KeyId
from refbus.crypto.kem import KemPrivate
from refbus.crypto.signing import SigningPair
from refbus.errors import Code, SetupError, UncheckableError
from refbus.files import alone_in, read_limited, write_whole
from refbus.said import said
from refbus.trust.homes import Home as MemberHome
from refbus.trust.homes import Identity
from refbus.trust.member import enrolment
from refbus.trust.member.enrolment import Profile
from refbus.trust.member.enrolment_file import fingerprint
from refbus.trust.member.loss import make_report, of_keys
from refbus.trust.member.rotation import Duty, Task, duties
from refbus.trust.reader.history import keep_ms
from refbus_gateway.home import begun, keyfolder, slots
from refbus_gateway.home.folder import Home
from refbus_gateway.home.gateway import Gateway

REQUEST_FILE = begun.REQUEST
ANSWER_FILE = "enrolment-answer.json"
_LIMIT = 65_536


@dataclass(frozen=True, slots=True)
class KeyLine:
    """One private key of this home and what the directory says of it. Times UTC ms, None when it is not listed."""

    kind: str
    kid: KeyId
    listed: bool
    usable: bool
    not_before_ms: int | None
    not_after_ms: int | None


def init(home: Home, profile: Profile, passphrase: str, now_ms: int) -> bytes:
    """Make a home with first keys and return the enrolment request (public keys only), also kept in the home.

    Raises SetupError USAGE when the folder is a home with keys already, StoreError.
    """
    with alone_in(home.path / "keys"):
        if any((home.path / "keys").glob("*.key")):
            raise SetupError(Code.USAGE, said("this home has keys already: refbus keys rotate makes new ones"))
        return _init(home, profile, passphrase, now_ms)


def _init(home: Home, profile: Profile, passphrase: str, now_ms: int) -> bytes:
    member = MemberHome.create(home.path, Identity(profile.org_id, profile.country, profile.role), None)
    pair, kem = SigningPair.generate(), KemPrivate.generate()
    member.save_signing(pair, passphrase)
    member.save_kem(kem, passphrase)
    request = enrolment.make_request(profile, pair, kem, now_ms)
    write_whole(home.path / REQUEST_FILE, request)
    return request


def request_of(home: Home) -> bytes:
    """Return the enrolment request that `init` kept. Raises SetupError FILE_UNREADABLE."""
    return read_limited(home.path / REQUEST_FILE, _LIMIT)


def fingerprint_of(request: bytes) -> str:
    """Return what the organisation and the ceremony compare by telephone, 64 hexadecimal digits.

    Raises MalformedError, UntrustedError for a request that was changed.
    """
    return fingerprint(enrolment.parse_request(request).signing[0].key).hex()


def answer(home: Home, challenge: bytes, passphrase: str) -> bytes:
    """Return the answer to the ceremony's challenge. Raises UntrustedError OPEN_FAILED, SetupError, MalformedError."""
    request = request_of(home)
    keys = list(home.member.kem_keys(passphrase).values())
    if len(keys) != 1:
        raise SetupError(Code.USAGE, said("an enrolment is answered before any rotation"))
    return enrolment.answer_challenge(challenge, request, keys[0])


def read_challenge(path: Path) -> bytes:
    """Return the content of a challenge file. Raises SetupError FILE_UNREADABLE."""
    return read_limited(path, _LIMIT)


def key_lines(gateway: Gateway) -> list[KeyLine]:
    """Return every private key of the home with its place in the directory."""
    now_ms = gateway.now_ms()
    own = _own(gateway, gateway.history.latest)
    signing = [(kid, own.signing_key(kid)) for kid in gateway.keys.signing]
    kems = [(kid, own.kem_key(kid)) for kid in gateway.keys.kem]
    lines = [_line("signing", kid, key, now_ms) for kid, key in signing]
    return [*lines, *(_line("kem", kid, key, now_ms) for kid, key in kems)]


def due(gateway: Gateway) -> Sequence[Duty]:
    """Return what there is to do about keys, soonest first."""
    directory = gateway.directory()
    held = {*gateway.keys.signing, *gateway.keys.kem}
    return duties(_own(gateway, directory), held, keep_ms(directory), gateway.now_ms())


def rotate(gateway: Gateway, passphrase: str, *, signing: bool, kem: bool) -> bytes:
    """Make new keys, keep them in the home, and return the update for the ceremony (public keys only).

    The new keys are used once the directory lists them; until then nothing changes. Raises SetupError
    KEYFILE_WRONG_PASSPHRASE when the keys of this home are sealed under something else.
    """
    with keyfolder.held(gateway.home.path, alone=True):
        slots.require_secret(gateway.home, passphrase)
        return _rotate(gateway, passphrase, signing=signing, kem=kem)


def _rotate(gateway: Gateway, passphrase: str, *, signing: bool, kem: bool) -> bytes:
    now_ms, directory = gateway.now_ms(), gateway.directory()
    own, signer = _own(gateway, directory), gateway.keys.signer(directory, gateway.me, now_ms)
    signing_entries, kem_entries = [], []
    if signing:
        pair = SigningPair.generate()
        gateway.home.member.save_signing(pair, passphrase)
        signing_entries.append(enrolment.next_signing(own, pair, signer, now_ms))
    if kem:
        private = KemPrivate.generate()
        gateway.home.member.save_kem(private, passphrase)
        kem_entries.append(enrolment.next_kem(own, private, signer, now_ms))
    return enrolment.make_update(gateway.me, tuple(signing_entries), tuple(kem_entries))


def report_lost(gateway: Gateway, since_ms: int) -> bytes:
    """Return the report that a computer with the keys of this home is lost, signed with the newest key that is here.

    It names every key of the organisation, those that the directory lists and those that are in this home.
    """
    directory = gateway.view()
    held = (*gateway.keys.signing, *gateway.keys.kem)
    loss = of_keys(_own(gateway, directory), since_ms, held)
    listed = [key for key in _own(gateway, directory).signing_keys if key.kid in gateway.keys.signing]
    if not listed:
        raise UncheckableError(Code.KEY_UNKNOWN, said("no signing key of this home is in the directory and in force"))
    return make_report(loss, gateway.keys.signing[max(listed, key=lambda key: key.not_before_ms).kid])


def prune(gateway: Gateway) -> list[KeyId]:
    """Destroy the private keys that nothing can need any more, and return their ids: that is the forward secrecy.

    Raises UncheckableError CLOCK_JUMPED or CLOCK_SKEW while the clock is in doubt: a key does not come back.
    """
    standing = gateway.clock.standing()
    if standing.codes:
        raise UncheckableError(standing.codes[0], standing.detail)
    over = [duty.kid for duty in due(gateway) if duty.task in {Task.DESTROY_KEM, Task.DESTROY_SIGNING}]
    with keyfolder.held(gateway.home.path, alone=True):
        return [kid for kid in over if kid is not None and gateway.home.member.destroy(kid)]


def _own(gateway: Gateway, directory: Directory) -> Organisation:
    own = directory.find(gateway.me)
    if own is None:
        raise UncheckableError(Code.ORGANISATION_UNKNOWN, said("this organisation is not in the directory yet"))
    return own


def _line(kind: str, kid: KeyId, key: SigningKey | KemKey | None, now_ms: int) -> KeyLine:
    if key is None:
        return KeyLine(kind, kid, listed=False, usable=False, not_before_ms=None, not_after_ms=None)
    return KeyLine(kind, kid, True, key.usable_at(now_ms), key.not_before_ms, key.not_after_ms)
