"""`refbus desk`: the pages of this organisation, with the process that reads and sends."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from refbus.errors import Code, SetupError
from refbus.said import said
from refbus_gateway.cli.session import Session, example, with_session, words

if TYPE_CHECKING:
    from collections.abc import Callable

    from refbus_gateway.actions.desk import Desk, Opened

PORT = 8765
_FILE = click.Path(path_type=Path)


@click.command()
@click.option(
    "--port", type=click.IntRange(0, 65535), default=PORT, show_default=True, help="Port; 0 takes a free one."
)
@click.option("--share", metavar="NAME", default="", help="Serve the office's own network under this name; needs TLS.")
@click.option("--certificate", type=_FILE, help="Certificate of that name (PEM).")
@click.option("--key", type=_FILE, help="Its private key (PEM).")
@click.option("--lock-after", type=click.IntRange(1, 120), default=10, show_default=True, help="Minutes without use.")
@example("refbus desk", "refbus desk --share desk.office.lan --certificate desk.pem --key desk.key")
@with_session
def desk(
    session: Session, *, port: int, share: str, certificate: Path | None, key: Path | None, lock_after: int
) -> None:
    """Show the pages of this organisation, and keep reading and sending, until stopped (Ctrl-C or SIGTERM).

    In an empty folder it sets a new home up, page by page.

    The first person who signs in opens the keys. With --passphrase-file they are opened at once.
    """
    import signal  # late: the help needs none of it

    from refbus.clock import steady_ms
    from refbus_gateway.actions import delivery
    from refbus_gateway.actions.delivery import MetricsPlace, Served
    from refbus_gateway.actions.desk import is_new
    from refbus_gateway.web import serve as serving
    from refbus_gateway.web.office import Clocks, Manners, Office

    settings = session.settings
    place = serving.Place(port, share, certificate, key)
    bound, address = serving.bind(place)
    metrics = None
    if settings.metrics_port is not None:
        metrics = MetricsPlace(settings.metrics_port, settings.metrics_host, settings.metrics_public)
    clocks = Clocks(lambda: steady_ms() / 1000, session.clock)  # it runs in sleep: a closed lid locks too
    manners = Manners(lock_after * 60.0, metrics, debug_dir=settings.debug_dir)
    office = Office(_desk_of(session), address, clocks, manners)
    for number in (signal.SIGTERM, signal.SIGINT):  # the server drains, then lets the signal come through to us
        signal.signal(number, lambda *_: None)

    told = words().text("The desk is open at %(address)s", address=address.url)

    def work() -> None:
        if session.has_passphrase_file:
            office.open(session.opened)
        served = Served(address.url)
        serving.serve(
            office,
            place,
            bound,
            lambda: session.tell(served, [told]),
        )

    try:
        # A service that starts by itself finds a home or fails: its disk may not be there yet.
        new = is_new(session.home_path) and not session.has_passphrase_file
        if new and (share or certificate):
            raise SetupError(
                Code.UNSAFE_SETTING, said("a first home is set up without --share: at this computer alone")
            )
        ended = delivery.hold_pages(office.desk, session.founder if new else office.actor, work)
    finally:
        bound.close()
    session.tell(ended, [words().text("Stopped.")])


def _desk_of(session: Session) -> Callable[[Callable[[], Opened]], Desk]:
    """Return what makes the desk of this home from whoever opens it."""

    def make(opened: Callable[[], Opened]) -> Desk:
        from refbus_gateway.actions.desk import open_desk  # late: see above

        return open_desk(
            session.home_path,
            session.settings,
            opened=opened,
            time=lambda: session.time,
            connect=session.runtime.connect,
        )

    return make
