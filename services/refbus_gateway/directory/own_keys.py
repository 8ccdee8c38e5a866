"""Watching what the directory lists under this organisation's name: a key that never was in this home is an alarm.

Each new version that comes into force is compared with the keys of the home and with those that it ever had. Whoever
can publish a key in an organisation's name could write, or read what is sealed to it, in its name.
"""

from __future__ import annotations

from refbus.core.directory import KemKey, SigningKey
from refbus.core.ids import KeyId
from refbus.errors import Code
from refbus.said import said
from refbus_gateway.home.gateway import Gateway
from refbus_gateway.store import alarms, ownkeys
from refbus_gateway.store.session import Transaction

_CHECKED = "own-keys-checked"
_FOREIGN = "own-keys-foreign"


def check(gateway: Gateway) -> None:
    """Compare the directory in force with what this home has, once for each version. Raises StoreError."""
    directory = gateway.newest_directory()
    own = directory.find(gateway.me) if directory else None
    if directory is None or own is None:
        return
    with gateway.store.read() as tx:
        if tx.get_int(_CHECKED) == directory.version:
            return
    listed: list[SigningKey | KemKey] = [*own.signing_keys, *own.kem_keys]
    held = gateway.home.member.held()
    with gateway.store.write() as tx:
        foreign = _foreign(tx, listed, held, gateway.now_ms())
        for kid in foreign:
            told = said("key %(key)s", key=kid.hex())
            alarms.raise_of_many(tx, Code.KEY_NOT_OURS, said("key"), told, gateway.now_ms())
        tx.put_int(_FOREIGN, len(foreign))
        tx.put_int(_CHECKED, directory.version)


def foreign(tx: Transaction) -> int:
    """Return how many keys the directory lists under our name that never were here."""
    return tx.get_int(_FOREIGN)


def _foreign(tx: Transaction, listed: list[SigningKey | KemKey], held: frozenset[KeyId], now_ms: int) -> list[KeyId]:
    """Return the ids that are listed and never were here. A home that looks for the first time takes ended ones as own.

    Their private halves may have been destroyed before anyone wrote their ids down.
    """
    before = ownkeys.known(tx)
    ended = set[KeyId]() if before else {key.kid for key in listed if key.not_after_ms <= now_ms}
    ownkeys.remember(tx, held | ended, now_ms)
    return sorted({key.kid for key in listed} - held - ended - before)
