"""Where a rebuilt log may begin stands in the newest directory, also for an auditor that may not start."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from refbus.errors import TransportError
from refbus.trust.homes import Home
from refbus_auditor.rebuild import newest_directory
from support.ceremonies import KZ
from support.nodes import Road, road


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Road]:
    """Give a federation."""
    with road(tmp_path) as made:
        yield made


def test_the_newest_directory_comes_from_the_topic(own: Road) -> None:
    """The home knows the version of before; what was published while the auditor stood still is in force here."""
    trust = Home(own.lab.paths.gate(KZ)).trust_store()
    assert trust.load(own.clock()) is not None
    before = trust.history.latest.expires_at_ms
    own.clock.move(hours=1)
    own.lab.republish(own.clock())
    own.publish()
    found = newest_directory(trust, own.bus.reader("kz.directory"), own.clock)
    assert found.expires_at_ms > before
    again = Home(own.lab.paths.gate(KZ)).trust_store()
    again.load(own.clock())
    assert again.history.latest.expires_at_ms == found.expires_at_ms


def test_a_topic_that_cannot_be_read_to_its_end_is_no_newest_directory(
    own: Road, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The order ends: an older version may lack the key that the next log needs."""
    trust = Home(own.lab.paths.gate(KZ)).trust_store()
    trust.load(own.clock())
    reader = own.bus.reader("kz.directory")
    monkeypatch.setattr(reader, "read", lambda *_: [])
    with pytest.raises(TransportError):
        newest_directory(trust, reader, own.clock)
