"""Key slots: how several people open one home, each with a passphrase of one's own (docs/spec/key-slots.md).

The key files of a home are sealed under one random home secret. Each person has a key pair: the private half is in
`keys/people/ID.key` under the person's passphrase, the public half is in `keys/people/ID.slot`, together with the home
secret sealed to it. So a passphrase is changed without the others, and the home secret is renewed without anybody's.

One more slot, `recovery.slot`, may have its private half on paper only, in shares for several keepers.

A home without slots is opened by one passphrase, which is then what its key files are sealed under.
"""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from refbus.core.ids import OrgId
from refbus.crypto import keyfile
from refbus.crypto.kem import KemPrivate
from refbus.crypto.stanza import BOX_KEY_SIZE
from refbus.each import each
from refbus.errors import Code, RefbusError, SetupError
from refbus.files import copy_whole, make_folder, store_errors
from refbus.said import said
from refbus_gateway.home import keyfolder, slotfile
from refbus_gateway.home.folder import Home
from refbus_gateway.home.slotfile import Slot

MOST_SLOTS: Final = 64
SERVICE: Final = "service"
"""The slot of the service that nobody sits at: its passphrase is in a file, and it has no name."""
RECOVERY: Final = "recovery"
"""The slot whose private half is on paper only, in shares (`refbus_gateway.home.sheets`). Nobody signs in by it."""
MEMORY_KIB: Final = keyfile.MEMORY_KIB
"""Memory of Argon2id for what a person's passphrase opens."""
SEALED_KIB: Final = 64
"""Memory of Argon2id for key files under a home secret: 32 random bytes need no stretching."""
_ID_BYTES: Final = 8
_SALT_BYTES: Final = 16


@dataclass(frozen=True, slots=True)
class Opened:
    """A home that somebody opened: `slot` is who, `secret` what the key files are sealed under.

    `slot` is "" in a home without slots.
    """

    slot: str
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class NewSlot:
    """Who gets a slot: an id (`new_id`, or SERVICE), a name to sign in with, a first passphrase."""

    slot_id: str
    name: str
    passphrase: str = field(repr=False)
    memory_kib: int | None = None


def new_id() -> str:
    """Return the id of a new slot: 16 random hexadecimal digits."""
    return secrets.token_hex(_ID_BYTES)


def has_slots(home: Home) -> bool:
    """Whether this home is opened by people, as against one passphrase."""
    return slotfile.folder_of(home).is_dir()


def ids(home: Home) -> tuple[str, ...]:
    """Return the ids of all slots that a passphrase opens."""
    return tuple(sorted(path.stem for path in slotfile.folder_of(home).glob("*.slot") if path.stem != RECOVERY))


def has_recovery(home: Home) -> bool:
    """Whether key shares on paper open this home."""
    return (slotfile.folder_of(home) / f"{RECOVERY}.slot").is_file()


def begin(home: Home, passphrase: str, first: NewSlot) -> Opened:
    """Give a home with one passphrase a home secret, and its first person a slot. Until it is done nothing is changed.

    Raises SetupError USAGE when it has slots already, KEYFILE_* when `passphrase` does not open it; StoreError.
    """
    home.require()
    with keyfolder.held(home.path, alone=True):
        if has_slots(home):
            raise SetupError(Code.USAGE, said("this home has people already: refbus people add"))
        return Opened(first.slot_id, _renew(home, passphrase, (), first))


def sign_in(home: Home, name: str | None, passphrase: str) -> Opened:
    """Open a home as somebody: with `name` a person, without it the service that nobody sits at.

    In a home without slots its one passphrase is all. Raises SetupError: KEYFILE_WRONG_PASSPHRASE for a wrong name and
    a wrong passphrase alike, KEYFILE_DAMAGED, KEYFILE_UNSAFE, USAGE for a name without people, none without a service.
    Whoever asks has seen that the home is whole (`Home.require`).
    """
    with keyfolder.held(home.path):
        return open_slot(home, name, passphrase)


def open_slot(home: Home, name: str | None, passphrase: str) -> Opened:
    """Do what `sign_in` does, in a folder that nobody changes: a backup."""
    if not has_slots(home):
        if name is not None:
            raise SetupError(Code.USAGE, said("nobody signs in here by name: refbus people begin"))
        return Opened("", passphrase)
    if name is None and SERVICE not in ids(home):
        raise SetupError(Code.USAGE, said("say who you are: --as NAME, or REFBUS_AS"))
    return _open(home, _find(home, name, passphrase), passphrase)


def check(home: Home, slot_id: str, passphrase: str) -> Opened:
    """Open one slot by its id: whoever signed in types the passphrase once more. Raises SetupError as `sign_in`."""
    home.require()
    with keyfolder.held(home.path):
        if slot_id not in ids(home):
            raise SetupError(Code.KEYFILE_WRONG_PASSPHRASE)
        return _open(home, slotfile.read(home, f"{slot_id}.slot"), passphrase)


def find_id(home: Home, name: str | None) -> str | None:
    """Return whose slot a name signs in to, None for nobody's; without a name the service's, where it has one."""
    if name is None:
        return SERVICE if SERVICE in ids(home) else None
    return next((slot.slot_id for slot in _named(home, name)), None)


def _open(home: Home, found: tuple[Slot, bytes, bytes], passphrase: str) -> Opened:
    slot, sealed, mac = found
    label, seed = keyfile.load(_key_path(home, slot.slot_id), passphrase)
    private = KemPrivate(seed)
    if label != _label(slot.org, slot.slot_id) or private.public != slot.public:
        raise slotfile.damaged(f"{slot.slot_id}.key")
    return Opened(slot.slot_id, slotfile.unseal(private, slot, sealed, mac).hex())


def require_secret(home: Home, secret: str) -> None:
    """Raise SetupError KEYFILE_WRONG_PASSPHRASE unless the keys of this home are sealed under `secret` today.

    Whatever writes a key file asks this first: a key under another secret opens for nobody.
    """
    if home.store_key.is_file():
        keyfile.load(home.store_key, secret)


def add(home: Home, secret: str, new: NewSlot) -> None:
    """Give somebody a slot. Raises SetupError USAGE for a name that is taken and beyond MOST_SLOTS; StoreError."""
    home.require()
    with keyfolder.held(home.path, alone=True):
        require_secret(home, secret)
        _require_slots(home)
        if len(ids(home)) >= MOST_SLOTS:
            raise SetupError(Code.USAGE, said("a home has at most %(most)s people", most=MOST_SLOTS))
        if new.slot_id in ids(home) or (new.slot_id != SERVICE and _named(home, new.name)):
            raise SetupError(Code.USAGE, said("somebody signs in with this name already"))
        slot = _make(slotfile.folder_of(home), home.member.identity().org_id, new)
        slotfile.write(slotfile.folder_of(home), slot, bytes.fromhex(secret))


def change_passphrase(home: Home, slot_id: str, old: str, new: str, memory_kib: int | None = None) -> None:
    """Seal one person's key under another passphrase; nothing else is touched. Raises SetupError KEYFILE_*."""
    home.require()
    with keyfolder.held(home.path, alone=True):
        path = _key_path(home, slot_id)
        label, seed = keyfile.load(path, old)
        keyfile.save(path, new, label, seed, memory_kib=memory_kib or MEMORY_KIB)


def replace_key(home: Home, secret: str, new: NewSlot) -> None:
    """Give somebody who forgot the passphrase another one: a new key pair. Whoever has the home secret may.

    Raises SetupError USAGE when there is no such slot, KEYFILE_*; StoreError.
    """
    home.require()
    with keyfolder.held(home.path, alone=True):
        require_secret(home, secret)
        if new.slot_id not in ids(home):
            raise SetupError(Code.USAGE, said("there is no such person: refbus people list"))
        # A stop between the two leaves a slot that does not open; it is given again.
        slot = _make(slotfile.folder_of(home), home.member.identity().org_id, new)
        slotfile.write(slotfile.folder_of(home), slot, bytes.fromhex(secret))


def lock_out(home: Home, secret: str, slot_id: str) -> str:
    """Take a slot away, and seal the keys under a new home secret; return that. Nobody else's passphrase is needed.

    Raises SetupError USAGE when there is no such slot or it is the last one, KEYFILE_*; StoreError.
    """
    home.require()
    with keyfolder.held(home.path, alone=True):
        known = ids(home)
        if slot_id not in known:
            raise SetupError(Code.USAGE, said("there is no such person: refbus people list"))
        if slot_id != SERVICE and not sound_ids(home, secret) - {slot_id, SERVICE}:
            raise SetupError(Code.USAGE, said("the last person who opens this home stays"))
        return _renew(home, secret, [each for each in known if each != slot_id], None)


def renew(home: Home, secret: str, keep: Collection[str]) -> str:
    """Seal the keys of a home under a new secret for the slots in `keep`; return it. Raises SetupError, StoreError."""
    home.require()
    with keyfolder.held(home.path, alone=True):
        _require_slots(home)
        return _renew(home, secret, [each for each in ids(home) if each in keep], None)


def set_recovery(home: Home, secret: str, public: bytes) -> str:
    """Let whoever has the private half of `public` open this home, and nobody by an older one; return the home secret.

    Where there was an older one the home secret is renewed, as when somebody is locked out. Raises SetupError USAGE in
    a home without people, KEYFILE_*; StoreError.
    """
    home.require()
    with keyfolder.held(home.path, alone=True):
        _require_slots(home)
        require_secret(home, secret)
        if has_recovery(home):
            secret = _renew(home, secret, ids(home), None, sheets=False)
        salt = secrets.token_bytes(_SALT_BYTES)
        slot = Slot(RECOVERY, home.member.identity().org_id, salt, slotfile.hidden(salt, RECOVERY), public)
        slotfile.write(slotfile.folder_of(home), slot, bytes.fromhex(secret))
        return secret


def open_recovery(home: Home, seed: bytes) -> str:
    """Return the home secret by the private key that was on paper, of a home or of a backup that nobody changes.

    Raises SetupError RECOVERY_NONE where no sheets were made, RECOVERY_FOREIGN for another private key,
    KEYFILE_DAMAGED.
    """
    if not has_recovery(home):
        raise SetupError(Code.RECOVERY_NONE)
    slot, sealed, mac = slotfile.read(home, f"{RECOVERY}.slot")
    private = KemPrivate(seed)
    if private.public != slot.public:
        raise SetupError(Code.RECOVERY_FOREIGN)
    return slotfile.unseal(private, slot, sealed, mac).hex()


def recover(home: Home, seed: bytes, first: NewSlot) -> Opened:
    """Open a home by its sheets and give it to `first` alone: every other slot is gone, that of the sheets too.

    Raises as `open_recovery` does; KEYFILE_*; StoreError.
    """
    home.require()
    with keyfolder.held(home.path, alone=True):
        secret = open_recovery(home, seed)
        return Opened(first.slot_id, _renew(home, secret, (), first, sheets=False))


def reseal(source: Path, target: Path, given: Iterable[str], secret: str) -> None:
    """Write the key file `source` to `target`, sealed under the home secret; it opens with that or one of `given`.

    Raises SetupError KEYFILE_*, StoreError.
    """
    if _inside(source, secret) is not None:
        if source != target:
            target.unlink(missing_ok=True)
            copy_whole(source, target)
        return
    for words in given:
        inside = _inside(source, words)
        if inside is not None:
            keyfile.save(target, secret, *inside, memory_kib=SEALED_KIB)
            return
    raise SetupError(Code.KEYFILE_WRONG_PASSPHRASE, source.name)


def _inside(path: Path, words: str) -> tuple[str, bytes] | None:
    try:
        return keyfile.load(path, words)
    except RefbusError as error:
        if error.code is not Code.KEYFILE_WRONG_PASSPHRASE:
            raise
        return None


def _renew(home: Home, old: str, keep: Iterable[str], first: NewSlot | None, *, sheets: bool = True) -> str:
    """Make the folder `keys` anew, sealed under a new secret, and let it take its place.

    `sheets`: the sheets on paper that open the home go on to do so.
    """
    require_secret(home, old)
    secret = secrets.token_bytes(BOX_KEY_SIZE)
    keys, draft = home.path / keyfolder.KEYS, home.path / keyfolder.DRAFT
    people = draft / slotfile.PEOPLE
    with store_errors("keys"):
        shutil.rmtree(draft, ignore_errors=True)
        make_folder(people)
    for path in sorted(keys.iterdir()):
        if path.is_file():
            _carry(path, draft / path.name, old, secret.hex())
    for slot_id in keep:
        _carry_slot(home, slot_id, people, bytes.fromhex(old), secret)
    if sheets and has_recovery(home):
        with suppress(SetupError):  # one that is damaged opens nothing; whoever asks is told that there are no sheets
            slotfile.write(people, slotfile.proven(home, RECOVERY, bytes.fromhex(old)), secret)
    if first is not None:
        slotfile.write(people, _make(people, home.member.identity().org_id, first), secret)
    keyfolder.replace(home.path)
    return secret.hex()


def _carry(source: Path, target: Path, old: str, secret: str) -> None:
    """Seal one key file anew; what does not open is kept as it is: a backup may mend it."""
    if source.suffix == ".key":
        with suppress(SetupError):
            reseal(source, target, (old,), secret)
            return
    copy_whole(source, target)


def _carry_slot(home: Home, slot_id: str, target: Path, old: bytes, secret: bytes) -> None:
    """Give one person the new home secret.

    A slot that is damaged, or that somebody made who had not the secret until now, gets nothing and is kept as it is:
    it keeps nobody from being locked out.
    """
    key = _key_path(home, slot_id)
    if key.is_file():
        copy_whole(key, target / key.name)
    try:
        slot = slotfile.proven(home, slot_id, old)
    except SetupError:
        copy_whole(slotfile.folder_of(home) / f"{slot_id}.slot", target / f"{slot_id}.slot")
    else:
        slotfile.write(target, slot, secret)


def sound_ids(home: Home, secret: str) -> frozenset[str]:
    """Return the ids of the slots that this home secret proves and that have their key file."""
    failed: list[RefbusError] = []
    key = bytes.fromhex(secret)
    named = [slot_id for slot_id in ids(home)[: MOST_SLOTS + 1] if _key_path(home, slot_id).is_file()]
    proven = each(named, lambda one: slotfile.proven(home, one, key), lambda _, error: failed.append(error))
    return frozenset(slot.slot_id for slot in proven)


def _key_path(home: Home, slot_id: str) -> Path:
    return slotfile.folder_of(home) / f"{slot_id}.key"


def _require_slots(home: Home) -> None:
    if not has_slots(home):
        raise SetupError(Code.USAGE, said("this home has no people yet: refbus people begin"))


def _label(org: OrgId, slot_id: str) -> str:
    return f"person {org} {slot_id}"


def _make(folder: Path, org: OrgId, new: NewSlot) -> Slot:
    """Write the private key of a new slot. It opens nothing before its slot is written."""
    private, salt = KemPrivate.generate(), secrets.token_bytes(_SALT_BYTES)
    label = _label(org, new.slot_id)
    keyfile.save(
        folder / f"{new.slot_id}.key", new.passphrase, label, private.seed, memory_kib=new.memory_kib or MEMORY_KIB
    )
    return Slot(new.slot_id, org, salt, slotfile.hidden(salt, new.name), private.public)


def _all(home: Home) -> tuple[list[tuple[Slot, bytes, bytes]], list[RefbusError]]:
    """Return all slots that can be read, and what is wrong with the others."""
    wrong: list[RefbusError] = []
    names = [f"{slot_id}.slot" for slot_id in ids(home)[: MOST_SLOTS + 1]]
    return each(names, lambda name: slotfile.read(home, name), lambda _, error: wrong.append(error)), wrong


def _named(home: Home, name: str) -> list[Slot]:
    """Return the slots of people with this name to sign in with."""
    return [slot for slot, _, _ in _all(home)[0] if _has_name(slot, name)]


def _has_name(slot: Slot, name: str) -> bool:
    return slot.slot_id != SERVICE and slot.name == slotfile.hidden(slot.salt, name)


def _find(home: Home, name: str | None, passphrase: str) -> tuple[Slot, bytes, bytes]:
    if name is None:
        return slotfile.read(home, f"{SERVICE}.slot")
    slots, wrong = _all(home)
    found = [each for each in slots if _has_name(each[0], name)]
    if found:
        return found[0]
    for error in wrong:  # it may be this person's
        raise error
    for slot, _, _ in slots[:1]:  # a name that there is not takes as long as a wrong passphrase
        with suppress(RefbusError):
            keyfile.load(_key_path(home, slot.slot_id), f"\0{passphrase}")
    raise SetupError(Code.KEYFILE_WRONG_PASSPHRASE)
