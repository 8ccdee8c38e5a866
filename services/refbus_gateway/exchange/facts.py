"""Facts on their way from a file of another system into a case file: where each stood, and which field it fills."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from refbus.errors import Code
from refbus.said import said
from refbus_gateway.exchange.tables import Rule, spec_at
from refbus_gateway.forms.case_routing import FORMAT

TWO_VALUES: Final = said("two values for one field: write the one that is true")
ABOUT: Final = "about"
_NOTE: Final = Rule(ABOUT, (ABOUT,), join="; ")


@dataclass(slots=True)
class Fact:
    """A value on its way, and where it came from."""

    source: str
    to: str
    value: Any


@dataclass(frozen=True, slots=True)
class Refused:
    """A fact that has a field here and cannot stand in it. `value`: the word that is no code; None for other facts."""

    source: str
    to: str
    value: str | None
    code: Code
    advice: str


def added(facts: list[Fact], fact: Fact, rule: Rule, *, many: bool) -> bool:
    """Add a fact where there is room for it; whether it could be, or was there."""
    held = [each for each in facts if each.to == fact.to]
    if any(each.value == fact.value for each in held):
        return True
    if held and rule.join and not many:
        held[0].value = f"{held[0].value}{rule.join}{fact.value}"
        held[0].source = f"{held[0].source}, {fact.source}"
    elif held and not many:
        return False
    else:
        facts.append(fact)
    return True


def note(facts: list[Fact], said_of: Iterable[Fact]) -> None:
    """Add what a file says to the worker's own note, as it says it."""
    for fact in said_of:
        added(facts, Fact(fact.source, ABOUT, f"{fact.source} = {fact.value}"), _NOTE, many=False)


def document_of(facts: Iterable[Fact]) -> tuple[dict[str, Any], dict[str, Fact]]:
    """Return the case file of these facts, and each of them by its path as problems name it."""
    document: dict[str, Any] = {"format": FORMAT}
    places: dict[str, Fact] = {}
    for fact in facts:
        *groups, name = fact.to.split(".")
        held: dict[str, Any] = document
        for group in groups:
            held = held.setdefault(group, {})
        spec = spec_at(fact.to)
        if spec is not None and spec.many:
            held.setdefault(name, []).append(fact.value)
            places[f"{fact.to}[{len(held[name]) - 1}]"] = fact
        else:
            held[name] = fact.value
            places[fact.to] = fact
    return document, places


def with_answers(document: Mapping[str, Any], answers: Mapping[str, Any]) -> dict[str, Any]:
    """Return a case file with the answers to what it does not say; what it says stands."""
    merged = dict(document)
    for name, answer in answers.items():
        held = merged.get(name)
        if held is None:
            merged[name] = answer
        elif isinstance(held, dict) and isinstance(answer, dict):
            merged[name] = with_answers(held, answer)
    return merged


def as_content(document: Mapping[str, Any]) -> bytes:
    """Return a case file as bytes: of the same facts the same bytes."""
    return (json.dumps(document, ensure_ascii=False, indent=2, sort_keys=True) + "\n").encode()
