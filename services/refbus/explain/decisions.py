"""What the codes of consent and of the gate's rules mean, and what to do next."""

from __future__ import annotations

from refbus.errors import Code, Explanation

CONSENT = {
    Code.NO_CONSENT: Explanation(
        "there is no consent of the person for this",
        "Talk with the person, record what they agree to with `refbus consent grant`, then send again.",
    ),
    Code.BAD_SIGNATURE: Explanation(
        "the consent record is not signed by the organisation that collected it",
        "Do not act on it. Ask the collecting organisation for the record again.",
    ),
    Code.CHAIN_BROKEN: Explanation(
        "a version of the consent record is missing or does not follow from the one before",
        "Ask the collecting organisation to send the newest version of the consent.",
    ),
    Code.SUBJECT_MISMATCH: Explanation(
        "the consent record belongs to another case",
        "Choose the consent of this case with `refbus consent show`, then send again.",
    ),
    Code.REFUSED: Explanation(
        "the person said no to this",
        "Do not send. If the person changes their mind, record a new consent first.",
    ),
    Code.WITHDRAWN: Explanation(
        "the person has withdrawn consent",
        "Stop. Do not use or pass on what was received; answer the withdrawal with `refbus inbox show`.",
    ),
    Code.NOT_YET_VALID: Explanation(
        "the consent starts later, or was taken down by a clock that was ahead",
        "Check the clock of this computer. What waits is sent when the consent begins; if it must go now, ask the "
        "person again and record a new one.",
    ),
    Code.EXPIRED: Explanation(
        "the consent has run out",
        "Ask the person again and record a new consent.",
    ),
    Code.LIFETIME_EXCEEDS_POLICY: Explanation(
        "the consent runs for longer than the country allows",
        "Record it again with an earlier end.",
    ),
    Code.GRANTOR_NOT_ENTITLED: Explanation(
        "the one who consented may not do so for this person",
        "For a child a guardian must consent; for an adult, the person. Record the consent again.",
    ),
    Code.GUARDIAN_AUTHORITY_EXPIRED: Explanation(
        "the guardian's authority has ended",
        "Ask the present guardian, or the person if now of age, and record a new consent.",
    ),
    Code.ASSENT_MISSING: Explanation(
        "the child was not asked, or did not agree",
        "Ask the child in words that they understand. Without their agreement do not send.",
    ),
    Code.AGE_CONTRADICTS: Explanation(
        "birth date, is_minor, adult_judgement and whose consent it is do not speak of the same age",
        "Find out which is true and correct the others: `refbus case update`, `consent guardian`, `consent majority`. "
        "Of what came in: tell the sender.",
    ),
    Code.AGE_UNKNOWN: Explanation(
        "nobody knows whether the person is a child, and the consent is an adult's",
        "Write the birth date, or under `adult_judgement` why you are sure and your role (`is_minor: false` alone is "
        "no reason); else a guardian consents.",
    ),
    Code.NOTICE_UNKNOWN: Explanation(
        "the information text that was read to the person is not one that the country recognises",
        "Use a recognised text in a language that the person understands and record the consent again.",
    ),
    Code.PURPOSE_NOT_COVERED: Explanation(
        "the person did not agree to this purpose",
        "Ask the person about this purpose, or send for a purpose that they agreed to.",
    ),
    Code.ACTION_NOT_COVERED: Explanation(
        "the person did not agree that this is done with their data",
        "Ask the person about this step, then record an amended consent.",
    ),
    Code.RECIPIENT_NOT_COVERED: Explanation(
        "the person did not agree that this organisation receives it",
        "Ask the person about this organisation by name, or choose one that they agreed to.",
    ),
    Code.COUNTRY_NOT_COVERED: Explanation(
        "the person did not agree that it goes to this country",
        "Ask the person about this country, or choose an organisation elsewhere.",
    ),
    Code.CATEGORY_NOT_COVERED: Explanation(
        "the message holds a kind of data that the person did not agree to share",
        "Leave that data out, or ask the person about it and record an amended consent.",
    ),
    Code.ONWARD_NOT_COVERED: Explanation(
        "the person did not agree that it is passed on further",
        "Ask the organisation that collected the consent to ask the person about the new recipient.",
    ),
    Code.EXPLICIT_DENY: Explanation(
        "the person forbade exactly this",
        "Do not send. A refusal of the person goes before every permission.",
    ),
    Code.RECIPIENT_REVOKED: Explanation(
        "the organisation that the consent names is no longer an active member",
        "Choose another organisation with `refbus orgs find` and ask the person about it.",
    ),
    Code.VIEW_STALE: Explanation(
        "this computer has not heard from the bus for too long to be sure that consent still stands",
        "Connect and run `refbus sync`; it goes on by itself.",
    ),
    Code.LEGAL_BASIS_REQUIRED: Explanation(
        "without consent this needs a legal basis that two officers signed",
        "Ask for consent, or follow your country's procedure for emergencies.",
    ),
}

RULES = {
    Code.PRACTICE_ONLY: Explanation(
        "practice and real cases do not mix: this organisation answers practice by itself, or this case is practice",
        "Send a real case to an organisation that helps. Practice goes only where the page Practise sends it.",
    ),
    Code.RESIDENCY_FORBIDDEN: Explanation(
        "the law of the country does not let this kind of data leave it",
        "Leave that data out and send again; for example a photograph or fingerprints.",
    ),
    Code.STATE_NOT_ALLOWED: Explanation(
        "this step does not fit where the referral stands",
        "Look at the referral with `refbus status` and choose a step that it offers.",
    ),
    Code.ROLE_NOT_ALLOWED: Explanation(
        "this step belongs to the other organisation",
        "Only the sender of a referral may cancel it, only its recipient may accept, reject or complete it.",
    ),
    Code.REASON_REQUIRED: Explanation(
        "this step needs a reason",
        "Give the reason with --reason; `--help` lists them.",
    ),
    Code.NOT_A_PARTY: Explanation(
        "an organisation that has no part in this referral tried to act on it",
        "Nothing was changed. Report it to the person who runs the national node.",
    ),
    Code.PURPOSE_MISMATCH: Explanation(
        "this step was sent for a purpose that is not its own",
        "Record the person's consent for the purpose of this step, and send it under that consent.",
    ),
    Code.CASE_HELD: Explanation(
        "an earlier event of this case waits, so this one waits behind it",
        "It goes on by itself when the earlier one does. `refbus status` says what it waits for.",
    ),
    Code.TOO_MANY_WAITING: Explanation(
        "so much of one organisation waits already that there is no room for more",
        "It is sent again by itself in a quarter of an hour. If you sent no hundreds of events, check this computer's "
        "clock and tell the node operator.",
    ),
    Code.TOO_MANY_EVENTS: Explanation(
        "more was sent in one referral, or told about one event by the other gate, than any needs",
        "Begin a new referral for what is still to be said. If you sent no thousand events, tell the node operator.",
    ),
    Code.TOO_MANY_REQUESTS: Explanation(
        "one log asked a witness for more cosignatures than a log can need",
        "Wait a minute. If it repeats, ask the auditor of that country whether its log asks so often.",
    ),
    Code.CLOCK_SKEW: Explanation(
        "the clock of one of the computers is wrong",
        "Set the date and time of this computer, with its time zone. The event waits and goes on by itself.",
    ),
    Code.CLOCK_JUMPED: Explanation(
        "the clock of this computer was moved, and work goes on by the time from before",
        "Compare it with another clock. Set it if it is wrong; else `refbus clock accept` (at a node: "
        "`python -m refbus_gate clock accept`).",
    ),
    Code.DEADLINE_NEAR: Explanation(
        "an answer is due soon",
        "Open it with `refbus status` and answer, or say when you can.",
    ),
    Code.DEADLINE_PASSED: Explanation(
        "an answer that was due is not there",
        "Answer it, or call the organisation whose turn it is: `refbus status` names it.",
    ),
    Code.REFERRAL_EXPIRED: Explanation(
        "nobody answered the referral in time",
        "Choose another organisation with the person. A late answer still counts.",
    ),
    Code.PERSON_NOT_ARRIVED: Explanation(
        "a person on the way home did not arrive when expected",
        "Call the escort and the other organisation now, and whom else the plan names. Then record what happened.",
    ),
    Code.HOLD_EXPIRED: Explanation(
        "the event waited for as long as it may and what it waited for did not come",
        "Look at the first reason in `refbus status`, put it right and send again.",
    ),
    Code.PASS_INVALID: Explanation(
        "the event did not come through the gate of its own country",
        "Do not act on it. The node operator must ask the other country's node.",
    ),
    Code.DELIVERY_FAILED: Explanation(
        "the other side did not confirm the event before it expired",
        "Call the organisation. The event is not lost: send it again when the other side is back.",
    ),
    Code.NOT_TAKEN_IN: Explanation(
        "the organisation's computer has an event of ours and did not take it in; nobody there sees it",
        "Call the organisation. `refbus status` with the number shows the event and what to do; who hears of which "
        "code is in docs/reference/who-hears.md.",
    ),
    Code.SET_ASIDE_THERE: Explanation(
        "the gate of the recipient's country could not read the event and has put it aside for its operator",
        "Nobody at the organisation has it. Tell the person who runs your national node, who must ask the other "
        "country's node; call the organisation when it is urgent.",
    ),
    Code.RECEIPT_INVALID: Explanation(
        "a gate said that another one has the event, and what that one signed does not say so",
        "The event is not taken as delivered. Report it to the person who runs the national node, with the number of "
        "the record.",
    ),
    Code.LOG_TRUNCATED: Explanation(
        "the broker no longer has the records that come next, or the topic was made anew",
        'Do not delete anything: follow "The log was cut" in docs/operators/operate.md.',
    ),
    Code.POSITION_CONFLICT: Explanation(
        "two gates work for the same country at the same time",
        "Stop one of them. Nothing was recorded twice.",
    ),
    Code.BATCH_UNREADABLE: Explanation(
        "a batch of records on the broker cannot be read: damaged, or packed so that it would unpack to too much",
        "Its bytes are set aside and the log names its offsets and topic. Ask who wrote it to send its events again.",
    ),
    Code.TRANSACTION_OPEN: Explanation(
        "a writer began a transaction and has not ended it: what is behind it on the topic waits",
        "The broker ends it after transaction.max.timeout.ms (60 s as declared). Find the writer that the log names.",
    ),
    Code.CLOCK_WORK_LATE: Explanation(
        "what must be told by the clock was not looked at to its end for a while: deadlines, people who did not arrive",
        "The log says what was missing. Look at the broker first; call the offices whose deadlines are near.",
    ),
    Code.WATCHDOG_STALLED: Explanation(
        "records wait, the broker and the store answer, and still nothing moves",
        "The process ends so that it is started again. If this repeats, look at the log and the metrics.",
    ),
    Code.INTERNAL_ERROR: Explanation(
        "something went wrong that should not be able to go wrong",
        "Nothing was lost. Try once more; if it repeats, report the code and the reference number.",
    ),
}
