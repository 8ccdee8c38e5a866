"""What the gates refuse: events that no honest gateway sends, made by a hostile member and by a curious operator."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from demo.gauges import total, wait_for
from demo.hostile import HostileMember, Plot
from demo.stack import Stack
from demo.world import PASSPHRASE, produce_all
from refbus.bus.cluster import KafkaCluster
from refbus.clock import machine_ms
from refbus.core.directory import Directory
from refbus.core.ids import CountryCode, OrgId
from refbus.core.units import HOUR_MS
from refbus.core.vocabulary import DataCategory
from refbus.trust.homes import Home

Tell = Callable[[str], None]
NEEDS = DataCategory.SERVICE_NEEDS
STRANGER = OrgId("uz-zzzzzzz1")


@dataclass(frozen=True, slots=True)
class Attack:
    """One thing that is tried: what the gate must answer, and the envelope, sealed just before it is sent."""

    expect: str
    what: str
    envelope: Callable[[], bytes]


class Border:
    """Writes straight to a country's outbox, as a member with its own client can, and reads the gate's counters."""

    def __init__(self, stack: Stack, directory: Directory, tell: Tell) -> None:
        self._stack = stack
        self._directory = directory
        self._tell = tell
        self.refused: Counter[str] = Counter()
        self.duplicates = 0
        self.quarantined = 0
        self.sent = 0

    def attack(self) -> None:
        """Try everything, one after the other; each must end with its code. Raises TimeoutError."""
        self._tell("")
        self._tell("A member that leaves its own checks out meets the national gate")
        now_ms = machine_ms()
        kz, uz = self._member(OrgId("kz-agency01")), self._member(OrgId("uz-agency01"))
        shelter, other = OrgId("uz-she1ter1"), OrgId("uz-1ega1a1d")
        abroad = OrgId("kz-she1ter1")
        fine = kz.consent(shelter, [NEEDS], now_ms)
        for attack in (
            Attack("NO_CONSENT", "no consent record at all", lambda: kz.seal(Plot(shelter), now_ms)),
            Attack(
                "RECIPIENT_NOT_COVERED",
                "a consent that names another organisation",
                lambda: kz.seal(Plot(other, consent=fine), now_ms),
            ),
            Attack(
                "CATEGORY_NOT_COVERED",
                "health data under a consent that does not cover them",
                lambda: kz.seal(Plot(shelter, (NEEDS, DataCategory.HEALTH), fine), now_ms),
            ),
            Attack(
                "MESSAGE_EXPIRED",
                "an envelope whose time is over",
                lambda: kz.seal(Plot(shelter, consent=fine, expires_in_hours=-2), now_ms),
            ),
            Attack(
                "EXPIRED",
                "a consent that has ended",
                lambda: kz.seal(Plot(shelter, consent=_ended(kz, shelter, now_ms)), now_ms),
            ),
            Attack(
                "ORGANISATION_UNKNOWN",
                "a recipient that is in nobody's directory",
                lambda: kz.seal(Plot(STRANGER, consent=kz.consent(STRANGER, [NEEDS], now_ms)), now_ms),
            ),
            Attack(
                "RESIDENCY_FORBIDDEN",
                "biometric data that may not leave Uzbekistan",
                lambda: uz.seal(
                    Plot(
                        abroad,
                        (NEEDS, DataCategory.PHOTO_BIOMETRIC),
                        uz.consent(abroad, [NEEDS, DataCategory.PHOTO_BIOMETRIC], now_ms),
                    ),
                    now_ms,
                ),
            ),
            Attack(
                "OPEN_FAILED", "one bit of a sealed event changed", lambda: _one_bit(kz.seal(Plot(shelter), now_ms))
            ),
        ):
            self._try(attack, CountryCode("uz" if attack.expect == "RESIDENCY_FORBIDDEN" else "kz"))

    def replay(self) -> None:
        """Write the newest honest envelope of kz a second time. Raises TimeoutError when it is not found out."""
        country = CountryCode("kz")
        before = self._outcomes(country)["DUPLICATE"]
        self._produce(country, self._newest_honest(country))
        wait_for("a replay is recognised", lambda: self._outcomes(country)["DUPLICATE"] > before)
        self.duplicates += self._outcomes(country)["DUPLICATE"] - before
        self._tell(f"  {'DUPLICATE':22} an honest event, copied from the log and written again: no second effect")

    def poison(self) -> None:
        """Write bytes that are nothing at all. Raises TimeoutError when they are not put aside."""
        country = CountryCode("kz")
        before = self._outcomes(country)["QUARANTINED"]
        self._produce(country, b"not an envelope")
        wait_for("poison is put aside", lambda: self._outcomes(country)["QUARANTINED"] > before)
        self.quarantined += self._outcomes(country)["QUARANTINED"] - before
        self._tell(f"  {'QUARANTINED':22} bytes that are no envelope: put aside as received, nobody else waits")

    def _try(self, attack: Attack, country: CountryCode) -> None:
        before = self._codes(country)[attack.expect]
        self._produce(country, attack.envelope())
        wait_for(
            f"the gate of {country} says {attack.expect} to {attack.what}; it said {dict(self._codes(country))}",
            lambda: self._codes(country)[attack.expect] > before,
        )
        self.refused[attack.expect] += 1
        self._tell(f"  {attack.expect:22} {attack.what}")

    def _member(self, org: OrgId) -> HostileMember:
        pairs = Home(self._stack.world.paths.home(org)).signing_pairs(PASSPHRASE)
        return HostileMember(org, next(iter(pairs.values())), self._directory)

    def _produce(self, country: CountryCode, value: bytes) -> None:
        produce_all(self._stack.world.brokers[country].address(), f"{country}.outbox", [value])
        self.sent += 1

    def _newest_honest(self, country: CountryCode) -> bytes:
        reader = KafkaCluster(self._stack.world.brokers[country].address()).reader(f"{country}.outbox")
        try:
            records = reader.read(1_000, 10.0)
        finally:
            reader.close()
        return records[0].value

    def _codes(self, country: CountryCode) -> Counter[str]:
        return total([self._stack.ports[f"gate-{country}"]], "refbus_gate_refusals_total", "code")

    def _outcomes(self, country: CountryCode) -> Counter[str]:
        return total([self._stack.ports[f"gate-{country}"]], "refbus_gate_decisions_total", "outcome")


def _one_bit(envelope: bytes) -> bytes:
    changed = bytearray(envelope)
    changed[-100] ^= 1
    return bytes(changed)


def _ended(member: HostileMember, party: OrgId, now_ms: int) -> bytes:
    return member.consent(party, [NEEDS], now_ms, valid_until_ms=now_ms - HOUR_MS // 2)
