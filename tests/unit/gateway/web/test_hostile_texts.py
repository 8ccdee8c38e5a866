"""Every page of the desk in two offices where every text that somebody can write means harm."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest

from refbus.core.vocabulary import EventType
from refbus_gateway.actions import assignments, people, profiles
from refbus_gateway.actions.actor import Role
from refbus_gateway.actions.people import Newcomer
from refbus_gateway.forms import values
from refbus_gateway.web import app
from refbus_gateway.web.pages.referral_forms import STEPS
from refbus_gateway.web.render import environment
from support.desks import desk_of
from support.gateways import Pair, case_file, consent_file, id_of, incoming, say, sent
from support.hostile import HARM, MARKS, MARKUP, harmed
from support.pages import Pages, Person
from unit.gateway.actions.test_profiles import WRITTEN, hand_on
from unit.gateway.web.test_hostile_forms import WORD, confirmed

SHORT = f"'\"><b>{MARKS}"
"""For fields of at most 40 characters."""


@pytest.fixture(scope="module")
def harmful(pair: Pair) -> Iterator[Pair]:
    """Give offices whose programs refuse no text, as those of an attacker do not."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(values, "_FORBIDDEN", re.compile("$^"))
        desk, actor = desk_of(pair.world, pair.uz)
        told = {"names": {"en": "'\">x<b>"}, "withdrawal": {"en": MARKUP}}  # gates hand on no hidden marks
        profiles.save(desk, actor, json.dumps({**WRITTEN, **told}).encode())
        hand_on(pair)
        desk, actor = desk_of(pair.world, pair.kz)
        person = {"prs_FirstName": HARM, "prs_Birthdate": "1991", "is_minor": False}
        harm = {"about": HARM, "file_number": SHORT, "person": person, "health": {"summary": HARM}}
        case, here = sent(pair.kz, case_file(**harm), consent_file(withdrawal_contact=HARM))
        pair.exchange()
        number = incoming(pair.uz, id_of(pair.kz, here))
        Pages(pair.world, pair.uz).person().send(f"/referral/{number}/open", at=f"/referral/{number}")
        say(pair.uz, number, EventType.INFORMATION_REQUESTED, asked_categories=["HEALTH"], question=HARM)
        pair.exchange()
        people.begin(desk, actor, Newcomer("chief", SHORT, Role.ADMINISTRATOR, "en", WORD))
        chief = confirmed(desk, "chief", WORD)
        people.add(desk, chief, Newcomer("other", SHORT, Role.CASE_WORKER, "en", "of the other"))
        assignments.assign(desk, chief, case, chief.person, note=HARM)
        yield pair


def walk(person: Person) -> Iterator[tuple[str, str]]:
    """Yield the address and the page of every screen that shows something, with the number of what is there."""
    for screen in (screen for module in app.ALL for screen in module.found):
        path = screen.path.replace("{number:int}", "1")
        if screen.method == "GET" and path not in {"/lock", "/leave"}:
            for each in [path.replace("{step}", step.slug) for step in STEPS] if "{step}" in path else [path]:
                yield each, person.get(each).html


def test_no_page_does_what_a_text_wants(harmful: Pair) -> None:
    """Sender and recipient, every address: nothing is markup, and every mark that turns or hides text is shown."""
    here = Pages(harmful.world, harmful.kz).browser()
    assert here.send("/sign-in", name="chief", passphrase=WORD).path == "/today"
    seen = ""
    for person in (here, Pages(harmful.world, harmful.uz).person()):
        for path, html in walk(person):
            assert harmed(html) == [], path
            seen += html
    assert seen.count("&lt;U+202E&gt;") > 20
    assert seen.count("&lt;script&gt;alert(1)") > 5


def test_a_notice_and_a_search_are_harmless(harmful: Pair) -> None:
    """What is told once, with a name in it; what is searched for, which stands in its field as it was typed."""
    here = Pages(harmful.world, harmful.kz).browser()
    here.send("/sign-in", name="chief", passphrase=WORD)
    page = here.get("/case/1/hand-over")
    (other,) = re.findall(r'<input type="radio"[^>]*name="person" value="([^"]*)"', page.html)[:1]
    page = here.send("/case/1/hand-over", person=other, note=HARM)
    assert "looks after it now" in page.text
    assert harmed(page.html) == []
    page = here.send("/referral", nickname=HARM)
    assert harmed(page.html) == []
    assert page.forms["/referral"]["nickname"] == [HARM]


def test_a_template_need_not_think_of_it() -> None:
    """Whatever a new page puts out, alone or in a sentence, is shown; only what is put into a field stays as typed."""
    text = (
        '{{ x }}{% trans y=x %}To {{ y }}{% endtrans %}{{ _("At %(what)s", what=x) }}{{ part.tag(x) }}'
        "{% trans n=2, y=x %}{{ n }} {{ y }}{% pluralize n %}{{ n }} {{ y }}{% endtrans %}"
    )
    for language in ("en", "ru"):
        made = environment(language).from_string(text).render(x=HARM)
        assert harmed(made) == []
        assert made.count("&lt;U+202E&gt;") == 5
        assert environment(language).from_string("{{ x|e }}").render(x=MARKS) == MARKS
    assert environment("en").from_string("{{ x }}").render(x="1\u00a0000 \u0441\u0301") == "1\u00a0000 \u0441\u0301"
