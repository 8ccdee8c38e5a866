"""What a database is made of: its tables, indexes, and whatever acts by itself, as our own versions make them.

Whoever had a copy of a store in hand could have changed a definition: a trigger that deletes each withdrawal in the
moment in which it is written, a rule that drops a row which comes twice, another default, an index that is not unique
any more. No sealed value would tell of it. So a store is opened only when it is made of exactly what our migrations
make; the rows themselves are another matter (`docs/design/limits.md`).
"""

from __future__ import annotations

import hashlib
import re
from functools import lru_cache
from typing import Final

from sqlalchemy import Connection, text

from refbus.errors import Code, StoreError
from refbus.said import said

ACTING: Final = "SELECT 1 FROM sqlite_master WHERE type IN ('trigger', 'view')"
"""Finds a row in a SQLite database that acts by itself."""
_ALL: Final = {
    "sqlite": text("SELECT type, name, tbl_name, sql FROM sqlite_master WHERE name NOT GLOB 'sqlite_stat[0-9]'"),
    "postgresql": text(
        """WITH own AS (SELECT oid FROM pg_namespace WHERE nspname = current_schema()),
        relation AS (SELECT c.* FROM pg_class c JOIN own ON own.oid = c.relnamespace)
        SELECT 'relation ' || relkind::text || relpersistence::text || relrowsecurity::text || relhassubclass::text
                AS type, relname::text AS name, '' AS tbl_name,
            (SELECT string_agg(a.attname || ' ' || format_type(a.atttypid, a.atttypmod) || ' ' || a.attnotnull::text
                    || ' ' || a.attidentity::text || a.attgenerated::text
                    || ' ' || coalesce(pg_get_expr(d.adbin, d.adrelid), ''), ', ' ORDER BY a.attnum)
                FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
                WHERE a.attrelid = relation.oid AND a.attnum > 0 AND NOT a.attisdropped) AS sql
            FROM relation WHERE relkind NOT IN ('i', 'I')
        UNION ALL SELECT 'index', c.relname, r.relname, pg_get_indexdef(i.indexrelid)
            FROM pg_index i JOIN relation r ON r.oid = i.indrelid JOIN pg_class c ON c.oid = i.indexrelid
        UNION ALL SELECT 'constraint', n.conname, r.relname, pg_get_constraintdef(n.oid)
            FROM pg_constraint n JOIN relation r ON r.oid = n.conrelid WHERE n.contype <> 'n'
        UNION ALL SELECT 'trigger ' || t.tgenabled::text, t.tgname, r.relname, pg_get_triggerdef(t.oid)
            FROM pg_trigger t JOIN relation r ON r.oid = t.tgrelid WHERE NOT t.tgisinternal
        UNION ALL SELECT 'rule', w.rulename, r.relname, pg_get_ruledef(w.oid)
            FROM pg_rewrite w JOIN relation r ON r.oid = w.ev_class
        UNION ALL SELECT 'policy', p.polname, r.relname, ''
            FROM pg_policy p JOIN relation r ON r.oid = p.polrelid
        UNION ALL SELECT 'function', f.proname, '', md5(f.prosrc)
            FROM pg_proc f JOIN own ON own.oid = f.pronamespace"""
    ),
}
_MOST_NAMED: Final = 3
_SPACE: Final = re.compile(r"\s+")
_AROUND: Final = re.compile(r" ?([(),]) ?")

Definitions = frozenset[tuple[str, str, str, str]]
"""Type, name, table and text of everything that a database is made of, statistics of the planner left out."""


def read_definitions(connection: Connection) -> Definitions:
    """Return what a database, or the schema of one on a server, is made of.

    Space and quotes do not count, nor the name of the schema: releases write them apart.
    """
    found = connection.execute(_ALL[connection.dialect.name]).all()
    schema = ""
    if connection.dialect.name != "sqlite":
        schema = f"{connection.exec_driver_sql('SELECT current_schema()').scalar()}."
    return frozenset({(row.type, row.name, row.tbl_name, _plain(row.sql or "", schema)) for row in found})


def digest_of(found: Definitions) -> str:
    """Return a name of definitions that is the same in every process: SHA-256, in hex."""
    return hashlib.sha256(repr(sorted(found)).encode()).hexdigest()


def require_same(found: Definitions, made: Definitions) -> None:
    """Raise StoreError STORE_FAILED, naming what differs, unless a database is made of what our versions make."""
    if found != made:
        names = sorted({name[:60] for _, name, _, _ in found ^ made})
        raise StoreError(
            Code.STORE_FAILED, said("no version made this: %(names)s", names=", ".join(names[:_MOST_NAMED]))
        )


@lru_cache(maxsize=256)  # every opening of a database asks for the same ones
def _plain(words: str, schema: str) -> str:
    plain = _AROUND.sub(r"\1", _SPACE.sub(" ", words.replace('"', ""))).strip()
    return plain.replace(schema, "") if schema else plain
