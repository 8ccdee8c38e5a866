"""Asking about referrals: send a case to an organisation."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from refbus.core.ids import OrgId
from refbus.core.vocabulary import DataCategory
from refbus_gateway.actions.actor import Actor, Permission
from refbus_gateway.actions.cases import CaseName, named
from refbus_gateway.actions.desk import Delivery, Desk
from refbus_gateway.cases import casework


@dataclass(frozen=True, slots=True)
class ReferralSent:
    """A referral that was queued, or that had been sent before and was left alone: then there is no delivery."""

    case: int
    referral: int
    to: OrgId
    sent_before: bool
    delivery: Delivery | None


def send(
    desk: Desk,
    actor: Actor,
    case: CaseName,
    *,
    to: OrgId | None = None,
    withhold: Collection[DataCategory] = (),
    again: bool = False,
    later: bool = False,
) -> ReferralSent:
    """Refer a case to one organisation; without `again` a repeat changes nothing.

    Raises ConsentError, RuleError, SetupError USAGE when no organisation is named, MalformedError.
    """
    actor.require(Permission.REFER)
    with desk.write() as tx:
        found = named(desk, tx, case)
        sent = casework.send_case(desk.gateway, tx, found, to=to, withhold=withhold, again=again)
    delivery = None if sent.again else desk.deliver(later=later)
    return ReferralSent(found.id, sent.referral.id, sent.referral.org, sent.again, delivery)
