"""An emergency disclosure is exactly what was signed: any bit turned over is refused, and no order hides a refusal."""

from __future__ import annotations

import dataclasses
from itertools import permutations

from hypothesis import given
from hypothesis import strategies as st

from refbus.core.consent.denials import Denials, denies, note
from refbus.core.consent.legal_basis import Circumstances, invocation_problems, review_problems
from refbus.core.consent.record import ConsentRecord, ConsentState
from refbus.core.vocabulary import DataCategory
from refbus.envelope.legal_basis import basis_of
from refbus.errors import Code, MalformedError, RefbusError
from support.consents import PARTY, consent_record, deny, provision
from support.directories import NOW_MS, federation
from support.emergencies import POLICY, invocation, review_block, signed_bytes

FED = federation()
INVOKED = signed_bytes(FED)
REVIEWED = signed_bytes(FED, reviewer="third")
AT = Circumstances(POLICY, Denials(), NOW_MS)


def against(data: bytes, *, review: bool) -> tuple[Code, ...]:
    """Return what stands against the event that carries `data`, from its bytes to the decision."""
    try:
        claim = basis_of(data, FED.directory)
    except MalformedError as error:
        return (error.code,)
    return review_problems(claim, review_block(), AT) if review else invocation_problems(claim, invocation(), AT)


def test_unturned_they_pass() -> None:
    """Both, so that the next test says something."""
    assert against(INVOKED, review=False) == ()
    assert against(REVIEWED, review=True) == ()


@given(st.booleans(), st.data())
def test_any_bit_turned_over_is_refused(review: bool, draw: st.DataObject) -> None:
    """Wherever it is: in the record, a signature, the roll, a key, the review."""
    data = REVIEWED if review else INVOKED
    place = draw.draw(st.integers(0, len(data) * 8 - 1))
    turned = bytearray(data)
    turned[place // 8] ^= 1 << place % 8
    assert against(bytes(turned), review=review)


@given(st.binary(max_size=400) | st.binary(max_size=200).map(lambda tail: INVOKED[:-200] + tail))
def test_any_bytes_are_a_claim_or_malformed(data: bytes) -> None:
    """Nothing else is ever raised."""
    try:
        basis_of(data, FED.directory)
    except RefbusError as error:
        assert isinstance(error, MalformedError)  # noqa: PT017 - either it parses or exactly this


SAID = st.builds(
    lambda version, later, state, no: consent_record(
        version=version,
        prev_hash=None if version == 1 else bytes(32),
        event_time_ms=NOW_MS + later,
        state=state,
        provisions=(deny(),) if no else (provision(),),
    ),
    st.integers(1, 3),
    st.integers(0, 3),
    st.sampled_from(ConsentState),
    st.booleans(),
)


def heard(said: tuple[ConsentRecord, ...]) -> Denials:
    """Return what is known after hearing all of it in this order."""
    known = Denials()
    for record in said:
        known = note(known, record, record.collected_by)
    return known


@given(st.lists(SAID, max_size=4))
def test_no_order_and_no_repetition_changes_what_a_person_refused(said: list[ConsentRecord]) -> None:
    """Two gates hear things in different orders and decide alike."""
    assert {heard((*order, *order[:2])) for order in permutations(said)} == {heard(tuple(said))}


@given(st.lists(SAID, max_size=4), st.integers(0, 4))
def test_a_new_withdrawal_always_stands(said: list[ConsentRecord], at: int) -> None:
    """Newer than all that was said, it denies whenever it is heard."""
    last = dataclasses.replace(consent_record(), state=ConsentState.WITHDRAWN, version=9, event_time_ms=NOW_MS + 9)
    order = (*said[:at], last, *said[at:])
    assert denies(heard(order), PARTY, frozenset({DataCategory.HEALTH}), NOW_MS)
