"""What stands in the way of a return home, and what settles it."""

from __future__ import annotations

from refbus.errors import Code, Explanation

RETURN = {
    Code.GUARD_WISH: Explanation(
        "the person's own wish to go home is not recorded",
        "Talk with the person, go through the informed-decision checklist, and record the wish.",
    ),
    Code.GUARD_NOT_INFORMED: Explanation(
        "the person's decision is not recorded as free and informed",
        "Explain the alternatives, the risks and the right to stop. If the decision stands, begin a new return.",
    ),
    Code.GUARD_CONSENT: Explanation(
        "the person has withdrawn consent and not given it again",
        "Do not go on. If the person wants to go home after all, record a new consent and resume the return.",
    ),
    Code.GUARD_RISK_ASSESSMENT: Explanation(
        "the risk assessment is not signed by both countries",
        "Record the joint risk assessment; the other organisation signs the same text.",
    ),
    Code.GUARD_RISK_DIFFERS: Explanation(
        "the two organisations signed different risk assessments",
        "Agree on one text; then both record it again.",
    ),
    Code.GUARD_RISK_OUT_OF_DATE: Explanation(
        "the risk assessment is out of date",
        "Assess the risks again together, and record the new assessment on both sides.",
    ),
    Code.GUARD_RISK_HIGH: Explanation(
        "a risk is high and nothing is planned that lowers it",
        "The person must not travel. Plan what lowers the risk and assess again, or look for another solution.",
    ),
    Code.GUARD_LEGAL_STATUS: Explanation(
        "it is not recorded where legal proceedings stand",
        "Ask the person's lawyer, and write the status in the return plan.",
    ),
    Code.GUARD_NATIONALITY: Explanation(
        "the nationality was asked for and is not confirmed",
        "Wait for the answer of the home country, or ask again with what was missing.",
    ),
    Code.GUARD_DOCUMENTS: Explanation(
        "there is no travel document",
        "Ask for a travel document, and record it when it is issued.",
    ),
    Code.GUARD_DOCUMENTS_OUT_OF_DATE: Explanation(
        "the travel document ends before the journey does",
        "Ask for a new travel document, or choose an earlier journey.",
    ),
    Code.GUARD_DOCUMENT_NOT_ACCEPTED: Explanation(
        "this document is no travel document between the two countries",
        "Record one that both countries accept: the return names them.",
    ),
    Code.GUARD_RECEPTION: Explanation(
        "the receiving organisation has not confirmed that it takes the person in",
        "Ask the receiving organisation for a confirmation with a responsible worker, a place and a bed.",
    ),
    Code.GUARD_PLAN: Explanation(
        "there is no return plan that the person agreed to",
        "Make the plan together with the person, and record it.",
    ),
    Code.GUARD_NOT_FIT: Explanation(
        "the plan does not say that the person is fit to travel",
        "Ask a doctor. When the person is fit to travel, record the plan again.",
    ),
    Code.GUARD_CERTIFICATE: Explanation(
        "the plan or the person's health asks for a medical certificate, and there is none with both its days",
        "Ask a doctor, and record the plan again with both days of the certificate. Where the law lets, the plan can "
        "say who waives it, by role, and why.",
    ),
    Code.GUARD_CERTIFICATE_NOT_VALID: Explanation(
        "the medical certificate does not count today, or ends before the person arrives",
        "Ask the doctor for a new one, and record the plan again with its days.",
    ),
    Code.GUARD_PROTECTED: Explanation(
        "the person is protected from return",
        "The person must not be sent back. Abort the return and look for a solution in this country.",
    ),
    Code.GUARD_FAMILY_ASSESSMENT: Explanation(
        "a child goes home, and the family was not assessed",
        "Ask the home country to trace and assess the family, with the consent for that.",
    ),
    Code.GUARD_BEST_INTERESTS: Explanation(
        "a child goes home, and no best-interests determination is recorded",
        "Have the best interests determined, with the guardian and the child's own view, and record it.",
    ),
    Code.GUARD_AGAINST_BEST_INTERESTS: Explanation(
        "the return is not what is best for the child, or the guardian does not agree",
        "The child must not travel. Look for another solution with the guardian, or abort the return.",
    ),
    Code.GUARD_ESCORT: Explanation(
        "a child would travel without an escort",
        "Name a guardian or another escort in the return plan.",
    ),
    Code.GUARD_ESCORT_HANDOVER: Explanation(
        "nobody has said yet that they took the person over from the escort",
        "Whose escort it was says when and where the person was handed over, the other office answers that it took "
        "over; then both sign.",
    ),
    Code.GUARD_COMPANION: Explanation(
        "a child travels along whose own return is not ready",
        "Begin the return of the child, to the same organisation, and settle its conditions. "
        "If they do not travel together, say so in the link of the two cases.",
    ),
    Code.PROTECTED_FROM_EMBASSY: Explanation(
        "the person seeks protection, so the embassy of the home country must not hear of them",
        "Do not contact the embassy. Ask the asylum authority of this country how identity can be established.",
    ),
    Code.EXPECTED_TIME_INVALID: Explanation(
        "the time at which the person is expected next is missing, or over 30 days away: the alarm would be too late",
        "Look at the day and the year, and say again when the person is expected: --expected 2026-11-02T20:00+05:00.",
    ),
}
