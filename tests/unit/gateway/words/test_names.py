"""Countries and languages by any usual code and by their names in our languages; the nearest one is only a hint."""

from __future__ import annotations

import pytest

from refbus_gateway.words.codes import label
from refbus_gateway.words.contacts import language_code
from refbus_gateway.words.languages import LANGUAGES
from refbus_gateway.words.names import exact_code, nearest_code


@pytest.mark.parametrize(
    ("list_name", "text", "code"),
    [
        ("iso.3166-1", "KGZ", "KG"),
        ("iso.3166-1", "kg", "KG"),
        ("iso.3166-1", "Кыргызстан", "KG"),
        ("iso.3166-1", "қирғизистон", "KG"),
        ("iso.3166-1", "Türkiýe", "TR"),
        ("iso.3166-1", "kgz", "KG"),
        ("iso.3166-1", "XXA", "x_STATELESS"),
        ("iso.639-2", "tg", "tgk"),
        ("iso.639-2", "ru", "rus"),
        ("iso.639-2", "per", "fas"),
        ("iso.639-2", "tgk", "tgk"),
        ("iso.639-2", "Tajik", "tgk"),
        ("iso.639-2", "тоҷикӣ", "tgk"),
        ("iso.639-2", "Русский жестовый язык", "rsl"),
        ("iso.639-2", "Ghotuo", "aaa"),
        ("htcds.vic_MethodsOfControl", "ThreatOfLawEnforcement", "ThreatsLawEnforcement"),
        ("htcds.vic_MethodsOfControl", "RestrictsMovement", "x_RestrictsMovement"),
    ],
)
def test_a_name_in_any_language_means_its_code(list_name: str, text: str, code: str) -> None:
    """As does each usual code of another standard, in any case."""
    assert exact_code(list_name, text) == code


@pytest.mark.parametrize(
    ("list_name", "text", "code"),
    [
        ("iso.3166-1", "Kirgizstan", "KG"),
        ("iso.3166-1", "Узбекестан", "UZ"),
        ("iso.3166-1", "QQ", None),
        ("iso.639-2", "тажикский", "tgk"),
        ("iso.639-2", "xq", None),
        ("iso.639-2", "qq", None),
        ("htcds.spl_Type", "Leagl", "Legal"),
        ("htcds.spl_Type", "Telepathy", None),
    ],
)
def test_a_slip_of_the_hand_gets_the_nearest(list_name: str, text: str, code: str | None) -> None:
    """Two or three letters that are no code are nothing: the most similar code is another country."""
    assert exact_code(list_name, text) is None
    assert nearest_code(list_name, text) == code


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_country_has_a_name_in_every_language(language: str) -> None:
    """Not only those of the region."""
    assert label(language, "iso.3166-1", "GH") not in {None, "GH"}
    if language not in {"en", "uz-Latn", "tk"}:
        assert not str(label(language, "iso.3166-1", "GH")).isascii()


def test_one_code_for_a_language_everywhere() -> None:
    """The directory, profiles and cases mean one language by all of them."""
    assert {language_code(text) for text in ("tg", "tgk", "TGK", "tg-Cyrl", "Tajik", "тоҷикӣ", "таджикский")} == {"tg"}
    assert language_code("rsl") == language_code("Русский жестовый язык") == "rsl"
    assert language_code("no language") is None
