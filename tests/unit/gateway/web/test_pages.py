"""The first screens: Today, the list, a referral unopened and opened, with foreign text that means harm."""

from __future__ import annotations

from html import escape

import pytest

from refbus.core.times import iso_time
from refbus.errors import Code, UncheckableError
from refbus_gateway.actions import drafts, worklist
from refbus_gateway.actions.worklist import Search, Turn
from refbus_gateway.forms.casefile import case_fields
from refbus_gateway.web import fields
from refbus_gateway.web.session import Form
from refbus_gateway.words.catalogue import catalogue
from support.desks import desk_of
from support.gateways import Pair, case_file, id_of, incoming, sent, withdraw_all
from support.pages import Pages

HARM = "<script>alert(1)</script>\u202eFictional"


@pytest.fixture(scope="module")
def there(pair: Pair) -> Pages:
    """Give the pages of the shelter."""
    return Pages(pair.world, pair.uz)


def referred(pair: Pair, name: str, **changes: object) -> tuple[int, int, int]:
    """Refer a case of its own; return the case, and the number of the referral here and there."""
    case, here = sent(pair.kz, case_file(about=f"Fictional: {name}", file_number=name, **changes))
    pair.exchange()
    return case, here, incoming(pair.uz, id_of(pair.kz, here))


def test_an_unopened_referral_says_only_who_and_how_urgent(pair: Pair, there: Pages) -> None:
    """Nothing of the content is on the page before somebody opens it, and the sender learns nothing until then."""
    _, here, number = referred(pair, "unopened")
    person = there.person()
    page = person.get(f"/referral/{number}")
    assert "is told" in page.text
    assert "dentist" not in page.html
    assert "kz-agency01" not in page.text or "agency" in page.text
    pair.exchange()
    assert worklist.outside(*desk_of(pair.world, pair.kz), here).state == "DELIVERED"
    page = person.send(f"/referral/{number}/open", at=f"/referral/{number}")
    assert page.path == f"/referral/{number}"
    assert "Fictional: needs a dentist." in page.text
    assert "Any office of the fictional agency" in page.text
    assert "Your turn" in page.text
    pair.exchange()
    assert worklist.outside(*desk_of(pair.world, pair.kz), here).state == "UNDER_REVIEW"


def test_text_of_others_is_harmless_wherever_it_stands(pair: Pair, there: Pages) -> None:
    """No markup and no turned direction comes through, in the list, the heading and the content."""
    _, here, number = referred(
        pair,
        HARM.replace("\u202e", ""),
        person={"prs_FirstName": "<b>x</b>", "prs_Birthdate": "1991", "is_minor": False},
    )
    person = there.person()
    pages = [person.send(f"/referral/{number}/open", at=f"/referral/{number}")]
    pages += [Pages(pair.world, pair.kz).person().get(path) for path in (f"/referral/{here}", "/referral", "/today")]
    for page in pages:
        assert "<script>alert" not in page.html
        assert "<b>x" not in page.html
        assert "\u202e" not in page.html
    assert escape("<b>x</b>") in pages[0].html
    assert "\u202e" not in there.person().send("/referral", nickname="\u202e").text


def test_today_puts_a_withdrawal_first(pair: Pair, there: Pages) -> None:
    """What must stop stands above what is to be answered."""
    case, _, _ = referred(pair, "withdrawn")
    referred(pair, "to answer")
    withdraw_all(pair.kz, case)
    pair.exchange()
    text = there.person().get("/today").text
    assert text.index("Consent was taken back: stop") < text.index("To answer")
    assert "Refer a person" in text


def test_a_referral_is_found_by_nickname_state_and_turn(pair: Pair) -> None:
    """A part of the nickname in any case is enough; what is found is counted and paged."""
    referred(pair, "Green Lamp")
    desk, actor = desk_of(pair.world, pair.kz)
    found = worklist.found(desk, actor, Search(nickname="green l"), 10)
    assert [each.file_number for each in found.referrals] == ["Green Lamp"]
    assert found.total == 1
    assert worklist.found(desk, actor, Search(nickname="green l", turn=Turn.OURS), 10).total == 0
    assert worklist.found(desk, actor, Search(own=False), 10).total == 0
    person = Pages(pair.world, pair.kz).person()
    page = person.send("/referral", nickname="green", turn="THEIRS", whose="own")
    assert "1 referral" in page.text
    assert 'value="green"' in page.html
    assert "green" not in str(page.response.url), "a browser keeps addresses on the disk"
    assert "1 referral" in person.get(f"{page.response.url}&page=9").text
    assert 'value="green"' not in person.get("/referral").html
    assert Pages(pair.world, pair.kz).person().get("/referral?page=x&state=nonsense&turn=%00").status == 200


def test_without_a_line_what_others_sent_stays_closed(
    pair: Pair, there: Pages, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page works, says why, and shows our own words alone."""
    _, _, number = referred(pair, "no line")
    person = there.person()
    person.send(f"/referral/{number}/open", at=f"/referral/{number}")

    def away() -> None:
        raise UncheckableError(Code.NOT_SYNCHRONISED)

    monkeypatch.setattr(there.office.desk, "require_synchronised", away)
    page = person.get(f"/referral/{number}")
    assert page.status == 200
    assert "There is no line now" in page.text
    assert "dentist" not in page.html
    assert person.get("/today").status == 200


def test_a_draft_is_each_persons_own_and_a_stale_one_is_refused(pair: Pair) -> None:
    """Two windows: the second that saves from an old state is told; what is dropped is gone."""
    desk, actor = desk_of(pair.world, pair.kz)
    first = drafts.keep(desk, actor, "refer/1", {"person.prs_FirstName": ["Fictional"]})
    assert drafts.keep(desk, actor, "refer/1", {"a": ["b"]}, replaces=first.revision).revision == 2
    with pytest.raises(Exception, match=Code.CASE_CHANGED):
        drafts.keep(desk, actor, "refer/1", {"a": ["c"]}, replaces=first.revision)
    kept = drafts.kept(desk, actor, "refer/1")
    assert kept is not None
    assert kept.fields == {"a": ["b"]}
    assert [each.name for each in drafts.listed(desk, actor).drafts] == ["refer/1"]
    for number in range(30):
        drafts.keep(desk, actor, f"more/{number}", {"a": ["b"]})
    assert len(drafts.listed(desk, actor).drafts) == 20
    with pytest.raises(Exception, match=Code.TOO_LARGE):
        drafts.keep(desk, actor, "large", {"a": ["x" * 300_000]})
    assert "Fictional" not in desk.home.store_path.read_bytes().decode("latin1")
    for each in drafts.listed(desk, actor).drafts:
        drafts.drop(desk, actor, each.name)
    assert drafts.listed(desk, actor).drafts == ()


def test_a_form_is_data(pair: Pair) -> None:
    """Labels become codes, days and telephones become what forms read, and every problem comes at once."""
    paths = ("services_requested", "person.prs_Birthdate", "person.prs_MobilePhone", "person.is_minor", "needs")
    shown = fields.of(catalogue("en"), case_fields(), paths)
    assert [each.pattern for each in shown] == ["checks", "date", "text", "radios", "checks"]
    typed = {
        "services_requested": ["SocialCare"],
        "person.prs_Birthdate": ["31.3.1999"],
        "person.prs_MobilePhone": ["+7 (700) 000-00-00"],
        "person.is_minor": ["false"],
    }
    made = fields.document(shown, Form(typed))
    assert made == {
        "services_requested": ["SocialCare"],
        "person": {"prs_Birthdate": "1999-03-31", "prs_MobilePhone": "+77000000000", "is_minor": False},
    }
    assert fields.check(case_fields(), made, paths) == ()
    assert fields.form_of(made)["person.is_minor"] == ["false"]
    wrong = fields.document(shown, Form({"person.prs_Birthdate": ["31.13.1999"], "person.is_minor": ["perhaps"]}))
    assert {each.path for each in fields.check(case_fields(), wrong, paths)} == {
        "services_requested",
        "person.prs_Birthdate",
        "person.is_minor",
    }
    assert iso_time("31.3.2027 12:05", 300) == "2027-03-31T12:05+05:00"
