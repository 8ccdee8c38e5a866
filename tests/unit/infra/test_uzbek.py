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


@pytest.mark.parametrize(
    ("latin", "english", "cyrillic"),
    [
        ("RAD ETILDI: SHA-256, TLS", "REFUSED: SHA-256, TLS", "РАД ЭТИЛДИ: SHA-256, TLS"),
        (
            "Keyin refbus sync, refbus erase %(n)s.",
            "Then refbus sync, then refbus erase %(n)s.",
            "Кейин refbus sync, refbus erase %(n)s.",
        ),
        ("boshqa refbus buyrugʻi", "another refbus command", "бошқа refbus буйруғи"),
        (
            "uni --older bilan bering, is_minor ni ham",
            "give it with --older, and is_minor",
            "уни --older билан беринг, is_minor ни ҳам",
        ),
        ("nomi .tlog-proof bilan", "its name ends with .tlog-proof", "номи .tlog-proof билан"),
        ("docs/a.md da; case.json", "in docs/a.md; case.json", "docs/a.md да; case.json"),
    ],
)
def test_what_english_names_too_stays(latin: str, english: str, cyrillic: str) -> None:
    """Commands without backticks, options, files and codes stay; capitals that are words do not."""
    assert to_cyrillic(latin, english) == cyrillic
