"""Stamps of a batch hold for any batch and any place in it, and no bit of one is free."""

from __future__ import annotations

import dataclasses

from hypothesis import given, settings
from hypothesis import strategies as st

from refbus.core.ids import CountryCode
from refbus.crypto.framing import sha256
from refbus.envelope.stamps import Stamper, verify_hop, verify_pass
from refbus.errors import MalformedError, UntrustedError
from refbus.wire.transport import HopOutcome, HopReceipt, Passed
from support.directories import federation, gate, signing_key
from support.envelopes import NOW_HOUR

FED = federation()
ROAD = (CountryCode("kz"), CountryCode("uz"))
GOING = Stamper(FED.pairs[gate("kz")], ROAD, NOW_HOUR)
COMING = Stamper(FED.pairs[gate("uz")], ROAD, NOW_HOUR)
KZ_KEY, UZ_KEY = signing_key(GOING.pair), signing_key(COMING.pair)
MINE = b"an envelope of no other batch, since it is longer"
batches = st.lists(st.binary(max_size=40), min_size=1, max_size=40)
bits = st.lists(st.integers(0, 2**20), min_size=1, max_size=20)


def pass_holds(raw: bytes) -> bool:
    """Whether the pass in `raw` holds; one of another key is looked up under that and so never does."""
    try:
        passed = Passed.parse(raw)
        verify_pass(passed, sha256(passed.envelope), KZ_KEY)
    except (MalformedError, UntrustedError):
        return False
    return passed.kid == KZ_KEY.kid


def hop_holds(raw: bytes) -> bool:
    """Whether the hop receipt in `raw` holds."""
    try:
        receipt = HopReceipt.parse(raw)
        verify_hop(receipt, UZ_KEY)
    except (MalformedError, UntrustedError):
        return False
    return receipt.kid == UZ_KEY.kid


def flipped(raw: bytes, bit: int) -> bytes:
    """Return `raw` with one bit changed; its length is not the same in each run, so bits are counted around."""
    bit %= 8 * len(raw)
    changed = bytearray(raw)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


@given(batches, st.data())
@settings(max_examples=60, deadline=None)
def test_any_pass_of_any_batch_holds_and_no_bit_of_it_is_free(batch: list[bytes], data: st.DataObject) -> None:
    """Every envelope at every place; with one bit changed, of envelope, place, path or signatures, none does."""
    made = GOING.passes(batch)
    assert [each.envelope for each in made] == batch
    assert all(pass_holds(each.encode()) for each in made)
    raw = made[data.draw(st.integers(0, len(made) - 1))].encode()
    assert not any(pass_holds(flipped(raw, bit)) for bit in data.draw(bits))


@given(batches, st.sampled_from(HopOutcome), st.data())
@settings(max_examples=60, deadline=None)
def test_any_receipt_of_any_batch_holds_and_no_bit_of_it_is_free(
    batch: list[bytes], outcome: HopOutcome, data: st.DataObject
) -> None:
    """The same of hop receipts, also where one envelope is signed for twice."""
    said = [(sha256(each), outcome) for each in (*batch, batch[0])]
    made = COMING.hops(said)
    assert [(each.envelope_sha256, each.outcome) for each in made] == said
    assert all(hop_holds(each.encode()) for each in made)
    raw = made[data.draw(st.integers(0, len(made) - 1))].encode()
    assert not any(hop_holds(flipped(raw, bit)) for bit in data.draw(bits))


@given(batches, batches, st.data())
@settings(max_examples=40, deadline=None)
def test_no_part_of_one_batch_fits_into_another(one: list[bytes], two: list[bytes], data: st.DataObject) -> None:
    """A pass with salt, place, path or signatures of any pass of another batch, in any combination, does not hold."""
    place = data.draw(st.integers(0, len(one)))
    mine = GOING.passes([*one[:place], MINE, *one[place:]])[place]
    other = GOING.passes(two)[data.draw(st.integers(0, len(two) - 1))]
    names = data.draw(st.sets(st.sampled_from(["salt", "index", "size", "path", "ed25519", "mldsa65"]), min_size=1))
    mixed = dataclasses.replace(mine, **{name: getattr(other, name) for name in names})
    assert pass_holds(mixed.encode()) == (mixed == mine)
