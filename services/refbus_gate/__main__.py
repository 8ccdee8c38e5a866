"""`python -m refbus_gate`: run the gate of one country, or give an order to it.

clock [accept]         show which time counts and why; say that this machine's clock is right
accept-gap <topic>     with the gate stopped: go on behind records that are gone, or in a topic that was made anew
statistics <period> <file>  write the counts of a closed year (2026) or half-year (2026-H1) that may be published
statistics-home <period> <file> <edition>...  add up what the hosts' editions tell of courses that come to this country
accept-erased          with the gate stopped: believe lines of `erased` that nothing proves
waiting                show who has how much waiting, and what was dropped
stopped [--json]       show what was held, refused and quarantined: whose, why, since when, what may be done
backup <folder> <keys>  copy the home to a new folder, its audit keys to a file apart, and restore both once
restore <copy> [--older]  with the gate stopped: check a copy of a database or home, bring back what is missing

Settings come from the environment (docs/reference/settings.md). Exit 0 after SIGTERM, another status when something
outside must start it again.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from refbus.bus.harness import die, run
from refbus.bus.topicset import gate_group
from refbus.clock import clock_from
from refbus.command import explained
from refbus.core.directory import Directory
from refbus.core.statistics import Period, read_period
from refbus.errors import Code, SetupError
from refbus.explain import report_errors
from refbus.node.addresses import Meeting, addresses, clusters
from refbus.node.clockorder import order_clock
from refbus.node.standby import leading, server_of, take_lead, wait_for_lead
from refbus.node.store.node import NodeStore
from refbus.output import put_json, say
from refbus.settings import GateSettings, LogForm, from_environment, read_secret_file
from refbus.telemetry import Signs, configure_logs, serve
from refbus.trust.homes import Home
from refbus_gate.app import gate_app
from refbus_gate.decide.batch import sources_of
from refbus_gate.gate import Gate
from refbus_gate.home import SERVICE, STORE, GateHome, place, state_key_of
from refbus_gate.orders.backup import backup
from refbus_gate.orders.gaps import accept_gap
from refbus_gate.orders.putback import restore
from refbus_gate.orders.statistics import edition_of, first_edition, home_edition_of, write_edition
from refbus_gate.orders.stopped import lines as lines_of_stopped
from refbus_gate.orders.stopped import report
from refbus_gate.orders.waiting import lines


def main(arguments: list[str]) -> None:
    """Run the gate, or leave an order for the running one."""
    configure_logs()
    with report_errors():
        settings = from_environment(GateSettings, os.environ)
    configure_logs(level=settings.log_level, json=settings.log_form is LogForm.JSON)
    with report_errors(debug_dir=settings.debug_dir):
        match arguments:
            case []:
                _run(settings)
            case ["clock", *words]:
                say(*order_clock(settings.home, settings.clock_file, words))
            case ["accept-gap", _] | ["accept-erased"]:
                _accept_gap(settings, arguments[1]) if arguments[1:] else _accept_erased(settings)
            case ["statistics", named, file] | ["statistics-home", named, file, _, *_]:
                _statistics(settings, _period(named), Path(file), [Path(each) for each in arguments[3:]])
            case ["waiting"] | ["stopped"] | ["stopped", "--json"]:
                _waiting(settings) if arguments == ["waiting"] else _stopped(settings, as_json=bool(arguments[1:]))
            case ["backup", target, keys]:
                passphrase = read_secret_file(settings.passphrase_file).decode()
                say(*backup(settings.home, passphrase, Path(target), Path(keys), server_of(settings)))
            case ["restore", copy, *older] if older in ([], ["--older"]):
                _restore(settings, Path(copy), older=bool(older))
            case _:
                orders = "backup FOLDER KEYS | clock [accept] | accept-gap TOPIC | accept-erased"
                orders += (
                    " | statistics PERIOD FILE | statistics-home PERIOD FILE EDITION... | waiting | stopped [--json]"
                )
                raise SetupError(Code.USAGE, f"python -m refbus_gate [{orders} | restore COPY [--older]]")


def _restore(settings: GateSettings, copy: Path, *, older: bool) -> None:
    with leading(settings, SERVICE, die) as lead:
        say(*restore(settings.home, read_secret_file(settings.passphrase_file).decode(), copy, older=older, lead=lead))


def _accept_erased(settings: GateSettings) -> None:
    home = _opened(settings)
    try:
        say(f"{home.accept_erased()} lines of `erased` count from now on.")
    finally:
        home.close()


def _accept_gap(settings: GateSettings, topic: str) -> None:
    if topic not in {source.topic for source in sources_of(settings.country, settings.bootstrap)}:
        raise SetupError(Code.USAGE, "this gate does not read that topic")
    home = _opened(settings)
    cluster = clusters(addresses(settings, settings.country, settings.home))[settings.country]
    offsets = cluster.offsets(topic)
    try:
        committed = cluster.admin().group_offset(gate_group(settings.country), topic)
        accept_gap(home.store, offsets, topic, committed, clock_from(settings.clock_file)())
    finally:
        offsets.close()
        home.close()


def _opened(settings: GateSettings) -> GateHome:
    """Open the home of a gate that does not run. Raises SetupError HOME_IN_USE, StoreError."""
    lead = take_lead(settings, SERVICE, die)
    return GateHome.open(settings.home, read_secret_file(settings.passphrase_file).decode(), lead)


@contextmanager
def _looking(settings: GateSettings) -> Iterator[tuple[NodeStore, Directory, int]]:
    """Give the store of a gate that may be running, only to look at it, with the directory and the time (UTC ms)."""
    home, passphrase = Home(settings.home), read_secret_file(settings.passphrase_file).decode()
    store = NodeStore.look_at(place(settings.home, STORE, server_of(settings)), state_key_of(home, passphrase))
    now_ms = clock_from(settings.clock_file)()
    history = home.trust_store().load(now_ms)
    if history is None:
        raise SetupError(Code.DIRECTORY_INVALID, "this gate has no directory yet")
    try:
        yield store, history.latest, now_ms
    finally:
        store.close()


def _statistics(settings: GateSettings, period: Period, file: Path, editions: list[Path]) -> None:
    if editions:
        write_edition(home_edition_of(editions, settings.country, period), file)
        return
    with _looking(settings) as (store, directory, now_ms):
        make = partial(edition_of, store, directory, settings.country, period, now_ms)
        write_edition(first_edition(settings.home / "statistics", period, make), file)


def _period(named: str) -> Period:
    period = read_period(named)
    if period is None:
        raise SetupError(Code.USAGE, "a period is a year (2026) or half of one (2026-H1)")
    return period


def _waiting(settings: GateSettings) -> None:
    with _looking(settings) as (store, directory, now_ms):
        topics = [source.topic for source in sources_of(settings.country, directory.countries())]
        say(*lines(store, directory, topics, now_ms))


def _stopped(settings: GateSettings, *, as_json: bool) -> None:
    with _looking(settings) as (store, directory, now_ms):
        topics = [source.topic for source in sources_of(settings.country, directory.countries())]
        found = report(store, directory, topics, now_ms)
        if as_json:
            for each in found:
                put_json(each)
        else:
            say(*lines_of_stopped(found))


def _run(settings: GateSettings) -> None:
    where = addresses(settings, settings.country, settings.home)
    lead = wait_for_lead(settings, SERVICE)
    gate = Gate.open(settings, clusters(where), die, Meeting(settings.home), lead)
    if settings.metrics_port is not None:
        signs = Signs(gate.watchdog.lives, gate.watchdog.is_ready)
        host, public = settings.metrics_host, settings.metrics_public
        serve(gate.metrics, settings.metrics_port, host, public=public, signs=signs, measure=gate.measurement.lately)
    gate.start()
    run(gate_app(gate, where[settings.country]), gate.stop)


if __name__ == "__main__":
    if not explained(sys.argv[1:], __doc__ or ""):
        main(sys.argv[1:])
