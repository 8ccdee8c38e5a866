"""Who this gate is, and what the topics are called."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from refbus.core.ids import CountryCode, OrgId, gate_id
from refbus.crypto.kem import KemPrivate
from refbus.crypto.signing import SigningPair


@dataclass(frozen=True, slots=True)
class GateKeys:
    """The gate of `country`: signs with `pair`, opens routing boxes with `kems` (newest epoch first)."""

    country: CountryCode
    pair: SigningPair = field(repr=False)
    kems: Sequence[KemPrivate] = field(repr=False)

    @property
    def org(self) -> OrgId:
        """The id under which this gate is in the directory."""
        return gate_id(self.country)


def outbox(country: str) -> str:
    """Return the topic into which the gateways of a country write."""
    return f"{country}.outbox"


def border(of: str, coming_from: str) -> str:
    """Return the topic in the cluster of `of` into which the gate of `coming_from` writes."""
    return f"{of}.border.{coming_from}"


def inbox(org: OrgId) -> str:
    """Return the topic from which only `org` reads."""
    return f"{org[:2]}.inbox.{org}"


def family(topic: str) -> str:
    """Return the kind of a topic: "border" for "uz.border.kz"; "" for a name of another shape."""
    parts = topic.split(".")
    return parts[1] if len(parts) > 1 else ""
