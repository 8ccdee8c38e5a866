"""The store of a gateway: SQLite, values sealed under per-case keys, look-ups by keyed hash."""
