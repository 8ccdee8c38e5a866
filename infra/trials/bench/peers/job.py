"""The cryptography of a gate as work for a program that is none of ours: keys and events in a file."""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from pathlib import Path

from bench.primitives import GateSteps, Reader, Sealed, Signer, Verifier
from refbus.core.directory import SigningKey
from refbus.crypto.kem import KemPrivate, KemPublic
from refbus.crypto.signing import SigningPair

STAMP, AUDIT, NOTICE = bytes(3_500), bytes(2_400), bytes(2_000)
"""What leaves a gate beside the event: bytes of a pass, of an audit entry and of a notice to the sender."""


@dataclass(frozen=True, slots=True)
class Job:
    """Keys of fictional members and sealed events, taken apart. `seed` and `secret` are the gate's."""

    events: tuple[Sealed, ...]
    seed: bytes
    secret: bytes
    sender: SigningKey
    other_gate: SigningKey
    inspector: bytes
    organisation: bytes
    per_consent: int

    def steps(self) -> GateSteps:
        """Return the bare calls; every event has a stamp of its own."""
        return GateSteps(
            reader=Reader(KemPrivate(self.seed), Verifier(self.sender)),
            signer=Signer(SigningPair.from_secret(self.secret)),
            other_gate=Verifier(self.other_gate),
            inspector=KemPublic.parse(self.inspector),
            organisation=KemPublic.parse(self.organisation),
            per_consent=self.per_consent,
            per_stamp=1,
        )

    def write(self, path: Path) -> None:
        """Write the file."""
        path.write_bytes(pickle.dumps(self))


class Egress:
    """What a gate does to an event that leaves its country, cryptography alone. Events come in the order of the job."""

    def __init__(self, path: Path) -> None:
        job: Job = pickle.loads(path.read_bytes())  # noqa: S301  written by the bench a moment ago
        self._events, self._steps, self._number = job.events, job.steps(), 0

    def __call__(self, value: bytes) -> bytes:
        """Do it, and return what passes the border. Raises ValueError when another event has come."""
        number = self._number
        event = self._events[number]
        if event.raw != value:
            raise ValueError(f"record {number} is another event")
        self._steps.egress(event, number)
        self._number += 1
        return value + STAMP
