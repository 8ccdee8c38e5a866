"""Practice and real cases never mix: where nobody works no real case goes, and a practice case goes nowhere else.

An organisation whose entry in the directory says that it echoes answers by itself. A case of practice has a mark in its
body here, which the page of practice sets and nothing takes away; copies have it too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from refbus.core.consent.legal_basis import BASIS_EVENTS
from refbus.core.courses.course import BEGINS
from refbus.core.directory import Directory, Organisation
from refbus.core.message import RoutingBlock
from refbus.core.vocabulary import PERMITS_NOTHING
from refbus.errors import Code, ConsentError, RuleError
from refbus_gateway.home.gateway import Gateway
from refbus_gateway.store import cases
from refbus_gateway.store.cases import Case
from refbus_gateway.store.session import Transaction

MARK: Final = "practice"


def is_practice(tx: Transaction, case: Case) -> bool:
    """Whether this case was made for practice here."""
    return case.own and case.live and bool(cases.body_of(tx, case).get(MARK))


def mixes(body: Mapping[str, Any], recipient: Organisation | None) -> bool:
    """Whether an own case with this body and this recipient are one practice and the other real."""
    return bool(body.get(MARK)) != (recipient is not None and recipient.echoes)


def require_apart(tx: Transaction, case: Case, block: RoutingBlock, directory: Directory) -> None:
    """Raise ConsentError PRACTICE_ONLY for an event of an own case that would mix the two. A no always goes out.

    What needs a consent is judged with that (`permission.require_permit`).
    """
    if not case.own or block.event_type in PERMITS_NOTHING:
        return
    if mixes(cases.body_of(tx, case) if case.live else {}, directory.find(block.recipient)):
        raise ConsentError((Code.PRACTICE_ONLY,))


def require_fictional(gateway: Gateway, block: RoutingBlock, payload: Mapping[str, Any]) -> None:
    """Raise RuleError PRACTICE_ONLY where this office echoes and what came in is not said to be fictional."""
    me = gateway.view().find(gateway.me)
    if me is None or not me.echoes or block.event_type not in BEGINS:
        return
    if block.event_type in BASIS_EVENTS or payload.get("fictional") is not True:
        raise RuleError(Code.PRACTICE_ONLY)
