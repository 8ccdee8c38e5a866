"""Whether an emergency event may be: the rules of the legal basis, asked on everything that is known here."""

from __future__ import annotations

from refbus.core.consent.denials import Denials, note
from refbus.core.consent.legal_basis import BasisClaim, Circumstances, Protects, invocation_problems, review_problems
from refbus.core.message import RoutingBlock
from refbus.core.vocabulary import EventType
from refbus.envelope.legal_basis import basis_of
from refbus.errors import Code, ConsentError
from refbus_gateway.home.gateway import Gateway
from refbus_gateway.rules import permission
from refbus_gateway.store import consents
from refbus_gateway.store.cases import Case
from refbus_gateway.store.session import Transaction


def require_basis(gateway: Gateway, tx: Transaction, case: Case, block: RoutingBlock) -> BasisClaim:
    """Return the legal basis that permits an emergency event now. Raises ConsentError with every reason."""
    if block.legal_basis_record is None:
        raise ConsentError((Code.LEGAL_BASIS_REQUIRED,))
    directory = gateway.directory()
    claim = basis_of(block.legal_basis_record, directory)
    policy = directory.policies.get(gateway.organisation(block.sender).country)
    at = Circumstances(policy, _denials(gateway, tx, case), gateway.now_ms())
    weigh = invocation_problems if block.event_type is EventType.EMERGENCY_INVOKED else review_problems
    reasons = set(weigh(claim, block, at))
    refused = block.recipient in permission.denied_recipients(tx, case)
    if refused and claim.record.protects is Protects.PERSON and block.event_type is EventType.EMERGENCY_INVOKED:
        reasons.add(Code.DENIED_BY_PERSON)
    if reasons:
        raise ConsentError(tuple(sorted(reasons)))
    return claim


def _denials(gateway: Gateway, tx: Transaction, case: Case) -> Denials:
    """Return what is known here of the person's refusals."""
    known = Denials()
    for kept in consents.of_case(tx, case):
        evidence = permission.weighed(gateway, kept, gateway.directory())
        if evidence.authentic:
            known = note(known, evidence.record, evidence.signer)
    return known
