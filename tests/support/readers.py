"""What tests of a directory reader do with its federation."""

from __future__ import annotations

import pytest

from refbus.core.directory import OrgStatus
from refbus.core.ids import OrgId
from refbus.errors import Code, RefbusError
from refbus.trust.publisher import changes
from refbus.trust.reader.loader import TrustStore
from support.ceremonies import SHELTER, Lab
from support.directories import NOW_MS

MEMBERS = 22


def suspend(fed: Lab, org_id: OrgId = SHELTER, now_ms: int = NOW_MS) -> None:
    """Publish a new version in which a member is suspended."""
    publication = fed.publication(now_ms)
    changes.set_status(publication, org_id, OrgStatus.SUSPENDED)
    fed.publish(publication)


def refused(store: TrustStore, files: list[tuple[str, bytes]], code: Code, now_ms: int = NOW_MS) -> None:
    """Require that these files are refused with `code`, and what was in force stays."""
    before = store.history.latest
    with pytest.raises(RefbusError) as caught:
        store.refresh_from(files, now_ms)
    assert caught.value.code is code
    assert store.history.latest == before
