"""Tables of the auditor's store. Times are milliseconds UTC, hashes 32 bytes.

`position`, `failure` and `setting` are those of every node store (refbus.node.store.tables).
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, MetaData, String, Table

from refbus.node.store import tables

metadata = MetaData(naming_convention=tables.metadata.naming_convention)

position = tables.position.to_metadata(metadata)
failure = tables.failure.to_metadata(metadata)
setting = tables.setting.to_metadata(metadata)

shard = Table(
    "shard",
    metadata,
    Column("origin", String(255), primary_key=True),
    Column("opened_ms", BigInteger, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("root", LargeBinary(32), nullable=False),
    Column("edge", LargeBinary, nullable=False),
    Column("signed_size", BigInteger, nullable=False),
    Column("signed_root", LargeBinary(32), nullable=False),
    Column("proven_size", BigInteger, nullable=False),
    Column("cosigned", LargeBinary),
    Column("cosigned_ms", BigInteger),
    Column("standing", Integer, nullable=False),
    Column("newest", LargeBinary),
    comment="One log each half-year: what is in it, what was signed of it, what the quorum cosigned. `standing`: 0 it "
    "grows, 1 it was rebuilt and waits for every witness, 2 it has ended; `newest`: what it was known to have signed.",
)

entry = Table(
    "entry",
    metadata,
    Column("origin", String(255), primary_key=True),
    Column("place", BigInteger, primary_key=True, autoincrement=False),
    Column("decision_id", LargeBinary(16), nullable=False),
    Column("leaf", LargeBinary, nullable=False),
    Column("writer", String(32), nullable=False),
    Column("logged_ms", BigInteger, nullable=False),
    Column("raw", LargeBinary),
    Column("stays", Integer, nullable=False),
    Index(None, "decision_id", "writer", unique=True),
    comment="What was logged, in order. `raw`, the entry as received, goes when a case is erased, unless it `stays`: "
    "the leaf stays always.",
)

erased = Table(
    "erased",
    metadata,
    Column("name", LargeBinary(32), primary_key=True),
    comment="Hashes of the entries whose record was ordered to be deleted, those that come later too.",
)

waiting = Table(
    "waiting",
    metadata,
    Column("topic", String(200), primary_key=True),
    Column("offset", BigInteger, primary_key=True, autoincrement=False),
    Column("code", String(40), nullable=False),
    Column("since_ms", BigInteger, nullable=False),
    Column("logged_ms", BigInteger, nullable=False),
    Column("raw", LargeBinary, nullable=False),
    Column("owner", String(40)),
    Column("size", BigInteger, nullable=False),
    Column("name", LargeBinary(32)),
    Index(None, "owner", "code", "offset", "size"),
    Index(None, "name"),
    comment="Entries that wait for a key in the directory, or for their writer to have room again.",
)

usage = Table(
    "usage",
    metadata,
    Column("writer", String(32), primary_key=True),
    Column("hour", BigInteger, primary_key=True, autoincrement=False),
    Column("records", BigInteger, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("names", BigInteger, nullable=False),
    comment="What each member wrote in an hour (UTC): records, bytes, and decisions that it ordered to be erased.",
)

tally = Table(
    "tally",
    metadata,
    Column("result", String(16), primary_key=True),
    Column("code", String(40), primary_key=True),
    Column("records", BigInteger, nullable=False),
    comment="What became of the records of the audit topic, so that what was read equals what is accounted for.",
)

witnessed = Table(
    "witnessed",
    metadata,
    Column("origin", String(255), primary_key=True),
    Column("size", BigInteger, nullable=False),
    Column("root", LargeBinary(32), nullable=False),
    Column("note", LargeBinary, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    comment="Newest checkpoint of each foreign log that this auditor cosigned, with its cosignatures.",
)
