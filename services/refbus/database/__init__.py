"""What every store has in common, whoever it belongs to: one engine, versions, which database it is, copies, erasures.

It knows no table of any store but the ones that Alembic and SQLite keep: tables, keys and rows belong to their store.
"""
