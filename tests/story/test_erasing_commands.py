"""Erasing a case by commands."""

from __future__ import annotations

import pytest

from support.commands import Commands
from support.erasing import acknowledge, delivered
from support.nodes import Road


def test_typed(own: Road, capsys: pytest.CaptureFixture[str]) -> None:
    """The command explains, erases, and shows what the others answered; twice does no harm."""
    case, number, there = delivered(own)
    own.kz.close()
    own.opened.remove(own.kz)
    refbus = Commands(own, capsys)
    assert refbus.run(own.agency, "erase", "--status").out == "No case was erased here.\n"
    gone = refbus.json(own.agency, "erase", str(case))
    assert (gone["case"], gone["erased"], gone["delivery"]) == (case, True, "sent")
    assert [each["answer"] for each in gone["organisations"]] == [None]
    assert "no answer yet" in refbus.run(own.agency, "erase", "--status", "--referral", str(number)).out
    assert "erased" in refbus.run(own.agency, "case", "list").out
    assert "KEY_DESTROYED" in refbus.run(own.agency, "case", "show", str(case), ok=False).err
    own.settle()
    acknowledge(own, there, "RETAINED_LEGAL", "COURT_ORDER")
    refbus.run(own.agency, "sync")
    status = refbus.run(own.agency, "erase", "--status").out
    assert "nothing of it can be read here" in status
    assert "a law says so" in status
    assert "court" in status.lower()
    assert "erased" in refbus.run(own.agency, "erase", str(case), "--yes").out
    assert refbus.run(own.agency, "erase", "--yes", ok=False).status != 0
    assert refbus.run(own.agency, "erase", "--referral", "99", "--yes", ok=False).status != 0
