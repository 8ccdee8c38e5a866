"""Being counted in published numbers is a question of its own in a consent form."""

from __future__ import annotations

import json

import pytest

from refbus.core.consent.record import Effect
from refbus.core.vocabulary import Purpose
from refbus_gateway.forms.consentfile import ConsentForm, parse_consent
from refbus_gateway.forms.problems import CaseInvalidError
from support.gateways import consent_file

_COUNTED = Purpose.STATISTICS_NON_IDENTIFYING


def read(**changes: object) -> ConsentForm:
    """Return the form of a consent file with changes."""
    return parse_consent(json.dumps({**json.loads(consent_file()), **changes}).encode(), now_ms=1_790_000_000_000)


@pytest.mark.parametrize(
    ("said", "counted"), [({"statistics": True}, True), ({"statistics": False}, False), ({}, False)]
)
def test_who_says_yes_to_it_is_counted(said: dict[str, bool], counted: bool) -> None:
    """A no, or no answer, permits nothing of it."""
    permits = [rule for rule in read(**said).rules if rule.effect is Effect.PERMIT and _COUNTED in rule.purposes]
    assert bool(permits) is counted


@pytest.mark.parametrize("said", [{}, {"statistics": False}, {"statistics": True}])
def test_it_is_no_purpose_among_others(said: dict[str, bool]) -> None:
    """A form that permits it beside a no to it is refused, and whoever wrote it is told where it is asked."""
    permit = json.loads(consent_file())["permit"]
    permit[0]["purposes"] = ["REFERRAL_SERVICES", _COUNTED.value]
    with pytest.raises(CaseInvalidError) as refused:
        read(permit=permit, **said)
    assert [problem.path for problem in refused.value.problems] == ["permit"]


def test_what_is_wrong_with_a_permit_is_told_once() -> None:
    """Each problem of an entry is at its own field, one time."""
    permit = json.loads(consent_file())["permit"]
    permit[0] |= {"purposes": ["NO_SUCH_PURPOSE"], "data_categories": "HEALTH", "colour": "green"}
    with pytest.raises(CaseInvalidError) as refused:
        read(permit=permit)
    paths = [problem.path for problem in refused.value.problems]
    assert sorted(paths) == ["permit[0].colour", "permit[0].data_categories", "permit[0].purposes"]
