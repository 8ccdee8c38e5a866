"""An office that loses its computer and goes on from a backup, and what the broker may have lost of its inbox."""

from __future__ import annotations

import shutil
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from refbus.core.consent.record import ConsentState, Effect
from refbus.core.ids import OrgId
from refbus.core.vocabulary import EventType
from refbus.wire.payload import decode_payload
from refbus_gateway.home import backups
from refbus_gateway.home.gateway import Gateway
from refbus_gateway.home.restore import restore
from refbus_gateway.outbox import envelopes
from refbus_gateway.outbox.envelopes import Draft
from refbus_gateway.store import cases, consents, outbox, referrals
from support.ceremonies import PASSPHRASE
from support.gateways import World


@dataclass
class Comeback:
    """The backups of one office of a world. `road`: a world of gateways, with or without gates."""

    road: World
    folder: Path
    made: list[Path] = field(default_factory=list)

    def back_up(self, gateway: Gateway) -> None:
        """Make one more backup."""
        place = self.folder / f"backup-{len(self.made)}"
        backups.back_up(gateway, place)
        self.made.append(place)

    def lose_inbox(self, org: OrgId) -> None:
        """Let the broker have nothing any more of what came into an inbox."""
        topic = f"{org[:2]}.inbox.{org}"
        self.road.bus.truncate(topic, self.road.bus.end(topic))

    def come_back(self, gateway: Gateway) -> Gateway:
        """Lose the office's home, bring the newest backup back, and open it."""
        gateway.close()
        home = self.road.home(gateway.me)
        shutil.rmtree(home.path)
        restore(self.made[-1], home, PASSPHRASE, self.road.clock)
        return self.road.gateway(gateway.me)


def words_of(gateway: Gateway, *, outgoing: bool) -> list[str]:
    """Return what was said of restores, in the order in which it is kept here."""
    with gateway.store.read() as tx:
        found = [event for course in referrals.every(tx) for event in referrals.events_of(tx, course)]
    kept = [each for each in found if each.block.event_type is EventType.OFFICE_RESTORED and each.outgoing == outgoing]
    return [decode_payload(each.payload)[1]["word"] for each in kept]


def is_withdrawn(gateway: Gateway, case: int) -> bool:
    """Whether a withdrawal of a case is kept here."""
    with gateway.store.read() as tx:
        kept = consents.of_case(tx, cases.get(tx, case))
    return any(each.signed.record.state is ConsentState.WITHDRAWN for each in kept)


def denies(gateway: Gateway, case: int) -> bool:
    """Whether a consent of a case that is kept here says no to something."""
    with gateway.store.read() as tx:
        kept = consents.of_case(tx, cases.get(tx, case))
    return any(rule.effect is Effect.DENY for each in kept for rule in each.signed.record.provisions)


def events_kept(gateway: Gateway) -> int:
    """Return how many events are kept here."""
    with gateway.store.read() as tx:
        return sum(len(referrals.events_of(tx, course)) for course in referrals.every(tx))


def say_restored(gateway: Gateway, number: int, restore_id: bytes, since_ms: int, word: str = "RESTORED") -> None:
    """Say in a referral that this office goes on from a backup, or that it has answered, whether or not it is so."""
    fields = {"word": word, "restore_id": restore_id, "since_ms": since_ms}
    with gateway.store.write() as tx:
        course = referrals.get(tx, number)
        draft = Draft(EventType.OFFICE_RESTORED, fields, envelopes.terms_of(tx, course))
        envelopes.send(gateway, tx, course, draft)


def sealed(gateway: Gateway) -> Counter[EventType]:
    """Return in how many envelopes the events of each type were sealed here."""
    with gateway.store.read() as tx:
        found = [event for course in referrals.every(tx) for event in referrals.events_of(tx, course) if event.outgoing]
        return Counter(event.block.event_type for event in found for _ in outbox.of_event(tx, event.id))
