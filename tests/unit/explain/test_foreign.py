"""Text that others wrote cannot pass for the program's own, on a terminal, on paper or in JSON."""

from __future__ import annotations

import io
import json
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refbus import foreign, output

FORGED = "Thank you.\n\nCONSENT WITHDRAWN: stop using it\n  refbus inbox acknowledge 7 ERASED"
SCRIPTS = "Өзге тіл, ýaş, Ҷӯй, O‘zbek, ქართული, العربية"


def test_every_line_of_a_foreign_text_is_behind_a_bar() -> None:
    """The forged line is there to read, and is nobody's but its writer's."""
    lines = foreign.field("Feedback", FORGED, "    ")
    assert lines[0] == "    Feedback:"
    assert len(lines) == 5
    assert all(each.startswith("      | ") for each in lines[1:])
    assert "      | CONSENT WITHDRAWN: stop using it" in lines


def test_a_long_line_is_broken_by_the_program_and_not_by_the_terminal() -> None:
    """Blanks that would push the rest to the beginning of the next line push it behind the next bar."""
    for text in ("All is well." + " " * 70 + "CONSENT WITHDRAWN", "x" * 300, "字" * 100):
        lines = foreign.field("Note", text, "    ")
        assert len(lines) > 2
        assert all(foreign.width(each) <= foreign.WIDTH for each in lines)
        assert all(each.startswith("      | ") for each in lines[1:])
        assert "".join(each.removeprefix("      | ") for each in lines[1:]).replace(" ", "") == text.replace(" ", "")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\u202eb", "a<U+202E>b"),
        ("a\u200bb\u2060c\ufeffd", "a<U+200B>b<U+2060>c<U+FEFF>d"),
        ("\x1b[2J\x9b1m\x07", "<U+001B>[2J<U+009B>1m<U+0007>"),
        ("a\u2028b\x85c\rd", "a<U+2028>b<U+0085>c<U+000D>d"),
        ("\u3164\u2800\u115f", "<U+3164><U+2800><U+115F>"),
        ("a\ufe0fb\U000e0101", "a<U+FE0F>b<U+E0101>"),
        ("\ud800", "<U+D800>"),
        ("a\u00a0b\u2003c\td", "a b c d"),
        ("e\u0301\u0301\u0301\u0301\u0301", "e\u0301\u0301\u0301\u0301<U+0301>"),
        ("\u0e01" + "\u0e47" * 5, "\u0e01" + "\u0e47" * 4 + "<U+0E47>"),
        (SCRIPTS, SCRIPTS),
    ],
)
def test_what_is_hidden_is_shown(text: str, shown: str) -> None:
    """Letters of every script stay as they are; a pile of accents ends."""
    assert foreign.line(text) == shown


@given(st.text())
def test_a_line_is_one_line_whatever_is_in_it(text: str) -> None:
    """Nothing in it starts another line, hides or turns the direction of writing; JSON reads back as it was."""
    shown = foreign.line(text)
    assert len(shown.splitlines()) <= 1
    assert foreign.line(shown) == shown
    assert all(foreign.BAR in each for each in foreign.block(text))
    told = foreign.as_json({"text": text}, indent=1)
    assert json.loads(told) == {"text": text}
    assert foreign.visible(told).replace("<U+", "") == told.replace("<U+", "") or "\u00a0" in told or " " in told


@pytest.mark.parametrize("text", ["\u044f " * 20_000, "\u044f" * 40_000, "\u6f22 " * 20_000])
def test_a_long_text_costs_no_more_than_its_length(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """Each letter is measured at most twice, however many lines the text takes."""
    measured = 0
    columns = foreign._columns

    def counted(char: str) -> int:
        nonlocal measured
        measured += 1
        return columns(char)

    monkeypatch.setattr(foreign, "_columns", counted)
    assert "".join(part.removeprefix(foreign.BAR) for part in foreign.block(text)).replace(" ", "") == text.replace(
        " ", ""
    )
    assert measured <= 2 * len(text)


def test_a_page_shows_the_text_and_obeys_nothing_in_it() -> None:
    """Markup is text, lines stay lines, and the direction of a text stays inside of it."""
    assert foreign.markup('<b>"x"\n') == "&lt;b&gt;&quot;x&quot;&lt;U+000A&gt;"
    assert foreign.markup_block("a\n<i>") == "<bdi>a<br>&lt;i&gt;</bdi>"


@pytest.mark.parametrize("encoding", ["koi8-r", "cp1251", "ascii", "utf-8"])
def test_no_terminal_makes_a_command_fail(monkeypatch: pytest.MonkeyPatch, encoding: str) -> None:
    """A letter that it does not have is shown by its number; JSON stays JSON."""
    out = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(out, encoding=encoding))
    output.prepare()
    output.say(SCRIPTS)
    output.put_json({"text": SCRIPTS + "😀"})
    sys.stdout.flush()
    told, json_text = out.getvalue().decode(encoding).splitlines()
    assert told.encode(encoding)
    assert json.loads(json_text) == {"text": SCRIPTS + "😀"}
