"""Phase 1 of a batch: open, authenticate, weigh the consent record. Pure cryptography on all cores; no state, no lock.

Nothing here decides. A record that cannot be opened carries the error that says why, for the decision to classify.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Final

from refbus.bus.port import Record
from refbus.core.consent.legal_basis import BASIS_EVENTS, BasisClaim
from refbus.core.directory import DirectoryHistory, SigningKey
from refbus.core.gate.passage import Pass, Presented
from refbus.core.ids import CountryCode, KeyId, gate_id
from refbus.core.message import Header, RoutingBlock
from refbus.crypto.framing import sha256
from refbus.envelope.consent import EvidenceCache
from refbus.envelope.format import Envelope
from refbus.envelope.legal_basis import basis_of
from refbus.envelope.routing import Authenticated, open_routing, receive, signer_of
from refbus.envelope.stamps import verify_hop, verify_pass
from refbus.errors import Code, RecordError, RefbusError, UncheckableError, UntrustedError
from refbus.wire.transport import BorderKind, BorderRecord, HopReceipt, Passed, RelayedNotice
from refbus_gate.names import GateKeys


@dataclass(frozen=True, slots=True)
class Opened:
    """A record with all that cryptography says of it: one of an event, a receipt, a notice, or the error that ended it.

    `envelope` and its hash are there as soon as some bytes claim to be one.
    `claim` is the routing block of an event that a newer directory or another time could let pass, when its sender is
    known here.
    """

    record: Record
    sha256: bytes  # of the record as received
    envelope: bytes | None = field(default=None, repr=False)
    envelope_sha256: bytes | None = None
    header: Header | None = None
    presented: Presented | None = None
    passed: Pass | None = None
    notice: RelayedNotice | None = None
    hop: HopReceipt | None = None
    error: RefbusError | None = None
    claim: RoutingBlock | None = None

    @property
    def signed_block(self) -> RoutingBlock | None:
        """The routing block when its sender is known to have signed it, whether or not it may pass."""
        return self.block or self.claim

    @property
    def block(self) -> RoutingBlock | None:
        """The routing block when its sender signed it."""
        return None if self.presented is None else self.presented.block


_OF_SOMEBODY: Final = frozenset({Code.DIRECTORY_NEWER, Code.MESSAGE_EXPIRED, Code.MESSAGE_LIFE_TOO_LONG})
"""What stops an envelope by its header alone. Whoever signed it is looked for, so that a wrong clock is told there."""


@dataclass(frozen=True, slots=True)
class Opener:
    """Opens records with the gate's keys and one view of the directory."""

    identity: GateKeys
    directories: DirectoryHistory
    now_ms: int
    cache: EvidenceCache

    def outbox(self, record: Record, *, resumed: bool = False) -> Opened:
        """Open a record of the outbox."""
        digest = sha256(record.value)
        opened = Opened(record, digest, record.value, digest)
        return self._event(opened, self.identity.country, resumed=resumed)

    def border(self, record: Record, origin: CountryCode, *, resumed: bool = False) -> Opened:
        """Open a record that the gate of `origin` wrote into its border topic here."""
        opened = Opened(record, sha256(record.value))
        try:
            wrapped = BorderRecord.parse(record.value)
            if wrapped.kind is BorderKind.HOP:
                return replace(opened, hop=self._hop(wrapped.body, origin))
            if wrapped.kind is BorderKind.NOTICE:
                return replace(opened, notice=RelayedNotice.parse(wrapped.body))
            passed = Passed.parse(wrapped.body)
            digest = sha256(passed.envelope)
            opened = replace(opened, envelope=passed.envelope, envelope_sha256=digest)
            self._check_pass(passed, digest, origin)
        except RecordError as error:
            return replace(opened, error=error)
        return self._event(replace(opened, passed=Pass(origin, passed.hour)), origin, resumed=resumed)

    def _event(self, opened: Opened, country: CountryCode, *, resumed: bool) -> Opened:
        """Open the envelope and authenticate its sender, who must be of the country whose topic it is in."""
        try:
            envelope = Envelope.parse(opened.envelope or b"")
        except RecordError as error:
            return replace(opened, error=error)
        header = envelope.header
        try:
            authenticated = receive(envelope, self.identity.kems, self.directories, self.now_ms)
            if authenticated.sender.country != country:
                raise UntrustedError(Code.WRONG_COUNTRY)
        except RecordError as error:
            claim = self._claim(envelope, country) if error.code in _OF_SOMEBODY else None
            return replace(opened, header=header, error=error, claim=claim)
        presented = self._presented(opened, authenticated, resumed=resumed)
        return replace(opened, header=header, presented=presented)

    def _claim(self, envelope: Envelope, country: CountryCode) -> RoutingBlock | None:
        """Return the block of an event that was stopped before its sender was looked at, if the sender is known."""
        try:
            routing = open_routing(envelope, self.identity.kems)
        except RecordError:
            return None
        sender = signer_of(routing, self.directories.latest, self.now_ms)
        return routing.block if sender is not None and sender.country == country else None

    def _presented(self, opened: Opened, authenticated: Authenticated, *, resumed: bool) -> Presented:
        routing = authenticated.opened
        evidence, problem = None, None
        if routing.block.consent_record is not None:
            try:
                evidence = self.cache.evidence_of(routing.block.consent_record, self.directories.latest)
            except RecordError as error:
                problem = error.code
        basis, basis_problem = self._basis(routing.block)
        return Presented(
            record_sha256=opened.sha256,
            signed_sha256=sha256(routing.signed_message),
            header=routing.envelope.header,
            block=routing.block,
            consent=evidence,
            consent_error=problem,
            basis=basis,
            basis_error=basis_problem,
            passed=opened.passed,
            resumed=resumed,
        )

    def _basis(self, block: RoutingBlock) -> tuple[BasisClaim | None, Code | None]:
        """Read the legal basis record of an emergency, or say why it cannot be read."""
        if block.legal_basis_record is None or block.event_type not in BASIS_EVENTS:
            return None, None
        try:
            return basis_of(block.legal_basis_record, self.directories.latest), None
        except RecordError as error:
            return None, error.code

    def _check_pass(self, passed: Passed, envelope_sha256: bytes, origin: CountryCode) -> None:
        if passed.from_country != origin or passed.to_country != self.identity.country:
            raise UntrustedError(Code.PASS_INVALID, "countries")
        key = self._gate_key(origin, passed.kid)
        try:
            verify_pass(passed, envelope_sha256, key)
        except UntrustedError:
            raise UntrustedError(Code.PASS_INVALID, "signature") from None

    def _hop(self, body: bytes, origin: CountryCode) -> HopReceipt:
        receipt = HopReceipt.parse(body)
        if receipt.from_country != self.identity.country or receipt.to_country != origin:
            raise UntrustedError(Code.PASS_INVALID, "countries of a receipt")
        verify_hop(receipt, self._gate_key(origin, receipt.kid))
        return receipt

    def _gate_key(self, country: CountryCode, kid: KeyId) -> SigningKey:
        gate = self.directories.latest.find(gate_id(country))
        key = None if gate is None else gate.signing_key(kid)
        if key is None or not key.usable_at(self.now_ms):
            raise UncheckableError(Code.KEY_UNKNOWN, "signing key of a gate")
        return key
