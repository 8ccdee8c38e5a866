"""What real gateways wrote into the outboxes becomes the journal that the general judge reads."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from chaos.ground import Ground
from chaos.journal import Journal, Nature, Planned
from chaos.logs import read_topic
from chaos.stage import KZ, UZ
from demo.world import PASSPHRASE
from refbus.core.ids import OrgId
from refbus.core.message import RoutingBlock
from refbus.crypto.framing import sha256
from refbus.envelope.format import Envelope
from refbus.envelope.routing import open_routing


def journal_of_log(ground: Ground, members: Iterable[OrgId], nature: Callable[[RoutingBlock], Nature]) -> int:
    """Write into the journal what the gateways put into the outboxes of kz and uz; return how many events that is.

    The keys of `members` open the envelopes; `nature` says what must become of each.
    """
    keys = [key for org in members for key in ground.world.home(org).kem_keys(PASSPHRASE).values()]
    planned: dict[str, Planned] = {}
    for country in (KZ, UZ):
        for line in read_topic(ground.world.address(country, f"{country}-operator"), f"{country}.outbox"):
            block = open_routing(Envelope.parse(line.value), keys).block
            digest = sha256(line.value).hex()
            name, case = block.event_id.hex(), block.referral_id.hex()
            planned[digest] = Planned(name, case, line.offset, block.sender, block.recipient, nature(block), digest)
    path = ground.journal.path
    path.rename(path.with_name("people.jsonl"))
    ground.journal.close()
    ground.journal = Journal(path)
    ground.journal.planned(planned.values())
    return len({each.event for each in planned.values()})
