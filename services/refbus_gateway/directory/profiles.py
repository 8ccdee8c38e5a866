"""What the members say of themselves, as this home has it, and our own (docs/spec/profiles.md).

They are kept sealed: how much room there is, and where, is for members. Each stands alone: one that does not open, or
does not count any more, is as if it had never come.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from refbus.core.ids import OrgId
from refbus.core.profile import Profile, Wrong, doubts, faults, is_hidden
from refbus.core.units import DAY_MS, HOUR_MS
from refbus.each import each
from refbus.errors import Code, MalformedError, UncheckableError
from refbus.trust.member.profile import is_newer, profile_path, read_profile, sign_profile, still_counts
from refbus.wire.profile import SignedProfile, decode_signed
from refbus.wire.transport import DirectoryFile
from refbus_gateway.home.gateway import Gateway
from refbus_gateway.store import outbox
from refbus_gateway.store.session import Transaction

AGAIN_MS: Final = 7 * DAY_MS
"""How often the own profile is signed and sent anew: the topic keeps it for thirty days, and a key has an end."""
UNHEARD_MS: Final = HOUR_MS
"""The same while it has not come back over the directory's topic."""
OLD_MS: Final = 90 * DAY_MS
"""A profile that nobody confirmed for so long is shown as old."""
_SENT: Final = "profile-sent-ms"
_BACK: Final = "profile-back"


@dataclass(frozen=True, slots=True)
class Own:
    """Our own profile. `handed_on`: this version came back over the directory's topic, so the others get it too."""

    profile: Profile
    handed_on: bool


def take(gateway: Gateway, file: DirectoryFile) -> None:
    """Keep a profile that arrived, if it is newer than the one here. Raises as `read_profile` does."""
    directory = gateway.view()
    signed = read_profile(file, directory, gateway.now_ms())
    org = signed.profile.organisation
    with gateway.store.write() as tx:
        before = _kept(tx, [org]).get(org)
        counts = before is not None and still_counts(before, directory)
        if before is None or not counts or is_newer(signed, before):
            _keep(tx, org, file.content)
        if org == gateway.me:
            tx.put_int(_BACK, max(tx.get_int(_BACK), signed.profile.version))
            if before is not None and _was_said_later(before.profile, signed.profile):
                publish(gateway, tx, before.profile)  # a store from a backup counts from an old number


def of(gateway: Gateway, tx: Transaction, orgs: Iterable[OrgId]) -> dict[OrgId, Profile]:
    """Return the profiles that are here and count, by organisation; none before there is a directory."""
    directory = gateway.newest_directory()
    if directory is None:
        return {}
    found = _kept(tx, orgs)
    return {org: signed.profile for org, signed in found.items() if still_counts(signed, directory)}


def own(gateway: Gateway, tx: Transaction) -> Own | None:
    """Return our own profile, None before there is one. A revoked key does not take it from us."""
    found = _kept(tx, [gateway.me]).get(gateway.me)
    if found is None:
        return None
    return Own(found.profile, tx.get_int(_BACK) >= found.profile.version)


def is_old(profile: Profile, now_ms: int) -> bool:
    """Whether nobody there has confirmed a profile for long."""
    return now_ms - profile.changed_at_ms > OLD_MS


def is_hidden_here(gateway: Gateway) -> bool:
    """Whether no street may stand in our own profile: as the directory has us, and while it does not have us."""
    directory = gateway.newest_directory()
    listed = None if directory is None else directory.find(gateway.me)
    return listed is None or is_hidden(listed)


def problems(gateway: Gateway, profile: Profile) -> list[Wrong]:
    """Return what must not stand in our own profile: what readers refuse, and what looks like a person or a street."""
    hidden = is_hidden_here(gateway)
    return [*faults(profile, hidden=hidden), *doubts(profile, hidden=hidden)]


def publish(gateway: Gateway, tx: Transaction, profile: Profile) -> Profile:
    """Sign a profile as the next version of our own, keep it and queue it; return it as it was signed.

    Raises MalformedError PROFILE_REFUSED for what must not stand in one, UncheckableError DIRECTORY_INVALID,
    KEY_UNKNOWN.
    """
    wrong = problems(gateway, profile)
    if wrong:
        raise MalformedError(Code.PROFILE_REFUSED, f"{wrong[0].field}: {wrong[0].fault}")
    before = own(gateway, tx)
    version = 1 if before is None else before.profile.version + 1
    now_ms = gateway.now_ms()
    signer = gateway.keys.signer(gateway.view(), gateway.me, now_ms)
    at_ms = gateway.keys.nearest_ms(gateway.view(), gateway.me, now_ms)
    changed_ms = min(profile.changed_at_ms, at_ms)
    said = replace(profile, version=version, issued_at_ms=at_ms, changed_at_ms=changed_ms)
    content = sign_profile(said, signer)
    _keep(tx, gateway.me, content)
    outbox.add(tx, gateway.profiles_topic, DirectoryFile(profile_path(gateway.me), content).encode(), now_ms=now_ms)
    tx.put_int(_SENT, now_ms)
    return said


def send_again(gateway: Gateway) -> None:
    """Sign and queue the own profile anew when it is due; what cannot be signed now waits. Raises StoreError.

    What a person said of it stays as it is, with its date.
    """
    now_ms = gateway.now_ms()
    with gateway.store.read() as tx:
        found, sent_ms = own(gateway, tx), tx.get_int(_SENT)
    if found is None or 0 <= now_ms - sent_ms < (AGAIN_MS if found.handed_on else UNHEARD_MS):
        return
    try:
        with gateway.store.write() as tx:
            publish(gateway, tx, found.profile)
    except (MalformedError, UncheckableError):
        return  # the office has become a shelter, or has no key: a person mends it, and others see the date


def _name(tx: Transaction, org: OrgId) -> str:
    return f"profiles/{tx.vault.hash('profiles', org.encode()).hex()}"


def _keep(tx: Transaction, org: OrgId, content: bytes) -> None:
    name = _name(tx, org)
    tx.put(name, tx.vault.seal(name.encode(), content))


def _kept(tx: Transaction, orgs: Iterable[OrgId]) -> dict[OrgId, SignedProfile]:
    """Return what is kept of these organisations; what does not open or read is left out, and comes again."""
    names = {_name(tx, org): org for org in orgs}
    rows = tx.get_all(names).items()
    opened = each(rows, lambda row: (names[row[0]], _open(tx, *row)), lambda *_: None)
    return dict(opened)


def _open(tx: Transaction, name: str, sealed: bytes) -> SignedProfile:
    return decode_signed(tx.vault.open(name.encode(), sealed))


def _was_said_later(ours: Profile, came: Profile) -> bool:
    return ours.version <= came.version and ours.changed_at_ms > came.changed_at_ms
