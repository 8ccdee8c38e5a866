"""A command speaks the language that it is asked for: what a recipient opens, errors, an account for a lawyer."""

from __future__ import annotations

import json
import re

import pytest

from refbus.errors import Code
from refbus_gateway.words.catalogue import catalogue
from refbus_gateway.words.codes import meaning, next_step
from support.commands import Commands
from support.gateways import case_file, consent_file, id_of, incoming, sent
from support.nodes import Road

LEFT = re.compile(r"\([^)]*\)|refbus [a-z -]+|[a-z]{2}-[a-z0-9]{4,}|[0-9a-f]{16,}|[A-Z][A-Z_]{2,}")
"""What every language has in common: codes in brackets, commands, ids."""
WORD = re.compile(r"[A-Za-z]{3,}")


def english_in(shown: str, content: bytes) -> set[str]:
    """Return the Latin words that are shown and were not typed by the sender."""
    return set(WORD.findall(LEFT.sub(" ", shown))) - set(WORD.findall(content.decode()))


def test_an_opened_referral_shows_no_english(shared: Road, capsys: pytest.CaptureFixture[str]) -> None:
    """Names of fields, codes, yes and no, states and what is to be done: all in Russian."""
    refbus, content = Commands(shared, capsys), case_file(about="Fictional: in Russian")
    _, number = sent(shared.kz, content)
    shared.settle()
    there = str(incoming(shared.uz, id_of(shared.kz, number)))
    refbus.run(shared.shelter, "inbox", "show", there)
    opened = refbus.run(shared.shelter, "--lang", "ru", "inbox", "show", there).out
    where_to_stop = json.loads(consent_file())["withdrawal_contact"]
    assert english_in(opened, content + where_to_stop.encode()) == set()
    assert english_in(refbus.run(shared.shelter, "--lang", "ru", "inbox", "list").out, content) == set()
    assert english_in(refbus.run(shared.agency, "status", str(number), LANG="ru_RU.UTF-8").out, content) == set()


def test_english_stays_as_it_is(shared: Road, capsys: pytest.CaptureFixture[str]) -> None:
    """Without a language a command speaks English, and JSON keeps its English keys in every language."""
    refbus, content = Commands(shared, capsys), case_file(about="Fictional: in English")
    _, number = sent(shared.kz, content)
    assert f"Referral {number}, case" in refbus.run(shared.agency, "status", str(number)).out
    keys = {
        str(sorted(refbus.json(shared.agency, "--lang", each, "case", "show", "1")["content"])) for each in ("en", "ru")
    }
    assert len(keys) == 1


def test_an_error_says_what_to_do_in_the_language(shared: Road, capsys: pytest.CaptureFixture[str]) -> None:
    """Meaning and next step are translated; the code stays as it is."""
    refused = Commands(shared, capsys).run(shared.agency, "--lang", "ru", "status", "999", ok=False).err
    words = catalogue("ru")
    assert f"ошибка: {Code.REFERRAL_UNKNOWN} {meaning(words, Code.REFERRAL_UNKNOWN)}" in refused
    assert f"что делать: {next_step(words, Code.REFERRAL_UNKNOWN)}" in refused
