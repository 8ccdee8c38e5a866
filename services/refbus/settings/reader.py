"""From the environment to checked settings: all mistakes are found before anything starts."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, Field
from typing import Any, TypeVar

from refbus.core.ids import CountryCode
from refbus.errors import Code, SetupError
from refbus.said import said
from refbus.settings.fields import PREFIX, ExplainedSetting, SettingField, declared_settings
from refbus.settings.parsers import SettingTextError, country
from refbus.settings.services import ALL_SETTINGS

_Settings = TypeVar("_Settings")


def from_environment(cls: type[_Settings], environ: Mapping[str, str]) -> _Settings:
    """Return the settings of class `cls` as `environ` gives them.

    Raises SetupError SETTINGS_INVALID: a name that begins with REFBUS_ and is no setting of any service, a missing
    compulsory setting, a text that is not accepted. The error names the setting and what is accepted, never the value.
    """
    _refuse_unknown(environ)
    values = {name: _value(declared, item, environ) for name, (declared, item) in declared_settings(cls).items()}
    return cls(**values)


def explain(cls: type[Any], environ: Mapping[str, str]) -> list[ExplainedSetting]:
    """Return name, value and source of every setting of `cls`, secrets as "***". Raises as `from_environment`."""
    settings = from_environment(cls, environ)
    lines: list[ExplainedSetting] = []
    for name, (declared, _) in declared_settings(cls).items():
        value = getattr(settings, name)
        if declared.per_country:
            lines += [
                ExplainedSetting(declared.name + code.upper(), str(text), "environment") for code, text in value.items()
            ]
        else:
            source = "environment" if declared.name in environ else "default"
            lines.append(ExplainedSetting(declared.name, "***" if declared.secret else shown(value), source))
    return lines


def shown(value: object) -> str:
    """Return a value as it would be written in the environment; "" for none."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    return str(value)


def _value(declared: SettingField, item: Field[Any], environ: Mapping[str, str]) -> object:
    if declared.per_country:
        return {code: _parsed(declared, name, environ) for name, code in _country_names(declared, environ)}
    if declared.name in environ:
        return _parsed(declared, declared.name, environ)
    if item.default is MISSING:
        raise SetupError(
            Code.SETTINGS_INVALID, said("%(name)s is missing: %(form)s", name=declared.name, form=declared.parser.form)
        )
    return item.default


def _parsed(declared: SettingField, name: str, environ: Mapping[str, str]) -> object:
    try:
        return declared.parser(environ[name])
    except SettingTextError:
        raise SetupError(
            Code.SETTINGS_INVALID, said("%(name)s must be: %(form)s", name=name, form=declared.parser.form)
        ) from None


def _country_names(declared: SettingField, environ: Mapping[str, str]) -> list[tuple[str, CountryCode]]:
    """Return the names in `environ` that are this setting for one country, with the country, sorted."""
    found = [(name, _country_of(name, declared.name)) for name in sorted(environ) if name.startswith(declared.name)]
    return [(name, code) for name, code in found if code is not None]


def _country_of(name: str, prefix: str) -> CountryCode | None:
    """Return the country that `name` ends with after `prefix`, or None: only two capitals count."""
    suffix = name.removeprefix(prefix)
    if suffix == name or suffix != suffix.upper():
        return None
    try:
        return country()(suffix.lower())
    except SettingTextError:
        return None


def _refuse_unknown(environ: Mapping[str, str]) -> None:
    """Raise SETTINGS_INVALID for the first name that begins with REFBUS_ and belongs to no service."""
    known = _all_fields()
    whole = {item.name for item in known if not item.per_country}
    parts = [item.name for item in known if item.per_country]
    for name in sorted(environ):
        if name.startswith(PREFIX) and name not in whole and all(_country_of(name, each) is None for each in parts):
            raise SetupError(
                Code.SETTINGS_INVALID,
                said("%(name)s is not a setting%(known)s", name=name, known=_suggestion(name, known)),
            )


def _suggestion(name: str, known: Iterable[SettingField]) -> str:
    """Return "; did you mean ...?" when a known name is near."""
    names = [item.name + ("KZ" if item.per_country else "") for item in known]
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.75)
    return said("; did you mean %(near)s?", near=near[0]) if near else ""


def _all_fields() -> list[SettingField]:
    return [declared for cls in ALL_SETTINGS for declared, _ in declared_settings(cls).values()]
