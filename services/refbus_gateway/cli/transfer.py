"""`refbus transfer`: whose case it is. Custody moves only when the other organisation accepts."""

from __future__ import annotations

from typing import Final

import click

from refbus.core.vocabulary import EventType
from refbus_gateway.cli.answers import Saying, add_answers

STEPS: Final = (
    Saying(
        "propose",
        EventType.TRANSFER_PROPOSED,
        "Ask the organisation that helps to take over the case.",
        "1 --file transfer.json",
    ),
    Saying(
        "accept",
        EventType.TRANSFER_ACCEPTED,
        "Take over the case.",
        "1 --responsible-worker-role CASE_MANAGER",
    ),
    Saying("reject", EventType.TRANSFER_REJECTED, "Do not take over the case.", "1 --reason CAPACITY_FULL"),
)


@click.group(name="transfer")
def group() -> None:
    """Hand a case over. NUMBER is the number of a referral in `refbus status` or `refbus inbox list`."""


add_answers(group, STEPS)
