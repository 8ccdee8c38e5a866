"""What grows at a gate or an auditor by what comes from outside: who may make it grow, how far, and what ends it.

`docs/reference/rooms.md` is made from these tables. A test finds a table of a store, or a container that an object of a
service keeps in memory, which has no row here. Numbers are in `docs/design/limits.md`,
where a person looks for them, and in the code, under the name that a row gives.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Room:
    """Who may make something grow, by how much, and what takes it away."""

    who: str
    bound: str
    ends: str


_ONE = "one row for each topic of the country"
_SETUP = "the directory and the settings"
_NOBODY = "nobody outside"
_FIVE_YEARS = "five years after its last change (`view.KEEP_MS`)"
_RATE = "the rate of its certificate at the broker (`producer_byte_rate`), and for refusals `repeats.REFUSED`"

NODE_TABLES: dict[str, Room] = {
    "fence": Room(_NOBODY, "one row", "never"),
    "position": Room(_SETUP, _ONE, "never"),
    "record": Room("a member by events; repeats and hop receipts have no row", _RATE, "120 days (`KEEP_RECORD_MS`)"),
    "tally": Room(_SETUP, "one row for each topic and outcome", "never: a number"),
    "failure": Room("a writer of records on which the code fails", "three attempts, then put aside", "the position"),
    "fact": Room(
        "a member by events; one value: 1,000 events and 2,000 stops of each party, 64 withdrawals, 8 chains and 128 "
        "refusals of each signer",
        _RATE,
        _FIVE_YEARS,
    ),
    "hold": Room("a member, or a topic while nobody is verified", "`quotas.HELD`, `STOPS`, `UNVERIFIED`", "a deadline"),
    "outgoing": Room("a member by events; the gate by notices and entries", _RATE, "delivery, or the event's end"),
    "inbox": Room(_SETUP, "one row for each organisation", "never"),
    "delivered": Room(_SETUP, "one row for each organisation", "never"),
    "quarantine": Room("a member, or a topic while nobody is verified", "`quotas.KEPT`", "its record, after 120 days"),
    "dropped": Room("whoever writes to a topic", "one row for each topic and hour", "`purge.KEEP_DROPPED_MS`"),
    "audited": Room("a member by events, one row for each decision about a case", _RATE, _FIVE_YEARS),
    "audited_case": Room("a member by events, one row for each case", _RATE, _FIVE_YEARS),
    "deadline": Room("a member by events, one row for each course", _RATE, _FIVE_YEARS),
    "ping": Room("a member by deadlines of its courses", "one for each step that is told", "sent, or given up"),
    "setting": Room(_NOBODY, "a few names, one for each topic that is read again", "never"),
}
"""Tables of a gate's store (`refbus.node.store.tables`)."""

KEY_TABLES: dict[str, Room] = {
    "audit_key": Room("a member by events, one row for each case", _RATE, _FIVE_YEARS),
}
"""Tables of the store of a gate's audit keys."""

AUDITOR_TABLES: dict[str, Room] = {
    "position": Room(_SETUP, "one row", "never"),
    "failure": Room("a writer of records on which the code fails", "three attempts, then put aside", "the position"),
    "setting": Room(_NOBODY, "a few names", "never"),
    "shard": Room(_NOBODY, "one row for each half-year", "never"),
    "entry": Room(
        "a member or gate by verified entries",
        "`quotas.IN_A_DAY`, `GATE_IN_A_DAY`, beyond it leaves of a gate's entries without their records",
        "the leaf never; the record when its writer erases it",
    ),
    "erased": Room("a member or gate by orders", "`quotas.IN_A_DAY.names`", "never: 32 bytes each"),
    "waiting": Room("a member, a gate, nobody verified", "`quotas.WAITING`, `ALL_UNVERIFIED`", "30 days, or room"),
    "usage": Room("a member or gate", "one row for each account and hour of a day", "a day"),
    "tally": Room(_SETUP, "one row for each result and code", "never: a number"),
    "witnessed": Room(_SETUP, "one row for each log that the directory lists", "never: replaced"),
}
"""Tables of an auditor's store (`refbus_auditor.store.tables`)."""

_BATCH = "what one batch of at most 500 records names"
_PER_BATCH = Room("whoever writes to a topic", _BATCH, "the end of the batch")
_LANES = Room("a member by events for who is away", "`pump.MOST_HELD` rows, `MOST_PARKED` lanes", "delivery")
_LOGS = Room(_SETUP, "logs and countries that the directory lists", "replaced; a restart")
_REBUILT = Room(_SETUP, "the entries and checkpoints of our own log, in an order of the operator", "the order ends")
_CODE = Room(_NOBODY, "what is in the code: metrics, statements, codes, threads", "a restart")

MEMORY: dict[str, Room] = {
    "refbus_auditor/auditor.py:Auditor": _CODE,
    "refbus_auditor/batch.py:Sorted": _PER_BATCH,
    "refbus_auditor/cosignatures.py:Cosigning": _LOGS,
    "refbus_auditor/cosignatures.py:_Candidate": _LOGS,
    "refbus_auditor/entries.py:Entries": Room(_NOBODY, "one offset", "replaced"),
    "refbus_auditor/known.py:Known": _REBUILT,
    "refbus_auditor/mail.py:Outbound": _LOGS,
    "refbus_auditor/pieces.py:Pieces": _REBUILT,
    "refbus_auditor/publication.py:Publisher": _LOGS,
    "refbus_auditor/quotas.py:Budget": _PER_BATCH,
    "refbus_gate/countries.py:Countries": _LOGS,
    "refbus_gate/deliver/lanes.py:Lanes": _LANES,
    "refbus_gate/deliver/lanes.py:_Lane": _LANES,
    "refbus_gate/meters.py:Meters": _CODE,
    "refbus_gate/clock/replays.py:Replays": Room(
        _SETUP, "orders of two persons that wait in a folder", "with the file"
    ),
    "refbus_gate/deliver/profile_relay.py:ProfileRelay": Room(
        "the newest profile of each organisation of all countries",
        "`profile_relay.MOST` organisations, 16 KiB each",
        "replaced; a restart",
    ),
    "refbus_gate/deliver/pump.py:Pump": Room(
        "a member by events", "`pump.MOST_HELD` rows", "delivery; counters by code"
    ),
    "refbus_gate/decide/inboxes.py:Inboxes": Room(_SETUP, "one row for each inbox of the country", "a restart"),
    "refbus_gate/decide/quotas.py:Room": _PER_BATCH,
    "refbus_gate/decide/repeats.py:Repeats": Room("whoever repeats records", "`repeats.MOST_KNOWN`", "the oldest goes"),
    "refbus_gate/decide/stamps.py:Stamps": _PER_BATCH,
    "refbus_gate/decide/stamps.py:_Pile": _PER_BATCH,
    "refbus_gate/decide/state.py:View": _PER_BATCH,
    "refbus_gate/decide/work.py:Work": _PER_BATCH,
    "refbus_gate/decide/work.py:_Task": _PER_BATCH,
    "refbus/node/topic_reader.py:Behind": Room("whoever writes to a topic", "one fetch of the broker", "decided"),
    "refbus/node/threads.py:Threads": _CODE,
    "refbus/node/turns.py:Turns": Room("a verified member; a log of the directory", "one for each name", "a restart"),
    "refbus/node/addresses.py:Meeting": _LOGS,
    "refbus/node/watchdog.py:Watchdog": Room("a writer with an open transaction", "one for each topic", "its end"),
    "refbus/node/store/audit_keys.py:AuditKeys": Room(
        "a member by events", "`audit_keys.MOST_KNOWN`", "the oldest goes"
    ),
    "refbus/node/store/node.py:NodeStore": Room("whoever writes to the disk", "`node.MOST_DAMAGED`", "a restart"),
    "refbus/node/store/rows.py:Changes": _PER_BATCH,
}
"""What objects of gate and auditor keep in memory, by module and class."""
