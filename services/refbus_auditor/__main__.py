"""`python -m refbus_auditor`: run the auditor of one country, or take something out of it.

export <file> [<from> [<to>]]   write the sealed entries for the inspector; days as 2026-11-30, UTC, the last excluded
waiting                         show whose entries wait, and how much members wrote in the last day
backup <folder>                 copy the home to a new folder while the auditor runs, and restore it once from there
rebuild [<place>...] [--end]    with the auditor stopped: make a lost or old store again from what was published
restore <copy> [--older]        with the auditor stopped: check a copy of store or home, bring back what is missing
accept-gap                      with the auditor stopped: go on behind entries that are gone, or in a topic made anew
clock [accept]                  show which time counts and why; say that this machine's clock is right

Settings come from the environment (docs/reference/settings.md). Exit 0 after SIGTERM, another status when something
outside must start it again.
"""

from __future__ import annotations

import os
import sys
from contextlib import closing
from pathlib import Path

from refbus.audit.sources import source_of
from refbus.bus.harness import die, run
from refbus.clock import Clock, sources_from, tell
from refbus.command import explained
from refbus.errors import Code, SetupError
from refbus.explain import report_errors
from refbus.node.addresses import Meeting, addresses, clusters
from refbus.node.clockorder import order_clock
from refbus.node.standby import leading, server_of, take_lead, wait_for_lead
from refbus.output import say
from refbus.settings import AuditorSettings, LogForm, from_environment, read_secret_file
from refbus.telemetry import Signs, configure_logs, serve
from refbus.trust.homes import Home
from refbus_auditor.app import auditor_app
from refbus_auditor.auditor import Auditor
from refbus_auditor.backup import backup
from refbus_auditor.export import day_ms, export
from refbus_auditor.gaps import accept_gap
from refbus_auditor.home import SERVICE, AuditorHome
from refbus_auditor.putback import restore
from refbus_auditor.rebuild import Request, newest_directory, proofs_on, rebuild
from refbus_auditor.rooms import lines

_ALWAYS = ("1970-01-01", "9999-12-31")


def main(arguments: list[str]) -> None:
    """Run the auditor, or write an export beside the running one."""
    configure_logs()
    with report_errors():
        settings = from_environment(AuditorSettings, os.environ)
    configure_logs(level=settings.log_level, json=settings.log_form is LogForm.JSON)
    with report_errors(debug_dir=settings.debug_dir):
        match arguments:
            case []:
                _run(settings)
            case ["clock", *words]:
                say(*order_clock(settings.home, settings.clock_file, words))
            case ["export", file, *days] if len(days) <= 2:
                first, last = (*days, *_ALWAYS[len(days) :])
                export(settings.home, Path(file), day_ms(first), day_ms(last), server_of(settings))
            case ["waiting"]:
                say(*lines(settings.home, server_of(settings)))
            case ["backup", target]:
                _backup(settings, Path(target))
            case _:
                _stopped(settings, arguments)


def _stopped(settings: AuditorSettings, arguments: list[str]) -> None:
    """Obey an order that is given while the auditor is stopped."""
    match arguments:
        case ["restore", copy, *older] if older in ([], ["--older"]):
            _restore(settings, Path(copy), older=bool(older))
        case ["rebuild", *words] if words.count("--end") <= 1:
            say(*_rebuild(settings, [each for each in words if each != "--end"], end="--end" in words))
        case ["accept-gap"]:
            _accept_gap(settings)
        case _:
            orders = "accept-gap | backup FOLDER | clock [accept] | export FILE [FROM [TO]]"
            orders += " | rebuild [PLACE...] [--end] | restore COPY [--older] | waiting"
            raise SetupError(Code.USAGE, f"python -m refbus_auditor [{orders}]")


def _backup(settings: AuditorSettings, target: Path) -> None:
    say(*backup(settings.home, read_secret_file(settings.passphrase_file).decode(), target, server_of(settings)))


def _restore(settings: AuditorSettings, copy: Path, *, older: bool) -> None:
    with leading(settings, SERVICE, die) as lead:
        say(*restore(settings.home, read_secret_file(settings.passphrase_file).decode(), copy, older=older, lead=lead))


def _rebuild(settings: AuditorSettings, places: list[str], *, end: bool) -> list[str]:
    home, clock = Home(settings.home), Clock(sources_from(settings.clock_file), settings.home, tell)
    secret = home.log_secret(read_secret_file(settings.passphrase_file).decode())
    trust, country = home.trust_store(), settings.country
    if trust.load(clock.now_ms()) is None:
        raise SetupError(Code.HOME_NOT_FOUND, "this home has no directory yet: restore it from a backup of the home")
    cluster = clusters(addresses(settings, country, settings.home))[country]
    with closing(cluster.reader(f"{country}.directory")) as reader:
        directory = newest_directory(trust, reader, clock.now_ms)
    with closing(cluster.reader(f"{country}.proofs")) as reader:
        sources = [source_of(each) for each in places]
        request = Request(country, secret, directory, sources, proofs_on(reader), clock.now_ms(), end=end)
        with leading(settings, SERVICE, die) as lead:
            return rebuild(settings.home, request, lead)


def _accept_gap(settings: AuditorSettings) -> None:
    topic = f"{settings.country}.audit"
    lead = take_lead(settings, SERVICE, die)
    home = AuditorHome.open(settings.home, read_secret_file(settings.passphrase_file).decode(), lead)
    offsets = clusters(addresses(settings, settings.country, settings.home))[settings.country].offsets(topic)
    try:
        accept_gap(home.database, offsets, topic)
    finally:
        offsets.close()
        home.close()


def _run(settings: AuditorSettings) -> None:
    where = addresses(settings, settings.country, settings.home)
    lead = wait_for_lead(settings, SERVICE)
    auditor = Auditor.open(settings, clusters(where), die, Meeting(settings.home), lead)
    if settings.metrics_port is not None:
        signs = Signs(auditor.watchdog.lives, auditor.watchdog.is_ready)
        host, public = settings.metrics_host, settings.metrics_public
        serve(
            auditor.metrics, settings.metrics_port, host, public=public, signs=signs, measure=auditor.measurement.lately
        )
    auditor.start()
    run(auditor_app(auditor, where[settings.country]), auditor.stop)


if __name__ == "__main__":
    if not explained(sys.argv[1:], __doc__ or ""):
        main(sys.argv[1:])
