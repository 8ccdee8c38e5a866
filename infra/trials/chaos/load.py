"""Sends sealed cases to the outboxes, journals every send, and sends the same bytes again until the broker has them.

The events of a case go out one after the other: the next only when the broker has confirmed the one before, as a
gateway does. Many cases go side by side.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice

from confluent_kafka import KafkaError, Message, Producer

from chaos.journal import Attempt, Journal, Nature, Outcome, Planned
from chaos.sealing import Sealed
from refbus.bus.address import BrokerAddress
from refbus.core.ids import CountryCode

SIDE_BY_SIDE = 40
"""Cases that are under way at the same time."""
PATIENCE_S = 120.0
_REFUSED = frozenset({KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.INVALID_RECORD, KafkaError.TOPIC_AUTHORIZATION_FAILED})

Letter = tuple[Planned, bytes]


class LoadStuckError(Exception):
    """The broker did not take an event in time."""


class Load:
    """The sender. `progress` hears how many events the broker has; `again` is the share that is sent once more.

    `acks` is whose word counts as the broker's: that of all replicas in step, or of one. `addresses` are asked before
    each wave: a sender that has got a new certificate goes on with it.
    """

    def __init__(
        self,
        addresses: Mapping[CountryCode, Callable[[], BrokerAddress]],
        journal: Journal,
        rng: random.Random,
        *,
        again: float = 0.02,
        acks: str = "all",
        progress: Callable[[int], None] = lambda _sent: None,
    ) -> None:
        self._addresses = addresses
        self._acks = acks
        self._known: dict[CountryCode, BrokerAddress] = {}
        self._producers: dict[CountryCode, Producer] = {}
        self._renew()
        self._journal = journal
        self._rng = rng
        self._again = again
        self._progress = progress
        self.sent = 0
        self.repeats = 0
        self._outcomes: Counter[Outcome] = Counter()
        self._natures: Counter[Nature] = Counter()
        self._late = 0

    def run(self, cases: Iterator[Sealed]) -> None:
        """Send everything. Raises LoadStuckError; the journal has what happened so far."""
        while cohort := list(islice(cases, SIDE_BY_SIDE)):
            self._journal.planned(planned for case in cohort for planned, _ in case)
            self._note([[planned.nature for planned, _ in case] for case in cohort])
            for step in range(max(len(case) for case in cohort)):
                wave = [case[step] for case in cohort if step < len(case)]
                self._renew()
                self._until_taken(wave)
                self.sent += len(wave)
                self._repeat(wave)
                self._progress(self.sent)

    def counted(self) -> dict[str, int]:
        """Return what of all that was sent is a fault in itself, by name, without zeros."""
        found = {
            "sent again": self.repeats,
            "send failed": self._outcomes[Outcome.FAILED],
            "send unknown": self._outcomes[Outcome.UNKNOWN],
            "poison": self._natures[Nature.POISON],
            "sent without consent": self._natures[Nature.UNCONSENTED],
            "sent after a withdrawal": self._late,
        }
        return {name: times for name, times in found.items() if times}

    def close(self) -> None:
        """Give up what is queued and free the connections."""
        for producer in self._producers.values():
            producer.purge()
            producer.flush(1.0)

    def _renew(self) -> None:
        """Take another producer where a sender reaches its broker otherwise than before; nothing is under way here."""
        for country, address in self._addresses.items():
            found = address()
            if self._known.get(country) != found:
                self._known[country], self._producers[country] = found, _producer(found, self._acks)

    def _note(self, cases: list[list[Nature]]) -> None:
        for natures in cases:
            self._natures.update(natures)
            if Nature.WITHDRAWAL in natures:
                self._late += len(natures) - natures.index(Nature.WITHDRAWAL) - 1

    def _repeat(self, wave: list[Letter]) -> None:
        """Send some events once more although the broker has them, as a gateway does whose gate is silent."""
        chosen = [letter for letter in wave if self._rng.random() < self._again]
        self.repeats += len(chosen)
        if chosen:
            self._send(chosen)

    def _until_taken(self, wave: list[Letter]) -> None:
        deadline = time.monotonic() + PATIENCE_S
        left = wave
        while left:
            left = self._send(left)
            if left and time.monotonic() > deadline:
                raise LoadStuckError(f"{len(left)} events were not taken")
            if left:
                time.sleep(0.2)

    def _send(self, wave: Iterable[Letter]) -> list[Letter]:
        """Send once, journal what the broker said, and return what it did not confirm."""
        letters = list(wave)
        heard: dict[str, Outcome] = {}

        def report(event: str) -> Callable[[KafkaError | None, Message], None]:
            def note(failure: KafkaError | None, _message: Message) -> None:
                heard[event] = _outcome(failure)

            return note

        for planned, value in letters:
            producer = self._producers[CountryCode(planned.sender[:2])]
            producer.produce(f"{planned.sender[:2]}.outbox", value, on_delivery=report(planned.event))
        for producer in self._producers.values():
            producer.flush(10.0)
        attempts = [Attempt(planned.event, heard.get(planned.event, Outcome.UNKNOWN)) for planned, _ in letters]
        self._journal.attempts(attempts)
        self._outcomes.update(each.outcome for each in attempts)
        return [letter for letter in letters if heard.get(letter[0].event) is not Outcome.OK]


def _outcome(failure: KafkaError | None) -> Outcome:
    if failure is None:
        return Outcome.OK
    return Outcome.FAILED if failure.code() in _REFUSED else Outcome.UNKNOWN


def _producer(address: BrokerAddress, acks: str) -> Producer:
    # Not idempotent on purpose: after an unknown outcome the same bytes go out again, and nothing but the gate dedupes.
    return Producer(
        address.client_config("chaos-load")
        | {
            "acks": acks,
            "enable.idempotence": False,
            "max.in.flight.requests.per.connection": 1,
            "delivery.timeout.ms": 2_000,
            "request.timeout.ms": 1_500,
            "linger.ms": 2,
        }
    )
