"""Key shares on paper: 32 bytes in words for several keepers, of whom some are enough (docs/spec/key-slots.md).

All arithmetic is that of `shamir_mnemonic`, the reference implementation of SLIP-0039. Here is what is asked of people:
words may be cut to four letters and written in any case, with numbers or commas between them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Final

import shamir_mnemonic
from shamir_mnemonic import MnemonicError, Share
from shamir_mnemonic.wordlist import WORDLIST

from refbus.errors import Code, SetupError
from refbus.said import said

SECRET_BYTES: Final = 32
WORDS: Final = 33
"""Words of a sheet."""
LEAST_NEEDED: Final = 2
MOST_KEEPERS: Final = 9
_EXPONENT: Final = 1
_PREFIX: Final = 4
"""Letters that tell every word of the list from every other one (SLIP-0039)."""
_MOST_TEXT: Final = 4096
_SHEET: Final = re.compile("[a-z]+")


@dataclass(frozen=True, slots=True)
class Sheet:
    """What one keeper gets. `number` counts from 1."""

    number: int
    words: tuple[str, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Sheets:
    """Sheets that belong together: any `needed` of them are enough. `series`: a number that all of them carry."""

    series: int
    needed: int
    sheets: tuple[Sheet, ...]


def split(secret: bytes, needed: int, keepers: int) -> Sheets:
    """Divide a secret of SECRET_BYTES among keepers. Raises SetupError USAGE for numbers that are no division."""
    if len(secret) != SECRET_BYTES or not LEAST_NEEDED <= needed <= keepers <= MOST_KEEPERS:
        raise SetupError(
            Code.USAGE,
            said(
                "%(least)s to %(most)s keepers, of whom at least two are needed", least=LEAST_NEEDED, most=MOST_KEEPERS
            ),
        )
    texts = shamir_mnemonic.generate_mnemonics(1, [(needed, keepers)], secret, iteration_exponent=_EXPONENT)[0]
    series = Share.from_mnemonic(texts[0]).identifier
    return Sheets(series, needed, tuple(Sheet(at, tuple(text.split())) for at, text in enumerate(texts, start=1)))


def join(texts: Sequence[str]) -> bytes:
    """Return the secret that enough sheets hold; a sheet that is given twice counts once.

    Raises SetupError: RECOVERY_WORDS names sheet and word that are wrong, RECOVERY_MIXED for sheets that do not belong
    together, RECOVERY_TOO_FEW.
    """
    shares = {_share(number, text) for number, text in enumerate(texts, start=1)}
    if not shares:
        raise SetupError(Code.RECOVERY_TOO_FEW, said("no sheet"))
    needed = next(iter(shares)).member_threshold
    if len({_series(each) for each in shares}) > 1 or len({each.index for each in shares}) < len(shares):
        raise SetupError(Code.RECOVERY_MIXED)
    if len(shares) < needed:
        raise SetupError(Code.RECOVERY_TOO_FEW, said("%(number)s of %(needed)s", number=len(shares), needed=needed))
    enough = sorted(shares, key=lambda each: each.index)[:needed]
    try:
        secret: bytes = shamir_mnemonic.combine_mnemonics([each.mnemonic() for each in enough])
    except MnemonicError:  # words are right and their sum is not: a sheet was made up
        raise SetupError(Code.RECOVERY_MIXED) from None
    if len(secret) != SECRET_BYTES:
        raise SetupError(Code.RECOVERY_MIXED)
    return secret


def _series(share: Share) -> tuple[object, ...]:
    return share.common_parameters(), share.group_parameters(), len(share.value)


def _share(number: int, text: str) -> Share:
    """Return one sheet as it was typed. Raises SetupError RECOVERY_WORDS, and never says a word."""
    typed = _SHEET.findall(text[:_MOST_TEXT].lower())
    if len(typed) != WORDS:
        raise SetupError(
            Code.RECOVERY_WORDS,
            said("sheet %(number)s: %(count)s words, not %(wanted)s", number=number, count=len(typed), wanted=WORDS),
        )
    known = [_whole(word) for word in typed]
    wrong = [at for at, word in enumerate(known, start=1) if not word]
    if wrong:
        raise SetupError(
            Code.RECOVERY_WORDS,
            said("sheet %(number)s: word %(words)s", number=number, words=", ".join(map(str, wrong))),
        )
    try:
        share = Share.from_mnemonic(" ".join(known))
    except MnemonicError:  # the checksum of the sheet
        raise SetupError(Code.RECOVERY_WORDS, said("sheet %(number)s: a word is another one", number=number)) from None
    if share.iteration_exponent != _EXPONENT or share.group_count != 1 or share.member_threshold < LEAST_NEEDED:
        raise SetupError(Code.RECOVERY_MIXED, said("sheet %(number)s is of another program", number=number))
    return share


def _whole(word: str) -> str:
    """Return the word of the list that begins so, "" for none."""
    found = _by_prefix().get(word[:_PREFIX], "")
    return found if found.startswith(word) else ""


@cache
def _by_prefix() -> dict[str, str]:
    return {word[:_PREFIX]: word for word in WORDLIST}
