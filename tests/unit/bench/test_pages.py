"""What a page of the desk asks of the store does not grow with what is in it: statements are pinned."""

from __future__ import annotations

import re
from pathlib import Path

from bench import pages
from refbus_gateway.web.app import ALL

MOST = {
    "today": 80,
    "a referral": 30,
    "search, many": 16,
    "search, one": 26,
    "search, none": 22,
    "one that nobody opened": 14,
    "after sending": 14,
    "an answer": 30,
    "refer, look": 40,
    "practise": 50,
    "the line": 20,
}
LIST = 12
ELSEWHERE = {
    "/": "leads to another page",
    "/lock": "ends the session, and reads nothing",
    "/locked": "stands where nobody is signed in, and reads nothing",
    "/leave": "ends the session, and reads nothing",
    **{
        f"/setup{step}": "before there is an office, so there are no referrals"
        for step in (
            *("", "/person", "/road", "/telephone", "/request", "/challenge", "/answer", "/root", "/line"),
            *("/directory", "/recovery"),
        )
    },
    "/referral/{number:int}/withdrawn": "one referral, as `a referral`",
    "/return/{number:int}": "one course, as `a referral`",
    "/emergency/{number:int}": "one course, as `a referral`",
    "/emergency/new": "asks for a case as `begin a return` does; the rule of this country leads away from it",
    "/emergency/decide": "shows what was written before",
    "/case/{number:int}/restored": "one case; once, after a restore",
    "/card": "shows the profile of this office, and reads no case",
    "/case/{number:int}/together": "one case and at most 40 linked ones, with the choices of `begin a return`",
    "/case/import": "asks for a file, and reads nothing",
    "/office/people/{number:int}": "one of at most 64 people",
    "/office/people/{number:int}/passphrase": "the same",
    "/office/people/{number:int}/lock-out": "the same",
    "/office/people/{number:int}/codes": "the same",
    "/office/profile/look": "shows what was written before",
}
"""Addresses that are not measured, and why."""


def test_a_page_asks_the_same_whatever_the_number_of_referrals(tmp_path: Path) -> None:
    """With twice as many referrals each page takes as many statements, and no more than docs/design/bench.md says."""
    few, many = pages.counts(tmp_path / "few", 120), pages.counts(tmp_path / "many", 240)
    asked = {name: found.statements for name, found in few.items()}
    assert asked == {name: found.statements for name, found in many.items()}
    assert {name: count for name, count in asked.items() if count > MOST.get(name, LIST)} == {}


def test_every_page_is_measured_or_says_why_not() -> None:
    """A new address that shows a page is measured with many referrals; a reason that nothing needs any more goes."""
    shown = {each.path for module in ALL for each in module.found if each.method == "GET"}
    measured = {path.partition("?")[0] for path in pages.PAGES.values()}
    known = {path for path in shown if any(_shows(path, each) for each in measured)}
    assert shown - known == set(ELSEWHERE)


def _shows(route: str, path: str) -> bool:
    pattern = re.sub(r"\{(\w+)(:int)?\}", lambda found: "[0-9]+" if found[2] else "[^/]+", route)
    return re.fullmatch(pattern, path) is not None and (route == path or "{" in route)
