"""However often, with whatever ids and times a restore is said: the same is kept, and the work is bounded.

Nothing is shrunk: each example is a day of two gateways, and says by itself what was said.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from refbus.core.units import HOUR_MS
from refbus.core.vocabulary import EventType
from refbus_gateway.inbox.repetitions import MOST_IN_A_DAY
from refbus_gateway.store import referrals
from support.comeback import events_kept, is_withdrawn, say_restored, sealed
from support.gateways import Pair, case_file, consent_file, id_of, incoming, sent, take_consent, withdraw_all

DENIED = {"purposes": ["REFERRAL_SERVICES"], "actions": ["REPORT_BACK"], "data_categories": ["HEALTH"]}
SAID = st.lists(st.tuples(st.integers(0, 3), st.integers(-48, 48), st.booleans()), min_size=1, max_size=6)


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """Give an agency and a shelter; each example has a case and a day of its own."""
    made = Pair(tmp_path_factory.mktemp("world"))
    yield made
    made.close()


@settings(max_examples=4, deadline=None, phases=[Phase.explicit, Phase.generate])
@given(said=SAID, number=st.integers(0, 1 << 60))
def test_repeats_are_idempotent_and_bounded(own: Pair, said: list[tuple[int, int, bool]], number: int) -> None:
    """Each restore is answered at most once, at most four in a day, and nothing is kept twice at the other side."""
    own.world.clock.move(hours=25)
    own.exchange()
    case, referral = sent(own.kz, case_file(about=f"Fictional: {number} {own.world.clock()}"))
    own.exchange()
    take_consent(own.kz, case, consent_file(deny=[DENIED]))
    withdraw_all(own.kz, case)
    own.exchange()
    there = incoming(own.uz, id_of(own.kz, referral))
    with own.uz.store.read() as tx:
        here = referrals.get(tx, there).case_id
    assert is_withdrawn(own.uz, here)
    begun_ms, before, kept = own.world.clock(), sealed(own.kz), events_kept(own.uz)
    for restore, hours, arrives in said:
        say_restored(own.uz, there, f"{number:012x}{restore:04x}".encode()[-16:], begun_ms + hours * HOUR_MS)
        if arrives:
            own.exchange()
    own.exchange()
    distinct = len({(restore, hours) for restore, hours, _ in said})
    rounds = (sealed(own.kz) - before)[EventType.OFFICE_RESTORED]
    assert 1 <= rounds <= min(distinct, MOST_IN_A_DAY)
    again = (sealed(own.kz) - before)[EventType.CONSENT_WITHDRAWN]
    assert again <= rounds * before[EventType.CONSENT_WITHDRAWN]
    assert events_kept(own.uz) == kept + len(said)  # it was not restored, so it takes no answer in
    assert is_withdrawn(own.uz, here)
