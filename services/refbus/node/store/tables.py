"""Tables of the node store. Every value that says something about a case is sealed; every look-up is by keyed hash.

Written for SQLite and PostgreSQL alike: plain types, no triggers, no defaults computed by the database.
Columns named `*_key` are 32-byte keyed hashes (`StateKey.lookup`), columns named `sealed*` are `StateKey.seal`.
`owner_key` is whose quota a row counts against: a sender, or the topic while nobody is verified; NULL for nobody.
Times are milliseconds UTC.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, MetaData, String, Table, text

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

_URGENT = text("urgent > 0")
_ROW_ID = BigInteger().with_variant(Integer, "sqlite")  # SQLite numbers rows by itself only for INTEGER

fence = Table(
    "fence",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("decisions", BigInteger, nullable=False),
    comment="One row: how many deciding transactions there were, so that none rests on moved state.",
)

position = Table(
    "position",
    metadata,
    Column("topic", String(200), primary_key=True),
    Column("topic_id", String(64), nullable=False),
    Column("next_offset", BigInteger, nullable=False),
    Column("first_offset", BigInteger, nullable=False),
    Column("gaps", BigInteger, nullable=False),
    Column("shift", BigInteger, nullable=False),
    Column("last_hash", LargeBinary(32)),
    comment="How far a topic is decided. `gaps` counts offsets without a record (a writer's transaction markers); "
    "offsets here are the broker's and `shift`; `last_hash` is of the record before the position.",
)

record = Table(
    "record",
    metadata,
    Column("topic", String(200), primary_key=True),
    Column("offset", BigInteger, primary_key=True, autoincrement=False),
    Column("decision_id", LargeBinary(16), nullable=False),
    Column("outcome", String(16), nullable=False),
    Column("code", String(40), nullable=False),
    Column("record_key", LargeBinary(32)),
    Column("signed_key", LargeBinary(32)),
    Column("envelope_key", LargeBinary(32)),
    Column("event_key", LargeBinary(32)),
    Column("at_ms", BigInteger, nullable=False),
    Column("keep_until_ms", BigInteger, nullable=False),
    Column("sealed_answer", LargeBinary),
    Index(None, "record_key", unique=True),
    Index(None, "signed_key", unique=True),
    Index(None, "envelope_key"),
    Index(None, "event_key"),
    Index(None, "decision_id", unique=True),
    Index(None, "keep_until_ms"),
    comment="What became of each record: accounting, recognition of resends and events, what to answer.",
)

tally = Table(
    "tally",
    metadata,
    Column("topic", String(200), primary_key=True),
    Column("outcome", String(16), primary_key=True),
    Column("records", BigInteger, nullable=False),
    comment="How many records of a topic ended like this, with and without a row: the balance is read from here.",
)

failure = Table(
    "failure",
    metadata,
    Column("topic", String(200), primary_key=True),
    Column("offset", BigInteger, primary_key=True, autoincrement=False),
    Column("attempts", Integer, nullable=False),
    comment="How often a record failed alone; at three it is quarantined.",
)

fact = Table(
    "fact",
    metadata,
    Column("kind", String(16), primary_key=True),
    Column("fact_key", LargeBinary(32), primary_key=True),
    Column("keep_until_ms", BigInteger, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Index(None, "keep_until_ms"),
    comment="State that decisions read: consent by consent id, referral by referral id, parties by case handle.",
)

hold = Table(
    "hold",
    metadata,
    Column("id", _ROW_ID, primary_key=True),
    Column("topic", String(200), nullable=False),
    Column("offset", BigInteger, nullable=False),
    Column("case_key", LargeBinary(32)),
    Column("reason", String(40), nullable=False),
    Column("deadline_ms", BigInteger, nullable=False),
    Column("sealed_record", LargeBinary, nullable=False),
    Column("owner_key", LargeBinary(32)),
    Column("size", BigInteger, nullable=False),
    Column("since_ms", BigInteger, nullable=False),
    Column("wanted_version", BigInteger, nullable=False),
    Column("next_ms", BigInteger, nullable=False),
    Column("attempts", Integer, nullable=False),
    Index(None, "topic", "offset", unique=True),
    Index(None, "case_key"),
    Index(None, "deadline_ms"),
    Index(None, "next_ms", "wanted_version", "owner_key", "case_key", "deadline_ms"),
    Index(None, "owner_key", "size", "reason", "since_ms"),  # has all that sums ask for: the records stay unread
    sqlite_autoincrement=True,  # a number never comes again
    comment="Events that wait: the record as received, why, for what, until when, and whose room it takes.",
)

outgoing = Table(
    "outgoing",
    metadata,
    Column("id", _ROW_ID, primary_key=True),
    Column("destination", String(2), nullable=False),
    Column("topic", String(200), nullable=False),
    Column("lane", LargeBinary(32), nullable=False),
    Column("envelope_key", LargeBinary(32)),
    Column("state", String(8), nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("next_attempt_ms", BigInteger, nullable=False),
    Column("expires_ms", BigInteger),
    Column("sealed_value", LargeBinary, nullable=False),
    Column("urgent", Integer, nullable=False),
    Column("sender", LargeBinary(32), nullable=False),
    Index(None, "destination", "state", "id"),
    Index(None, "destination", "state", "urgent", "sender", "next_attempt_ms"),
    Index(None, "topic", "state", "created_ms"),  # has all that sums ask for: the values stay unread
    Index("ix_outgoing_urgent", "state", "sender", sqlite_where=_URGENT, postgresql_where=_URGENT),
    Index(None, "lane"),
    Index(None, "envelope_key"),
    Index(None, "expires_ms"),
    sqlite_autoincrement=True,  # a pump reads on from the last number: a number never comes again
    comment="What the pumps deliver: READY rows in order of id; AWAITING rows have arrived but not been taken.",
)

inbox = Table(
    "inbox",
    metadata,
    Column("topic", String(200), primary_key=True),
    Column("sequence", BigInteger, nullable=False),
    Column("hash", LargeBinary(32), nullable=False),
    comment="Last sequence and running hash of each organisation's inbox.",
)

delivered = Table(
    "delivered",
    metadata,
    Column("topic", String(200), primary_key=True),
    Column("next_offset", BigInteger, nullable=False),
    comment="The offset behind the newest record of an inbox that this gate knows to be in it.",
)

quarantine = Table(
    "quarantine",
    metadata,
    Column("topic", String(200), primary_key=True),
    Column("offset", BigInteger, primary_key=True, autoincrement=False),
    Column("code", String(40), nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("sealed_record", LargeBinary, nullable=False),
    Column("owner_key", LargeBinary(32)),
    Column("size", BigInteger, nullable=False),
    Index(None, "owner_key", "size", "at_ms"),
    comment="Refused and quarantined records as received, for replay by an operator.",
)

dropped = Table(
    "dropped",
    metadata,
    Column("topic", String(200), primary_key=True),
    Column("hour", BigInteger, primary_key=True, autoincrement=False),
    Column("first_offset", BigInteger, nullable=False),
    Column("last_offset", BigInteger, nullable=False),
    Column("records", BigInteger, nullable=False),
    Column("size", BigInteger, nullable=False),
    comment="Unverified records for which there was no room, by topic and hour: counted, not kept.",
)

audited = Table(
    "audited",
    metadata,
    Column("case_key", LargeBinary(32), primary_key=True),
    Column("decision_id", LargeBinary(16), primary_key=True),
    comment="Which audit entries are about one case: what has to be erased with it.",
)

audited_case = Table(
    "audited_case",
    metadata,
    Column("case_key", LargeBinary(32), primary_key=True),
    Column("keep_until_ms", BigInteger, nullable=False),
    Index(None, "keep_until_ms"),
    comment="Cases with audit entries, and when nothing is known of them any more unless another decision comes.",
)

deadline = Table(
    "deadline",
    metadata,
    Column("course_key", LargeBinary(32), primary_key=True),
    Column("next_ms", BigInteger),
    Column("keep_until_ms", BigInteger, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Index(None, "next_ms"),
    Index(None, "keep_until_ms"),
    comment="When a course has to be looked at next, and which steps of its deadlines were told.",
)

ping = Table(
    "ping",
    metadata,
    Column("id", _ROW_ID, primary_key=True),
    Column("organisation", String(32), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("message_id", LargeBinary(16), nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("next_attempt_ms", BigInteger, nullable=False),
    Index(None, "next_attempt_ms"),
    comment="Messages without content that say only: look into your inbox.",
)

setting = Table(
    "setting",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("value", LargeBinary, nullable=False),
    comment="Small facts of the node itself: newest verified signed time, proof that the state key fits.",
)
