"""The tables of a gateway's store. Nothing readable about a person, case or partner stands in a column.

`*_hash` columns are keyed hashes (32 bytes, HMAC-SHA-256 under the home's store key); those of states and turns are
equal for equal values, so whoever has the file without the key sees how many referrals share one. `body` columns are
sealed: under the case's own random key where a case is concerned, so that destroying that key makes all of it
unreadable. What stays after erasure is random ids, keyed hashes, codes and times, and sealed under the store key who
received what kinds of data (`disclosures`): a person may ask for that later. Times are UTC milliseconds, hours where
the name says so. The migrations under `migrations/` create exactly these tables; a test compares the two. Which rows an
index has is said for SQLite alone: the other name would load that dialect at the start of every command.
"""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    text,
)

metadata = MetaData()
GONE = text("(wrapped_key IS NULL OR erasing_ms IS NOT NULL)")
_STALE = text("stale")
_ERASING = text("erasing_ms IS NOT NULL AND wrapped_key IS NOT NULL")

meta = Table(
    "meta",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", LargeBinary, nullable=False),
    comment="Single values: clock floor, last synchronisation, fingerprint of the store key.",
)

cases = Table(
    "cases",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("case_hash", LargeBinary, nullable=False, unique=True),
    Column("own", Boolean, nullable=False, comment="collected here, as against received"),
    Column("wrapped_key", LargeBinary, comment="the case key under the store key; NULL once destroyed"),
    Column("created_ms", Integer, nullable=False),
    Column("destroyed_ms", Integer),
    Column("body", LargeBinary),
    Column("erasing_ms", Integer, comment="erasure was ordered: nothing of it is shown or sent any more"),
    Column("ends_month", Integer, comment="lookups: in which 30 days a consent or its keeping ends; NULL: look"),
    Column("nickname", LargeBinary, comment="lookups: the worker's file number, sealed under the case key"),
    Index("cases_ending", "own", "ends_month"),
    Index("cases_gone", "id", sqlite_where=GONE),
    Index("cases_erasing", "erasing_ms", sqlite_where=_ERASING),
)

counterparts = Table(
    "counterparts",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("case_id", ForeignKey("cases.id"), nullable=False),
    Column("org_hash", LargeBinary, nullable=False, comment="of the case and the organisation"),
    Column("handle_hash", LargeBinary, nullable=False, unique=True, comment="of the organisation and the case handle"),
    Column("body", LargeBinary, nullable=False),
    Index("counterparts_of_case", "case_id", "org_hash", unique=True),
)

referrals = Table(
    "referrals",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("referral_hash", LargeBinary, nullable=False, unique=True),
    Column("case_id", ForeignKey("cases.id"), nullable=False),
    Column("counterpart_id", ForeignKey("counterparts.id"), nullable=False),
    Column("own", Boolean, nullable=False, comment="requested here, as against received"),
    Column("request_hash", LargeBinary, comment="of organisation and content: the same request is sent once"),
    Column("created_ms", Integer, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("state_hash", LargeBinary, comment="lookups: keyed hash of the state that its events give; NULL: look"),
    Column("turn_hash", LargeBinary, comment="lookups: keyed hash of whose turn it is"),
    Column("due_ms", Integer, comment="lookups: when an answer is due"),
    Column("unseen", Integer, nullable=False, server_default="0", comment="lookups: events nobody here looked at"),
    Index("referrals_of_case", "case_id"),
    Index("referrals_of_state", "state_hash", "own", "due_ms"),
    Index("referrals_of_turn", "turn_hash"),
    Index("referrals_unseen", "own", "unseen"),
)

events = Table(
    "events",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column(
        "event_hash", LargeBinary, nullable=False, unique=True, comment="of sender and event id: effects happen once"
    ),
    Column(
        "content_hash", LargeBinary, nullable=False, comment="of type, referral and payload: one event id, one content"
    ),
    Column("referral_id", ForeignKey("referrals.id"), nullable=False),
    Column("outgoing", Boolean, nullable=False),
    Column("status", Text, nullable=False, comment="EventStatus"),
    Column("at_ms", Integer, nullable=False),
    Column("seen_ms", Integer, comment="when a person first opened it"),
    Column("body", LargeBinary, nullable=False),
    Index("events_of_referral", "referral_id"),
    Index("events_of_status", "status"),
)

outbox = Table(
    "outbox",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("event_id", ForeignKey("events.id"), comment="NULL for an audit entry or an answer without a stored event"),
    Column("confirmed", Boolean, nullable=False, comment="a gate must confirm it, as against the broker alone"),
    Column("topic", Text, nullable=False),
    Column("value", LargeBinary, comment="sealed bytes as they travel; NULL once settled"),
    Column("sha256", LargeBinary, nullable=False, unique=True),
    Column("state", Text, nullable=False, comment="RowState"),
    Column("attempts", Integer, nullable=False),
    Column("created_ms", Integer, nullable=False),
    Column("next_ms", Integer, nullable=False),
    Column("produced_ms", Integer),
    Column("handed_ms", Integer, comment="first given to the broker's client; NULL: it has certainly not left"),
    Column("expires_at_hour", Integer),
    Column("recipient_kid", LargeBinary),
    Column("signer_kid", LargeBinary),
    Index("outbox_due", "state", "next_ms"),
    Index("outbox_of_event", "event_id"),
    Index("outbox_made", "state", "created_ms", "confirmed", "attempts", "recipient_kid", "signer_kid"),
    Index("outbox_ending", "state", "expires_at_hour"),
)

notices = Table(
    "notices",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("outbox_id", ForeignKey("outbox.id"), nullable=False),
    Column("gate", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("codes", Text, nullable=False, comment="joined by spaces"),
    Column("at_ms", Integer, nullable=False),
    Column("decision_id", LargeBinary, nullable=False),
    Column("received_ms", Integer, nullable=False),
    Column(
        "receipt", LargeBinary, comment="HopReceipt that the destination's gate signed; NULL: the notice brought none"
    ),
    Index("notices_of_row", "outbox_id"),
    Index("notices_of_outcome", "kind", "outcome"),
)

consents = Table(
    "consents",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("case_id", ForeignKey("cases.id"), nullable=False),
    Column("consent_hash", LargeBinary, nullable=False, comment="of the consent id: all versions of one consent"),
    Column("record_hash", LargeBinary, nullable=False, unique=True),
    Column("version", Integer, nullable=False),
    Column("received_ms", Integer, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Index("consents_of_case", "case_id"),
    Index("consents_of_consent", "consent_hash", "case_id"),
)

withdrawals = Table(
    "withdrawals",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("case_id", ForeignKey("cases.id"), nullable=False),
    Column("event_id", ForeignKey("events.id"), nullable=False, unique=True),
    Column("consent_hash", LargeBinary, nullable=False),
    Column("outgoing", Boolean, nullable=False),
    Column("created_ms", Integer, nullable=False),
    Column("acknowledged_ms", Integer),
    Column("answer", Text),
    Column("reason", Text),
    Index("withdrawals_of_consent", "consent_hash", "case_id"),
    Index("withdrawals_of_case", "case_id", "outgoing"),
    Index("withdrawals_open", "outgoing", "acknowledged_ms"),
    Index("withdrawals_answer", "outgoing", "answer"),
)

tellings = Table(
    "tellings",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("name", LargeBinary, nullable=False, unique=True, comment="random: what the body is bound to"),
    Column("case_id", ForeignKey("cases.id"), nullable=False),
    Column("kind", Text, nullable=False, comment="Kind"),
    Column("made_ms", Integer, nullable=False, comment="when the person said it here"),
    Column("tried_ms", Integer, comment="when it was last tried to sign or tell it"),
    Column("code", Text, comment="why it was not told then"),
    Column("body", LargeBinary, nullable=False),
    Index("tellings_of_case", "case_id"),
)

disclosures = Table(
    "disclosures",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("case_id", ForeignKey("cases.id"), nullable=False),
    Column("event_id", ForeignKey("events.id"), nullable=False, unique=True),
    Column("org_hash", LargeBinary, nullable=False, comment="as in counterparts"),
    Column("at_ms", Integer, nullable=False),
    Column("body", LargeBinary, nullable=False, comment="sealed under the store key: it outlives the case"),
    Index("disclosures_of_case", "case_id"),
)

subject_notices = Table(
    "subject_notices",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("case_id", ForeignKey("cases.id"), nullable=False),
    Column("how", Text, nullable=False, comment="How"),
    Column("at_ms", Integer, nullable=False),
    Index("subject_notices_of_case", "case_id"),
)

set_aside = Table(
    "set_aside",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("sequence", Integer, nullable=False),
    Column("sha256", LargeBinary, nullable=False, unique=True),
    Column("kind", Text, nullable=False, comment="EVENT or NOTICE"),
    Column("value", LargeBinary, nullable=False, comment="the sealed bytes as received"),
    Column("state", Text, nullable=False, comment="HELD: tried again; REFUSED: kept as evidence"),
    Column("code", Text, nullable=False),
    Column("since_ms", Integer, nullable=False),
    Column("sender", LargeBinary, comment="keyed hash of who signed it; NULL: not known"),
    Column("stop", Boolean, nullable=False, server_default="0", comment="it says stop: tried again before all others"),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("basis", Text, nullable=False, server_default="", comment="what was here of what it waits for"),
    Column("told", Boolean, nullable=False, server_default="0", comment="people were told of it"),
    Index("set_aside_waiting", "state", "stop", "attempts"),
    Index("set_aside_of_sender", "sender"),
)

positions = Table(
    "positions",
    metadata,
    Column("topic", Text, primary_key=True),
    Column("topic_id", Text, nullable=False),
    Column("next_offset", Integer, nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("running_hash", LargeBinary, nullable=False),
    Column(
        "seen_from", Integer, nullable=False, server_default="0", comment="inbox_seen has every record from here on"
    ),
)

inbox_seen = Table(
    "inbox_seen",
    metadata,
    Column("sha256", LargeBinary, primary_key=True, comment="of the body of a record"),
)

alarms = Table(
    "alarms",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("code", Text, nullable=False),
    Column("detail", Text, nullable=False, comment="in English"),
    Column("at_ms", Integer, nullable=False),
    Column("cleared_ms", Integer),
    Column("words", Text, comment="the same as message and values, JSON; NULL: from before, English only"),
    Index("alarms_standing", "cleared_ms", "code"),
)

statements = Table(
    "statements",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("leaf_hash", LargeBinary, nullable=False, unique=True, comment="of the leaf as it stands in the public log"),
    Column("case_id", ForeignKey("cases.id")),
    Column("event_id", ForeignKey("events.id")),
    Column("outbox_id", ForeignKey("outbox.id"), comment="row that carries it to the log; NULL: a gate's"),
    Column("kept", Boolean, nullable=False, comment="sealed under the store key: it outlives the case"),
    Column("awaited", Boolean, nullable=False, comment="the proof comes over this country's topic"),
    Column("at_ms", Integer, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("proof", LargeBinary, comment="tlog-proof@v1 without extra; public"),
    Column("proven_ms", Integer),
    Index("statements_of_event", "event_id"),
    Index("statements_of_case", "case_id"),
    Index("statements_waiting", "awaited", "proven_ms", "at_ms"),
)

log_heads = Table(
    "log_heads",
    metadata,
    Column("origin", Text, primary_key=True),
    Column("size", Integer, nullable=False),
    Column("root", LargeBinary, nullable=False),
    Column("note", LargeBinary, nullable=False, comment="the cosigned checkpoint as received"),
    Column("quorum_ms", Integer, comment="when a quorum stood behind it"),
    Column("seen_ms", Integer, nullable=False),
)

log_evidence = Table(
    "log_evidence",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("origin", Text, nullable=False),
    Column("sha256", LargeBinary, nullable=False, unique=True, comment="of the note: the same is kept once"),
    Column("note", LargeBinary, nullable=False, comment="the checkpoint that contradicts"),
    Column("against", LargeBinary, nullable=False, comment="the checkpoint that it contradicts"),
    Column("at_ms", Integer, nullable=False),
)

own_keys = Table(
    "own_keys",
    metadata,
    Column("kid", LargeBinary, primary_key=True),
    Column("since_ms", Integer, nullable=False),
)

directory_files = Table(
    "directory_files",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("path", Text, nullable=False),
    Column("sha256", LargeBinary, nullable=False),
    Column("content", LargeBinary, comment="NULL: not arrived, or no longer needed; signed and public"),
    Column("arrived_ms", Integer, nullable=False, comment="the file, or word of it from the log"),
    Column("proven_ms", Integer, comment="when the audit log showed this very content; NULL: not yet"),
    UniqueConstraint("path", "sha256"),
)

people = Table(
    "people",
    metadata,
    Column("person_id", Text, primary_key=True, comment="random; names the key slot too"),
    Column("state", Text, nullable=False, comment="State"),
    Column("created_ms", Integer, nullable=False),
    Column("body", LargeBinary, nullable=False, comment="names, role, one-time codes; sealed under the store key"),
    comment="Who works here; at most users.MOST.",
)

doings = Table(
    "doings",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("at_ms", Integer, nullable=False),
    Column("person", LargeBinary, nullable=False, comment="keyed hash of who did it"),
    Column("body", LargeBinary, nullable=False, comment="who, role, action, number; sealed under the store key"),
    Column("mac", LargeBinary, nullable=False, comment="over this row and the one before it"),
    Index("doings_of_person", "person"),
    Index("doings_by_time", "at_ms"),
    comment="Who did what, without content; two years (doings.KEEP_MS), at most doings.MOST.",
)

assignments = Table(
    "assignments",
    metadata,
    Column("case_id", ForeignKey("cases.id"), primary_key=True),
    Column("person_id", Text, nullable=False, comment="whose case it is now"),
    Column("since_ms", Integer, nullable=False),
    Column("note", LargeBinary, comment="the note of a hand-over, sealed under the case key"),
    Index("assignments_of_person", "person_id"),
    comment="Who works on a case; one row for each.",
)

terms = Table(
    "terms",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("case_id", ForeignKey("cases.id"), nullable=False),
    Column("month", Integer, nullable=False, comment="lookups: in which 30 days something ends by law"),
    Column("body", LargeBinary, nullable=False, comment="what and on which day; sealed under the case key"),
    Index("terms_of_case", "case_id", "month", unique=True),
    Index("terms_of_month", "month", "case_id"),
    comment="What ends by law for a person of an own case; one row for each 30 days of a case.",
)

links = Table(
    "links",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("case_id", ForeignKey("cases.id"), nullable=False),
    Column("other_hash", LargeBinary, nullable=False, comment="keyed hash of the number of the other case"),
    Column("stale", Boolean, nullable=False, comment="what was told of it may no longer be so"),
    Column("body", LargeBinary, nullable=False, comment="empty: it has ended"),
    Index("links_of_case", "case_id", "other_hash", unique=True),
    Index("links_of_other", "other_hash"),
    Index("links_stale", "case_id", sqlite_where=_STALE),
    comment="Own cases that belong together, a half for each; at most links.MOST for a case.",
)

companions = Table(
    "companions",
    metadata,
    Column("referral_id", ForeignKey("referrals.id"), primary_key=True),
    Column("reference_hash", LargeBinary, primary_key=True, comment="of the sender and its reference for a pair"),
    Index("companions_of_reference", "reference_hash"),
    comment="Courses that came in and belong together; at most as many as an event has items.",
)
