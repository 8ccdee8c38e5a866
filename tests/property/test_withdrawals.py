"""Whatever any subset of the recipients is: the no is recorded, who can be told is told, the others when they can."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from refbus.core.consent.record import MAX_VERSION, ConsentState
from refbus.core.ids import OrgId
from refbus.errors import Code, ConsentError
from refbus_gateway.consent import withdrawals
from refbus_gateway.erasure import demand
from refbus_gateway.home.gateway import Gateway
from refbus_gateway.rules import permission
from refbus_gateway.store import cases, consents, referrals, tellings
from refbus_gateway.sync import writer
from support.ceremonies import AGENCY, SHELTER
from support.gateways import World, case_file, consent_file, new_case, refer, take_consent
from support.views import UNUSABLE, Change, seen, sign_their_no, unsigned

RECIPIENTS = (SHELTER, OrgId("kg-she1ter1"), OrgId("tm-she1ter1"))
HOW = st.sampled_from(["usable", *sorted(UNUSABLE)])
WORLD = st.fixed_dictionaries(
    {
        "how": st.tuples(HOW, HOW, HOW),
        "hostile": st.sets(st.sampled_from(RECIPIENTS)),
        "version": st.sampled_from([2, 900, 5_000, MAX_VERSION]),
        "unsigned": st.booleans(),
        "expired": st.booleans(),
        "erase": st.booleans(),
    }
)


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[World, Gateway]]:
    """Give one agency; each example has a case of its own."""
    world = World(tmp_path_factory.mktemp("world"))
    gateway = world.gateway(AGENCY)
    yield world, gateway
    gateway.close()


def told(gateway: Gateway, case: int) -> set[OrgId]:
    """Return who has a withdrawal of this case in the outbox."""
    with gateway.store.read() as tx:
        rows = [row for row in consents.withdrawal_rows(tx, outgoing=True) if row.case_id == case]
        return {referrals.get(tx, referrals.event(tx, row.event_row).referral).org for row in rows}


def signed(gateway: Gateway, case: int) -> set[OrgId]:
    """Return about whom a withdrawal was signed here."""
    with gateway.store.read() as tx:
        kept = consents.of_case(tx, cases.get(tx, case))
        ours = (each.signed.record for each in kept if each.signed.signer == gateway.me)
        return {record.party for record in ours if record.state is ConsentState.WITHDRAWN}


def stopped(gateway: Gateway, case: int, org: OrgId) -> bool:
    """Return whether the consent decision here refuses what was sent to an organisation before."""
    with gateway.store.read() as tx:
        found = cases.get(tx, case)
        (referral,) = [each for each in referrals.of_case(tx, found) if each.org == org]
        request = referrals.events_of(tx, referral)[0]
        try:
            permission.require_permit(gateway, tx, found, request.block)
        except ConsentError as error:
            return Code.WITHDRAWN in error.reasons
    return False


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(conditions=WORLD)
def test_a_no_is_recorded_and_told_whatever_the_recipients_are(
    office: tuple[World, Gateway], conditions: dict[str, object]
) -> None:
    """Recorded and enforced at once; told to exactly those who can be told now, and to all once they can be."""
    world, kz = office
    case = new_case(kz, case_file(about=f"Fictional: {conditions} {world.clock.now_ms}"))
    world.clock.now_ms += 1
    for org in RECIPIENTS:
        take_consent(kz, case, consent_file(org))
        refer(kz, case, to=org)
    world.sync(kz)
    for org in conditions["hostile"]:  # type: ignore[attr-defined]
        sign_their_no(world.lab, kz, case, org, conditions["version"])  # type: ignore[arg-type]
    hows = dict(zip(RECIPIENTS, conditions["how"], strict=True))  # type: ignore[call-overload]
    changes: dict[OrgId, Change] = {org: UNUSABLE[how] for org, how in hows.items() if how != "usable"}
    usable = {org for org in RECIPIENTS if org not in changes} if not conditions["unsigned"] else set()
    if conditions["unsigned"]:
        changes[AGENCY] = unsigned
    with seen(kz, changes, expired=bool(conditions["expired"])):
        if conditions["erase"]:
            demand.erase(kz, case)
        else:
            done = withdrawals.stop(kz, case, None)
            assert {each.org for each in done} == set(RECIPIENTS)
            assert {each.org for each in done if each.code is None} == usable
        assert told(kz, case) == usable
        if not conditions["erase"]:
            assert all(stopped(kz, case, org) for org in RECIPIENTS)
        writer.tend(kz)
        assert told(kz, case) == usable
        with kz.store.read() as tx:
            open_rows = {row.org for row in tellings.of_case(tx, cases.get(tx, case))}
            assert open_rows == set(RECIPIENTS) - usable
            assert not cases.get(tx, case).live or not conditions["erase"]
    writer.tend(kz)
    assert told(kz, case) == set(RECIPIENTS)
    assert signed(kz, case) == set(RECIPIENTS)
    with kz.store.read() as tx:
        assert tellings.of_case(tx, cases.get(tx, case)) == []
