"""How a settings class says, per field, the environment name, the accepted texts and what the setting is for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass, field, fields
from typing import Any

from refbus.settings.parsers import Parser

PREFIX = "REFBUS_"
_KEY = "setting"


@dataclass(frozen=True, slots=True)
class SettingField:
    """One setting: its name in the environment, or the beginning of its names when there is one for each country."""

    name: str
    parser: Parser[Any]
    doc: str
    secret: bool = False
    per_country: bool = False


@dataclass(frozen=True, slots=True)
class ExplainedSetting:
    """A setting as `--explain` shows it: `value` is "***" for a secret, `source` is "environment" or "default"."""

    name: str
    value: str
    source: str


def setting(name: str, parser: Parser[Any], *, doc: str, default: object = MISSING, secret: bool = False) -> Any:
    """Return a dataclass field that is read from the variable `name`; without a default the setting is compulsory."""
    declared = SettingField(name, parser, doc, secret=secret)
    return field(default=default, metadata={_KEY: declared}, kw_only=True, repr=not secret)


def setting_per_country(prefix: str, parser: Parser[Any], *, doc: str) -> Any:
    """Return a field that maps country codes to values, from all variables named `prefix` and a country in capitals."""
    declared = SettingField(prefix, parser, doc, per_country=True)
    return field(default_factory=dict, metadata={_KEY: declared}, kw_only=True)


def declared_settings(cls: type[Any]) -> Mapping[str, tuple[SettingField, Field[Any]]]:
    """Return the settings of a settings class by the name of its field."""
    return {item.name: (item.metadata[_KEY], item) for item in fields(cls)}
