"""docs/reference/settings.md: every environment variable of every service."""

from __future__ import annotations

from dataclasses import MISSING

from refbus.settings import ALL_SETTINGS
from refbus.settings.fields import declared_settings
from refbus.settings.reader import shown
from tools.pages.markdown import document

_INTRO = """\
Read once, from the environment, when a process starts. A name that begins with `REFBUS_` and is not listed
here is an error, with the nearest name as a suggestion. Secrets are given as files that only their owner can
use, never as values. `<CC>` stands for a country code in capitals."""


def page() -> str:
    """Return the page."""
    blocks = [
        _INTRO,
    ]
    for name, (users, accepted, default, doc) in sorted(_settings().items()):
        blocks.append(
            f"## {name}\n\n{doc}\n\n- accepted: {accepted}\n- default: {default}\n- used by: {', '.join(users)}"
        )
    return document("Settings", *blocks)


def _settings() -> dict[str, tuple[list[str], str, str, str]]:
    """Return users, accepted texts, default and purpose of each setting by its name."""
    found: dict[str, tuple[list[str], str, str, str]] = {}
    for cls in ALL_SETTINGS:
        user = cls.__name__.removesuffix("Settings").lower()
        for declared, item in declared_settings(cls).values():
            name = declared.name + ("<CC>" if declared.per_country else "")
            default = "none: must be set" if item.default is MISSING else f"`{shown(item.default)}`"
            if declared.per_country or item.default is None:
                default = "not set"
            found.setdefault(name, ([], declared.parser.form, default, declared.doc))[0].append(user)
    return found
