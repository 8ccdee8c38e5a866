"""An office that goes on from a backup, in a real browser: whom to call, what to ask, that it may send again."""

from __future__ import annotations

from browser.conftest import Desks, Eye, follow
from browser.test_answers import until
from demo.world import PASSPHRASE
from refbus.core.ids import OrgId
from support.gateways import case_file, consent_file

AGENCY, SHELTER = "uz-agency01", OrgId("kz-she1ter1")


def test_an_office_goes_on_from_its_backup(desks: Desks, eye: Eye) -> None:
    """Everything is read first; then the page says whom to call, who has answered, and the cases; it is confirmed."""
    office = desks[AGENCY].office
    case = case_file(recipient={"organisation": SHELTER}, file_number="Blue lamp", about="Fictional: restored")
    kept = office.do("case", "add", office.file("case.json", case))["case"]
    office.do("consent", "grant", str(kept), "--file", office.file("consent.json", consent_file(SHELTER)))
    office.do("send", str(kept))
    agency = desks.go_on_from_backup(AGENCY)
    page = eye.sign_in(agency)
    until(page, agency, "/office/restored", "sent again")
    assert "Blue lamp" in page.inner_text("main")
    eye.look(page, "after-the-backup")
    russian = eye.sign_in(agency, language="ru")
    for path in ("office/alarms", "office/restored", f"case/{kept}/restored"):
        russian.goto(agency.url + path)
        eye.look(russian, f"after-the-backup-{path.replace('/', '-')}-ru")
    page.fill("#passphrase", PASSPHRASE)
    follow(page, "main form button")
    assert "Confirmed" in page.inner_text("main")
    eye.look(page, "after-the-backup-confirmed")
