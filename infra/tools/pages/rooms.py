"""docs/reference/rooms.md: what grows at a gate or an auditor, who may make it grow, how far, and what ends it."""

from __future__ import annotations

from collections.abc import Mapping

from refbus.explain.rooms import AUDITOR_TABLES, KEY_TABLES, MEMORY, NODE_TABLES, Room
from tools.pages.markdown import code, document, table

_INTRO = """\
Everything that a gate or an auditor keeps because of what comes from outside.
Numbers: [limits](../design/limits.md#bounds). A test finds a table, or a container in memory, that is not here."""


def page() -> str:
    """Return the page."""
    return document(
        "What grows",
        _INTRO,
        "## The store of a gate",
        _rows(NODE_TABLES),
        "## The audit keys of a gate",
        _rows(KEY_TABLES),
        "## The store of an auditor",
        _rows(AUDITOR_TABLES),
        "## In memory",
        _rows(MEMORY),
    )


def _rows(rooms: Mapping[str, Room]) -> str:
    rows = [(code(name), each.who, each.bound, each.ends) for name, each in rooms.items()]
    return table(("what", "who makes it grow", "bound", "what ends it"), rows)
