"""Uzbek in Cyrillic letters, written from Latin ones."""

from __future__ import annotations

import pytest

from tools.uzbek import to_cyrillic


@pytest.mark.parametrize(
    ("latin", "cyrillic"),
    [
        ("Boʻsh joy yoʻq", "Бўш жой йўқ"),
        ("Bo'sh joy yo‘q", "Бўш жой йўқ"),
        ("Eʼlon, ertaga, poema, Yevropa", "Эълон, эртага, поэма, Европа"),
        ("yaxshi, Yodgor, yurak", "яхши, Ёдгор, юрак"),
        ("Isʼhoq", "Исҳоқ"),
        ("gʻamxoʻrlik, toʻgʻri", "ғамхўрлик, тўғри"),
        ("maʼlumotsiz, migratsiya, kvitansiya, pensiya", "маълумотсиз, миграция, квитанция, пенсия"),
        ("parolingiz, parolni", "паролингиз, парольни"),
        ("Chaqaloq, Shahar", "Чақалоқ, Шаҳар"),
        ("%(name)s tomonidan", "%(name)s томонидан"),
        ("`refbus sync` buyrugʻi", "`refbus sync` буйруғи"),
        ("kod CLOCK_SKEW, PDF", "код CLOCK_SKEW, PDF"),
    ],
)
def test_latin_letters_become_cyrillic_ones(latin: str, cyrillic: str) -> None:
    """Letters of two signs, е and э, the apostrophes, capitals; values, commands and codes stay."""
    assert to_cyrillic(latin) == cyrillic
