"""The duty telephone of the shelter is written on its pages, and stands where the agency chooses and calls."""

from __future__ import annotations

from browser.conftest import Desks, Eye, follow

AGENCY, SHELTER = "kz-agency01", "uz-she1ter1"
LONG = "Вымышленный приют с очень длинным названием, какое бывает у ведомств " * 2


def test_a_telephone_reaches_those_who_call(desks: Desks, eye: Eye) -> None:
    """Written, refused with what is wrong, looked at, signed; then the other country sees it in Russian."""
    page = eye.sign_in(desks[SHELTER], language="ru")
    page.goto(page.url.replace("/today", "/office/profile"))
    page.wait_for_selector("text=+998 71 000 00 02")
    eye.look(page, "profile")
    follow(page, "a[href='/office/profile/edit']")
    eye.look(page, "profile-edit")
    page.fill("#telephones", "позвоните нам")
    page.fill("#names-ru", LONG)
    follow(page, "main form[method=post] button[type=submit]")
    page.wait_for_selector(".errors")
    eye.look(page, "profile-wrong")
    page.fill("#telephones", "71 000 00 09\n+998 71 000 00 02")
    page.fill("#places", "3")
    follow(page, "main form[method=post] button[type=submit]")
    page.wait_for_url("**/office/profile/look")
    eye.look(page, "profile-look")
    follow(page, "main form[method=post] button[type=submit]")
    page.wait_for_url("**/office/profile")
    agency = desks[AGENCY].office
    found = agency.until(
        ("orgs", "show", SHELTER), lambda value: value["profile"] and value["profile"]["places"] == 3, seconds=180
    )
    assert found["profile"]["telephones"][0] == "+998710000009"
    page.goto(page.url)
    eye.look(page, "profile-done")
    page.goto(page.url.replace("/office/profile", "/office"))
    eye.look(page, "profile-office")
