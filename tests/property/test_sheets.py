"""Recovery sheets under any division and any secret: enough of them are it, fewer are nothing."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from shamir_mnemonic.wordlist import WORDLIST

from refbus.errors import Code, SetupError
from refbus_gateway.home import sheets

DIVISIONS = st.integers(2, 9).flatmap(lambda keepers: st.tuples(st.integers(2, keepers), st.just(keepers)))


@settings(max_examples=20, deadline=None)
@given(secret=st.binary(min_size=32, max_size=32), division=DIVISIONS, order=st.randoms(use_true_random=False))
def test_any_that_are_enough_give_the_secret(secret: bytes, division: tuple[int, int], order: object) -> None:
    """Whichever keepers come, in whatever order, each word cut to four letters; with one fewer it is refused."""
    needed, keepers = division
    texts = [" ".join(word[:4] for word in each.words) for each in sheets.split(secret, needed, keepers).sheets]
    order.shuffle(texts)  # type: ignore[attr-defined]
    assert sheets.join(texts[:needed]) == secret
    try:
        sheets.join(texts[: needed - 1])
    except SetupError as error:
        assert error.code is Code.RECOVERY_TOO_FEW  # noqa: PT017 - the only way out
    else:
        raise AssertionError


@settings(max_examples=20, deadline=None)
@given(secret=st.binary(min_size=32, max_size=32), at=st.integers(0, 32), other=st.integers(0, 1023))
def test_one_wrong_word_is_always_noticed(secret: bytes, at: int, other: int) -> None:
    """Whatever word of the list stands in place of the printed one."""
    first, second = (list(each.words) for each in sheets.split(secret, 2, 2).sheets)
    wrong = WORDLIST[other]
    if wrong == first[at]:
        return
    first[at] = wrong
    try:
        sheets.join([" ".join(first), " ".join(second)])
    except SetupError as error:
        assert error.code is Code.RECOVERY_WORDS  # noqa: PT017 - the only way out
    else:
        raise AssertionError
