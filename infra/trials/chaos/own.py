"""Our own scenarios: faults that the product must bear without a single wrong effect."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from functools import partial

from chaos import faults
from chaos.auditing import judge_audit, start_auditor
from chaos.cases import Mix, Road
from chaos.ground import Ground
from chaos.stage import KG, KZ, UZ, Cast, Sabotage, Scenario, send_beside
from chaos.timeline import Fault

BOTH = (KZ, UZ)
NAMED = (
    "between signing and the transaction",
    "before the transaction",
    "inside the transaction",
    "between transaction and ack",
    "before the ack",
    "after publish",
    "between publish and mark-sent",
)


def _kills(number: int) -> Callable[[Ground, Cast], Sequence[Fault]]:
    def prepare(ground: Ground, cast: Cast) -> Sequence[Fault]:
        return [partial(ground.kill, cast.rng.choice(BOTH)) for _ in range(number)]

    return prepare


def _none(_ground: Ground, _cast: Cast) -> Sequence[Fault]:
    return ()


def _named(rng: random.Random) -> Sabotage:
    """Each gate dies at each named point, in a drawn order, each time after a few calls."""
    return {country: [(name, rng.randint(2, 6)) for name in rng.sample(NAMED, len(NAMED))] for country in BOTH}


def _head(rng: random.Random) -> Sabotage:
    """Each gate meets a mistake of the code twice and a failing store twice, in turn."""

    def plan() -> list[tuple[str, int]]:
        pairs = [[("exception at the head", rng.randint(3, 40)), ("store fails at the head", rng.randint(2, 4))]] * 2
        return [each for pair in pairs for each in pair]

    return {country: plan() for country in BOTH}


def _freezes(ground: Ground, _cast: Cast) -> Sequence[Fault]:
    return [partial(faults.freeze, ground, country) for country in BOTH]


def _second_owners(ground: Ground, _cast: Cast) -> Sequence[Fault]:
    return [partial(faults.second_owner, ground, country) for country in BOTH]


def _strangers(ground: Ground, _cast: Cast) -> Sequence[Fault]:
    return [partial(faults.stranger, ground, country) for country in BOTH]


def _refusals(ground: Ground, _cast: Cast) -> Sequence[Fault]:
    shelter = ground.member(KZ, "NGO")
    topics = [(UZ, f"{UZ}.border.{KZ}"), (KZ, f"{KZ}.inbox.{shelter}"), (KZ, f"{KZ}.outbox"), (KZ, f"{KZ}.border.{UZ}")]
    return [partial(faults.refuse, ground, country, topic, 3.0) for country, topic in topics]


def _poison(ground: Ground, cast: Cast) -> Sequence[Fault]:
    def some() -> list[bytes]:
        return [cast.rng.randbytes(cast.rng.randrange(1, 400)) for _ in range(5)]

    return [
        partial(faults.poison_border, ground, UZ, KZ, some()),
        partial(faults.poison_border, ground, KZ, UZ, some()),
    ]


def _fail_overs(ground: Ground, _cast: Cast) -> Sequence[Fault]:
    for country in BOTH:
        ground.start_gate(country, f"gate-{country}-standby")
    return [
        partial(faults.fail_over, ground, country, f"gate-{country}", f"gate-{country}-standby") for country in BOTH
    ]


def _broker_kills(ground: Ground, _cast: Cast) -> Sequence[Fault]:
    return [partial(faults.kill_broker, ground, KZ, seconds) for seconds in (0.5, 4.0, 1.0)]


def _stalls(ground: Ground, _cast: Cast) -> Sequence[Fault]:
    return [partial(faults.stall_broker, ground, KZ, seconds) for seconds in (9.0, 25.0)]


def _odd_batches(ground: Ground, cast: Cast) -> Sequence[Fault]:
    for country in BOTH:
        start_auditor(ground, country)
    roads = ((KZ, UZ), (UZ, KZ))
    return [partial(faults.odd_batches, ground, here, there, cast.rng) for here, there in roads]


def _border(ground: Ground, cast: Cast) -> Sequence[Fault]:
    road = (ground.member(KZ, "NATIONAL_AGENCY"), ground.member(KG, "NGO"))
    return [
        partial(
            faults.border_down,
            ground,
            UZ,
            road[1],
            partial(send_beside, ground, cast, road, f"{seconds:.0f} s"),
            seconds,
        )
        for seconds in (8.0, 12.0)
    ]


def _lies(ground: Ground, _cast: Cast) -> Sequence[Fault]:
    done: set[bytes] = set()
    return [partial(faults.false_word, ground, KG, (KZ, UZ), done) for _ in range(3)]


def _from_kz(ground: Ground) -> list[Road]:
    """Everything that does not need the cluster that goes down to be sent."""
    agency, shelter = ground.member(KZ, "NATIONAL_AGENCY"), ground.member(KZ, "NGO")
    return [
        (agency, ground.member(UZ, "NGO")),
        (agency, ground.member(KG, "NGO")),
        (ground.member(KG, "NATIONAL_AGENCY"), shelter),
    ]


_SMALL_BATCHES = {"REFBUS_GATE_BATCH_RECORDS": "20"}

OWN: tuple[Scenario, ...] = (
    Scenario("gates killed at random", 14, _kills(6), requires=("kill -9 of a gate",)),
    Scenario("gates killed at named points", 13, _none, sabotage=_named, settings=_SMALL_BATCHES, requires=NAMED),
    Scenario(
        "exceptions at the head of a batch",
        8,
        _none,
        sabotage=_head,
        settings=_SMALL_BATCHES,
        requires=("exception at the head", "store fails at the head"),
    ),
    Scenario("gates stopped past their session", 8, _freezes, requires=("SIGSTOP past the session",)),
    Scenario("two owners of one store", 7, _second_owners, requires=("second owner of a store",)),
    Scenario("a standby takes over", 7, _fail_overs, requires=("kill -9 of the active gate",)),
    Scenario("a stranger in the consumer group", 6, _strangers, requires=("rebalance", "topics held by a stranger")),
    Scenario("sends refused by the broker", 8, _refusals, requires=("sends refused by the broker",)),
    Scenario(
        "poison among good events",
        8,
        _poison,
        mix=Mix(steps=4, poison=0.3, unconsented=0.1),
        requires=("poison", "poison in a border topic"),
    ),
    Scenario("broker killed and restarted", 8, _broker_kills, requires=("kill -9 of a broker",)),
    Scenario("a broker that stands still", 6, _stalls, requires=("SIGSTOP of a broker",)),
    Scenario(
        "odd batches among good events",
        6,
        _odd_batches,
        requires=("odd batches", "bombs", "odd batches in an audit topic"),
        judge=judge_audit,
    ),
    Scenario(
        "a border down and up again",
        6,
        _border,
        countries=(KZ, UZ, KG),
        federated=True,
        roads=_from_kz,
        requires=("border down",),
    ),
    Scenario("a third gate signs for others", 5, _lies, requires=("words of a third gate",)),
    Scenario(
        "withdrawn, then sent, under kills",
        9,
        _kills(3),
        mix=Mix(steps=8, withdrawn=0.5, unconsented=0.2),
        requires=("kill -9 of a gate", "sent after a withdrawal"),
    ),
)
"""Every scenario of the product at the gates. What each shows is told in docs/design/chaos.md."""
