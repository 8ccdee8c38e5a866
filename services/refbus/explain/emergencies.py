"""What the codes of an emergency disclosure mean, and what to do next."""

from __future__ import annotations

from refbus.errors import Code, Explanation

EMERGENCY = {
    Code.EMERGENCY_OFF: Explanation(
        "the country does not allow disclosure without consent, not even in an emergency",
        "Call the emergency services by telephone. Only the country's signed policy can allow it here.",
    ),
    Code.OFFICERS_MISSING: Explanation(
        "an emergency disclosure needs two different officers, each with an own key",
        "Let a second officer look at it and sign: `refbus emergency invoke --first ... --second ...`.",
    ),
    Code.OFFICER_NOT_ENDORSED: Explanation(
        "the organisation does not vouch for the key of an officer, or its roll of officers has run out",
        "See `refbus officers list`; sign the roll anew with `refbus officers renew`.",
    ),
    Code.OFFICER_SIGNATURE_INVALID: Explanation(
        "an officer's signature does not fit what is said to be signed",
        "Do not act on it. Ask the organisation by telephone whether it disclosed anything.",
    ),
    Code.INCAPACITY_MISSING: Explanation(
        "it is not said why the person cannot be asked; only to protect another person may that be left out",
        "If the person can be asked, ask and record consent. Else say why not with --incapacity.",
    ),
    Code.DENIED_BY_PERSON: Explanation(
        "the person, an adult who could decide, has said that this organisation must not be told",
        "Do not disclose. That is only different when another person is in serious danger: --protects ANOTHER.",
    ),
    Code.EMERGENCY_NOT_MINIMUM: Explanation(
        "more kinds of data are disclosed than the officers named or than such an emergency needs",
        "Leave out what the helper does not need at once. The page docs/case-workers/emergency.md lists it by ground.",
    ),
    Code.EMERGENCY_TOO_LONG: Explanation(
        "an emergency disclosure ends after 72 hours at most, or sooner where the country says so",
        "Choose an earlier end with --hours.",
    ),
    Code.EMERGENCY_OVER: Explanation(
        "the emergency disclosure has ended",
        "If the danger goes on, two officers must decide again. If the person can be asked by now, ask.",
    ),
    Code.REVIEW_NOT_PLANNED: Explanation(
        "no review by a third officer is planned within the country's limit",
        "At least three officers must be on the roll: add one with `refbus officers add`.",
    ),
    Code.REVIEW_MISSING: Explanation(
        "this says that a review took place and does not contain one",
        "Do not rely on it. Ask the organisation for the review.",
    ),
    Code.REVIEWER_NOT_INDEPENDENT: Explanation(
        "the reviewing officer is one of the two who decided, or is not on the roll",
        "Let an officer review it who had no part in the decision.",
    ),
    Code.EMERGENCY_DISCLOSED: Explanation(
        "something about a person was disclosed without consent, on the word of two officers",
        "Help now. The discloser must have it reviewed and tell the person as soon as it is safe.",
    ),
    Code.EMERGENCY_UPHELD: Explanation(
        "an independent officer has found an emergency disclosure right",
        "Tell the person, if that was not done yet: `refbus case told`.",
    ),
    Code.EMERGENCY_NOT_UPHELD: Explanation(
        "an independent officer has found an emergency disclosure wrong",
        "The recipient destroys what it received; the discloser tells the person and its supervisor.",
    ),
}
