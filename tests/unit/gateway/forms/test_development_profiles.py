"""The profiles of the development federation: one for each organisation, and each may be signed as it is."""

from __future__ import annotations

import json
from typing import Any

import pytest

from refbus.core.directory import MEMBER_ROLES
from refbus.core.ids import OrgId
from refbus.core.profile import doubts, faults
from refbus.resources import data_dir
from refbus.trust.publisher.description import read_description
from refbus_gateway.forms.profilefile import parse_profile
from support.directories import NOW_MS

WRITTEN: dict[str, dict[str, Any]] = json.loads((data_dir("keys") / "profiles.json").read_text(encoding="utf-8"))


def test_every_organisation_has_one() -> None:
    """And nobody else."""
    members = read_description(data_dir("keys") / "development.toml").members
    assert {each.org_id for each in members if each.role in MEMBER_ROLES} == set(WRITTEN)


@pytest.mark.parametrize("org", WRITTEN)
def test_each_may_be_signed(org: str) -> None:
    """It has a telephone, names in three languages, a place to withdraw; and nothing of it is refused."""
    profile = parse_profile(WRITTEN[org], OrgId(org), org[:2], NOW_MS)
    assert faults(profile, hidden=True) == doubts(profile, hidden=True) == []
    assert profile.telephones
    assert len(profile.names) == 3
    assert profile.withdrawal
    assert "00" in profile.telephones[0], "a number of nobody"
