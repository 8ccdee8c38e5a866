"""Scenarios of a country whose cluster has three brokers: faults of brokers, restarts.

The node of that country runs with the production profile: its gate refuses to start on less.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from functools import partial

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from chaos import faults, logs
from chaos.ground import Ground, wait
from chaos.journal import read
from chaos.stage import KZ, UZ, Cast, Scenario, send_beside
from chaos.timeline import Fault
from demo.world import HA
from kafka import Broker
from kafka.processes import standing_still
from refbus.bus.cluster import KafkaCluster
from refbus.errors import RefbusError, TransportError

SESSION_S = 9.0
"""After this a silent broker is out (`broker.session.timeout.ms` of `kafka.properties.seated`)."""
_STEP_S = 75.0
_WORK_S = 60.0
_HASTE_S = 3.0
"""So long somebody in haste waits for a broker to end, before it is killed."""
_BORDER, OUTBOX = f"{KZ}.border.{UZ}", f"{KZ}.outbox"
_ALONE = "disk lost with what no other broker had"
_GONE = "decided while a broker was gone"
_HASTY = "three brokers restarted without waiting for each other"


def in_step(ground: Ground) -> None:
    """Wait until every topic of the country has all of its replicas in step. Raises TimeoutError."""
    admin = KafkaCluster(ground.world.brokers[KZ].address()).admin()

    def all_are() -> bool:
        with suppress(RefbusError):
            return all(each.in_sync == each.replication for each in admin.topics().values())
        return False

    if not wait(all_are, _STEP_S):
        raise TimeoutError("a replica did not come into step")


def decide_something(ground: Ground) -> None:
    """Write something to the cluster and wait until the gate has decided it. Raises TimeoutError."""
    topic = _BORDER

    def is_written() -> bool:
        with suppress(TransportError):
            faults.poison_border(ground, KZ, UZ, [secrets.token_bytes(40)])
            return True
        return False

    def is_decided() -> bool:
        with suppress(logs.TopicUnreadableError):
            end = logs.ends(ground.world.brokers[KZ].address(), [topic])[topic]
            return bool(dict(ground.query(KZ, "SELECT topic, next_offset FROM position")).get(topic, 0) >= end)
        return False

    if not (wait(is_written, _WORK_S) and wait(is_decided, _WORK_S)):
        raise TimeoutError("the gate decides nothing")


def work_on(ground: Ground, how: str, began: float) -> None:
    """Show that the gate works while a broker is gone, and measure from the fault at `began` until it decides again."""
    decide_something(ground)
    ground.count(_GONE)
    ground.lasted(f"ms until the gate decided again, one of three brokers {how}, at most", began)


def kill_one(ground: Ground, *, disk: bool = False) -> None:
    """Kill the broker that leads, with `disk` take all that it has stored, let the gate go on, and start it again."""
    broker, began = leading(ground), time.monotonic()
    broker.kill()
    if disk:
        broker.lose_disk()
    ground.count("disk of one of three brokers lost" if disk else "kill -9 of one of three brokers")
    work_on(ground, "without its disk" if disk else "killed", began)
    broker.start()
    in_step(ground)


def freeze_one(ground: Ground) -> None:
    """Let the broker that leads stand still for longer than its session, let the gate work meanwhile, and go on."""
    broker, began = leading(ground), time.monotonic()
    with standing_still(broker.pid):
        ground.count("SIGSTOP of one of three brokers")
        work_on(ground, "frozen", began)
        time.sleep(SESSION_S)
    in_step(ground)


def restart_one(ground: Ground, number: int) -> None:
    """Restart a broker as an operator does: in good order, and the next one only when all replicas are in step."""
    broker, began = ground.world.brokers[KZ].each[number], time.monotonic()
    broker.stop()
    ground.count("restart of one of three brokers")
    work_on(ground, "restarted", began)
    broker.start()
    in_step(ground)


def lose_two(ground: Ground, seconds: float) -> None:
    """Kill two of three at once, leave them dead for a while, and start them."""
    for broker in ground.world.brokers[KZ].each[1:]:
        broker.kill()
    ground.count("two of three brokers gone")
    time.sleep(seconds)
    ground.world.brokers[KZ].start()
    in_step(ground)


def lose_the_only_copy(ground: Ground, send: Callable[[], object]) -> None:
    """Freeze two brokers; what the third takes meanwhile, of `send` too, it has alone, and then its disk is lost."""
    leader = leading(ground, OUTBOX)
    first, second = (each for each in ground.world.brokers[KZ].each if each is not leader)
    with standing_still(first.pid), standing_still(second.pid):
        send()
        leader.kill()
        leader.lose_disk()
        ground.count("disk lost with what no other broker had")
    leader.start()
    in_step(ground)


def stop_two(ground: Ground) -> None:
    """Begin a restart in haste: the second is stopped before the first one is back."""
    last = leading(ground, OUTBOX)
    for broker in ground.world.brokers[KZ].each:
        if broker is not last:
            broker.stop()


def restart_hastily(ground: Ground) -> None:
    """Go on in haste: the last of the three has taken something alone, and the others lead when it is back."""
    (last,) = (each for each in ground.world.brokers[KZ].each if each.pid)
    others = [each for each in ground.world.brokers[KZ].each if each is not last]
    before = _confirmed(ground)
    if not wait(lambda: _confirmed(ground) > before, _WORK_S):
        raise TimeoutError("the last broker confirmed nothing alone")
    last.stop(_HASTE_S)
    with ThreadPoolExecutor(len(others)) as pool:
        list(pool.map(Broker.start, others))
    ground.count(_HASTY)
    numbers = {number for number, each in enumerate(ground.world.brokers[KZ].each, 1) if each is not last}
    if not wait(lambda: _leader(ground, OUTBOX) in numbers, _STEP_S):
        raise TimeoutError("none of the others leads")
    last.start()
    in_step(ground)


def leading(ground: Ground, topic: str = _BORDER) -> Broker:
    """Return the broker that leads a topic of the country, by default one from which its gate reads."""
    if not wait(lambda: _leader(ground, topic) > 0, _STEP_S):
        raise TimeoutError(f"nobody leads {topic}")
    return ground.world.brokers[KZ].each[_leader(ground, topic) - 1]


def _leader(ground: Ground, topic: str) -> int:
    """Return the number of the broker that leads a topic, -1 when none does or nobody says."""
    client = AdminClient(ground.world.brokers[KZ].address().client_config("chaos"))
    with suppress(KafkaException):
        return int(client.list_topics(topic, timeout=10).topics[topic].partitions[0].leader)
    return -1


def _wait_for_sends(ground: Ground) -> None:
    """Wait until senders have heard something of a further wave, yes or no."""
    before = ground.journal.path.stat().st_size
    if not wait(lambda: ground.journal.path.stat().st_size > before, _WORK_S):
        raise TimeoutError("nobody sent anything meanwhile")


def _confirmed(ground: Ground) -> int:
    """Return how many events of the country's own outbox a broker has confirmed."""
    pages = read(ground.journal.path)
    return len(pages.accepted() & {each.event for each in pages.planned if each.sender.startswith(f"{KZ}-")})


def _losses(ground: Ground, _cast: Cast) -> Sequence[Fault]:
    return [partial(kill_one, ground), partial(freeze_one, ground), partial(kill_one, ground, disk=True)]


def _restarts(ground: Ground, _cast: Cast) -> Sequence[Fault]:
    return [partial(restart_one, ground, number) for number in range(3)]


def _two_gone(ground: Ground, _cast: Cast) -> Sequence[Fault]:
    def wait_for_sends() -> None:
        for _ in range(2):  # what was under way before they stood still, and what came after
            _wait_for_sends(ground)

    gone = (partial(lose_two, ground, seconds) for seconds in (5.0, 20.0))
    return [*gone, partial(lose_the_only_copy, ground, wait_for_sends)]


def _only_copy(ground: Ground, cast: Cast) -> Sequence[Fault]:
    road = (ground.member(KZ, "NATIONAL_AGENCY"), ground.member(UZ, "NGO"))
    return [partial(lose_the_only_copy, ground, partial(send_beside, ground, cast, road, "alone", acks="1"))]


def _haste(ground: Ground, _cast: Cast) -> Sequence[Fault]:
    return [partial(stop_two, ground), partial(restart_hastily, ground)]


_BEHIND = 480
"""Events of a scenario whose fault waits for sends behind it: two waves at least come after the last place for one."""
_OF_THREE = Scenario("", 4, _losses, federated=True, brokers=HA)

THREE: tuple[Scenario, ...] = (
    replace(
        _OF_THREE,
        name="one of three brokers killed, frozen, without its disk",
        requires=(
            "kill -9 of one of three brokers",
            "SIGSTOP of one of three brokers",
            "disk of one of three brokers lost",
            _GONE,
        ),
    ),
    replace(
        _OF_THREE,
        name="two of three brokers gone",
        faults=_two_gone,
        least=_BEHIND,
        requires=("two of three brokers gone", _ALONE),
    ),
    replace(
        _OF_THREE,
        name="two of three brokers frozen, one confirms alone",
        share=2,
        faults=_only_copy,
        acks="1",
        requires=(_ALONE,),
        control=True,
    ),
    replace(
        _OF_THREE,
        name="three brokers restarted one after the other",
        faults=_restarts,
        requires=("restart of one of three brokers", _GONE),
    ),
    replace(
        _OF_THREE,
        name="three brokers restarted at once, one confirms alone",
        faults=_haste,
        least=_BEHIND,
        acks="1",
        requires=(_HASTY,),
        control=True,
    ),
)
"""Scenarios of a cluster of three, and their negative controls. What each shows: docs/design/chaos.md."""
