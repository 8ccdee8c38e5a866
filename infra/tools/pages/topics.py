"""docs/reference/topics.md: every topic family as it is declared."""

from __future__ import annotations

import tomllib
from typing import Any

from refbus.bus.quotas import KEYS
from refbus.resources import data_dir
from tools.pages.markdown import document, table

_INTRO = """\
Declared in `topics/`, one file for each family; `refbus-ops topics plan`, `apply` and `drift` compare them
with a broker. `{cc}` is the country of the cluster, `{from}` another country, `{org}` an organisation."""

_QUOTAS = """\
What each principal may take of each broker, in `topics/quotas`; set, and compared, with the access rules. Bytes a
second, and percent of one thread."""


def page() -> str:
    """Return the page."""
    files = sorted(data_dir("topics").glob("*.toml"))
    return document(
        "Topics",
        _INTRO,
        *(_family(path.stem, tomllib.loads(path.read_text(encoding="utf-8"))) for path in files),
        _quotas(tomllib.loads((data_dir("topics") / "quotas" / "principals.toml").read_text(encoding="utf-8"))),
    )


def _quotas(declared: dict[str, Any]) -> str:
    rows = [
        (f"`{kind}`", *(_shown(values[key] or "none") for key in KEYS), values["why"])
        for kind, values in declared.items()
    ]
    heads = ("principal", *(f"`{key}`" for key in KEYS), "why")
    return f"## Quotas\n\n{_QUOTAS}\n\n{table(heads, rows)}"


def _family(name: str, declared: dict[str, Any]) -> str:
    why = " ".join(declared["why"].split())
    rows = [(f"`{key}`", _shown(value)) for key, value in declared.items() if key not in {"name", "why"}]
    return f"## {name}\n\n`{declared['name']}`. {why}\n\n{table(('property', 'value'), rows)}"


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"`{key}` = {_shown(inner)}" for key, inner in value.items())
    if isinstance(value, list):
        return ", ".join(_shown(inner) for inner in value)
    return str(value)
