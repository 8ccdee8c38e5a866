"""A report that a computer is lost: signed by the organisation, and nobody else's report counts."""

from __future__ import annotations

from dataclasses import replace

import pytest

from refbus.core.ids import OrgId
from refbus.crypto.signing import SigningPair
from refbus.errors import Code, RefbusError
from refbus.trust.canonical import dumps, loads
from refbus.trust.member.loss import Loss, check_report, make_report, of_keys, parse_report
from support.directories import NOW_MS, Federation, federation, signing_pair

AGENCY = OrgId("kz-agency01")


@pytest.fixture(scope="module")
def fed() -> Federation:
    """Give a federation in memory."""
    return federation()


def code_of(content: bytes, fed: Federation, org: OrgId) -> Code:
    """Return the code with which a report is refused."""
    with pytest.raises(RefbusError) as raised:
        check_report(content, fed.directory.organisations[org])
    return raised.value.code


def orgs(fed: Federation) -> list[OrgId]:
    """Return the ids of two members."""
    return [org for org, each in fed.directory.organisations.items() if each.services][:2]


def test_a_report_names_every_key_and_since_when(fed: Federation) -> None:
    """It reads back as it was made; a key that is revoked already may sign it too."""
    mine, _ = orgs(fed)
    held = fed.directory.organisations[mine]
    loss = of_keys(held, NOW_MS - 5)
    assert set(loss.kids) == {*(each.kid for each in held.signing_keys), *(each.kid for each in held.kem_keys)}
    content = make_report(loss, fed.pairs[mine])
    assert check_report(content, held) == loss == parse_report(content)
    over = replace(held, signing_keys=tuple(replace(key, compromised_since_ms=1) for key in held.signing_keys))
    assert check_report(content, over) == loss


def test_a_report_of_somebody_else_or_a_changed_one_is_refused(fed: Federation) -> None:
    """Another signer, another organisation, another time, other keys, another form."""
    mine, other = orgs(fed)
    loss = of_keys(fed.directory.organisations[mine], NOW_MS)
    good = make_report(loss, fed.pairs[mine])
    assert code_of(make_report(loss, fed.pairs[other]), fed, mine) is Code.DIRECTORY_INVALID
    assert code_of(make_report(loss, signing_pair("a stranger")), fed, mine) is Code.DIRECTORY_INVALID
    assert code_of(good, fed, other) is Code.DIRECTORY_INVALID
    for change in ({"since_ms": NOW_MS - 1}, {"kids": [loss.kids[0].hex()]}):
        assert code_of(dumps({**loads(good), **change}), fed, mine) is Code.SIGNATURE_INVALID
    assert code_of(dumps({**loads(good), "kids": []}), fed, mine) is Code.NOT_CANONICAL
    assert code_of(dumps({**loads(good), "more": 1}), fed, mine) is Code.MALFORMED
    assert code_of(b"{}", fed, mine) is Code.MALFORMED
    assert isinstance(fed.pairs[mine], SigningPair)
    assert Loss(mine, NOW_MS, loss.kids) == loss
