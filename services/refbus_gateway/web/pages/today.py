"""Today: what there is to do, in the order in which it is done."""

from __future__ import annotations

from typing import Final

from starlette.responses import Response

from refbus_gateway.actions import worklist
from refbus_gateway.web.screens import Ask, Screens

screens: Final = Screens()


@screens.show("/today")
def today(ask: Ask) -> Response:
    """Show what there is to do, what is most urgent first."""
    mine = bool(ask.actor.person) and ask.query("whose") == "mine"
    return ask.page("today.html", found=worklist.today(ask.desk, ask.actor, mine=mine), mine=mine)
