"""What was erased at the organisation that received it: the pages say so, and when; nobody is called silent."""

from __future__ import annotations

from refbus.wire.transport import NoticeOutcome
from refbus_gateway.actions import erasure
from support.desks import desk_of
from support.gateways import Pair, id_of, incoming, sent
from support.notices import hop_of, notice_of, tell
from support.pages import Pages


def test_an_erased_referral_says_that_it_was_erased_and_when(pair: Pair) -> None:
    """Whoever follows an old link reads what became of it; who sent it was asked nothing and is not silent."""
    _, number = sent(pair.kz)
    pair.exchange()
    got = incoming(pair.uz, id_of(pair.kz, number))
    there = Pages(pair.world, pair.uz).person()
    there.send(f"/referral/{got}/open", at=f"/referral/{got}")
    pair.exchange()
    desk, actor = desk_of(pair.world, pair.uz)
    erasure.erase(desk, actor, erasure.case_of_referral(desk, actor, got))
    for path in (f"/referral/{got}", f"/return/{got}", f"/emergency/{got}"):
        page = there.get(path)
        assert page.status == 200
        assert "Erased here on 21 Sept 2026" in page.text
    for path in ("/erased", f"/referral/{got}"):
        page = there.get(path)
        assert "It came from others" in page.text
        assert "silent" not in page.text
        assert "not told yet" not in page.text


def test_who_received_what_has_words_for_receipts_and_hashes_in_a_fold(pair: Pair) -> None:
    """The sheet for a person names no state of the road and no hash; both are for whoever checks it."""
    case, number = sent(pair.kz)
    pair.world.sync(pair.kz)
    tell(pair, notice_of(pair, number, NoticeOutcome.FORWARDED, decision_id=b"1" * 16))
    tell(pair, notice_of(pair, number, NoticeOutcome.TAKEN, decision_id=b"2" * 16, receipt=hop_of(pair, number)))
    here = Pages(pair.world, pair.kz).person()
    html = here.get(f"/case/{case}/who").html
    sheet, _, fold = html.partition("For whoever checks it")
    assert "SHA-256" not in sheet
    assert "SHA-256" in fold
    assert "passed on to the other country" in fold
    assert "taken by the other country" in fold
    for code in ("FORWARDED", "TAKEN"):
        assert code not in html
