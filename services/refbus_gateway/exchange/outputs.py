"""A case file becomes a file of another system, by the tables that read one, with a report of what it cannot say.

A code of our own (`x_`) goes only where the system that the code is said to be of is ours.
"""

from __future__ import annotations

import json
import re
import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from refbus.wire.fields import FieldSpec, Kind
from refbus_gateway.exchange.records import flat
from refbus_gateway.exchange.spreadsheets import write_table, write_workbook
from refbus_gateway.exchange.tables import BUNDLE, OWN, Format, Rule, spec_at
from refbus_gateway.exchange.translation import Taken
from refbus_gateway.words.losses import Loss, Lost

_NOT_SAID: Final = frozenset({"format", "revision", "recipient", "onward_of", "confirmed"})
"""What of a case file is about this home and this referral, not about the person."""
_NUMBER: Final = re.compile(r"\[([0-9]+)\]")
_STEP: Final = re.compile(r"([^.\[\]]+)(\[[^\]]*\])?")
_OURS: Final = "urn:refbus:"
_OWN_CODE: Final = "x_"
_PERSON: Final = "Patient"


@dataclass(frozen=True, slots=True)
class Output:
    """A file for another system: what of the case it says, and where, and what it cannot."""

    content: bytes = field(repr=False)
    taken: tuple[Taken, ...]
    lost: tuple[Lost, ...]


def write(one: Format, document: Mapping[str, Any]) -> Output:
    """Return the file of a format with what a case file says of the person."""
    placed: list[tuple[Rule, str, str]] = []  # the rule, the path here, the text there
    used: dict[str, str] = {}  # the places that say something already
    lost: list[Lost] = []
    for path, value in flat({name: each for name, each in document.items() if name not in _NOT_SAID}, "", {}):
        found = _placed(one, path, value, used)
        if isinstance(found, Loss):
            lost.append(Lost(path, found))
        else:
            rule, text = found
            placed.append((rule, path, text))
            used[rule.name] = text
    content = _bundle(one, placed) if one.reads == BUNDLE else _table(one, placed)
    return Output(content, tuple(Taken(path, rule.name) for rule, path, _ in placed), tuple(lost))


def _placed(one: Format, path: str, value: Any, used: Mapping[str, str]) -> tuple[Rule, str] | Loss:
    """Return where a fact goes and as what, or why it cannot. `used`: the places that say something already."""
    plain = _NUMBER.sub("", path)
    spec = spec_at(plain)
    rule = next((rule for rule in one.rules.values() if rule.written and plain in rule.to), None)
    if rule is None:
        return Loss.TOO_LONG if plain.startswith("attachments.") else Loss.NO_FIELD
    text = _text(one, rule, spec, value)
    if text is None:
        return Loss.NO_CODE
    several = spec is not None and spec.many
    return (rule, text) if several or used.get(rule.name, text) == text else Loss.NO_FIELD


def _text(one: Format, rule: Rule, spec: FieldSpec | None, value: Any) -> str | None:
    """Return what a value is called there, None for a code that it has not."""
    if rule.codes:
        return next((word for word, code in rule.codes.items() if code == value), None)
    own = one.name == OWN or _OURS in rule.name
    if spec is not None and spec.kind is Kind.CODED and str(value).startswith(_OWN_CODE) and not own:
        return None
    return str(value).lower() if isinstance(value, bool) else str(value)


def _table(one: Format, placed: Sequence[tuple[Rule, str, str]]) -> bytes:
    """Return one row below its headings."""
    if one.name == OWN:
        return write_table([[path for _, path, _ in placed], [text for _, _, text in placed]])
    columns: dict[str, list[str]] = {name: [] for name in one.rules}
    for rule, _, text in placed:
        columns[rule.name].append(text)
    labels = [(one.rules[name].also or (name,))[-1] for name in columns]
    row = [f"{one.rules[name].split} ".join(texts) for name, texts in columns.items()]
    return write_workbook([list(columns), labels, row])


def _bundle(one: Format, placed: Sequence[tuple[Rule, str, str]]) -> bytes:
    """Return a FHIR Bundle: the person, and what is asked for."""
    tree: dict[str, Any] = {}
    turns: Counter[str] = Counter()
    for rule, path, text in placed:
        spec = spec_at(path)
        _put(tree, rule.name, _typed(spec, text), one.keys, turns[rule.name] if spec is not None and spec.many else 0)
        turns[rule.name] += 1
    address = f"urn:uuid:{uuid.uuid4()}"
    person = {"resourceType": _PERSON, **one.fixed.get(_PERSON, {}), **tree.pop(_PERSON, {})}
    entries = [{"fullUrl": address, "resource": person}]
    for kind, held in tree.items():
        for each in held:
            resource = {"resourceType": kind, **one.fixed.get(kind, {}), "subject": {"reference": address}, **each}
            entries.append({"fullUrl": f"urn:uuid:{uuid.uuid4()}", "resource": resource})
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": entries}
    return (json.dumps(bundle, ensure_ascii=False, indent=2) + "\n").encode()


def _typed(spec: FieldSpec | None, text: str) -> str | int | bool:
    """Return a number or an answer as JSON has it."""
    match spec.kind if spec is not None else Kind.TEXT:
        case Kind.NUMBER:
            return int(text)
        case Kind.FLAG:
            return text == "true"
        case _:
            return text


def _put(tree: dict[str, Any], place: str, text: Any, keys: Mapping[str, tuple[str, ...]], turn: int) -> None:
    """Put a value at a place of a tree. The first list on the way whose length is open has an element for each turn."""
    steps = _STEP.findall(place)
    held, path = tree, ""
    for number, (name, bracket) in enumerate(steps):
        path = f"{path}.{name}" if path else name
        last = number == len(steps) - 1
        if not bracket:
            if last:
                held[name] = text
            else:
                held = held.setdefault(name, {})
            continue
        listed = held.setdefault(name, [])
        at, turn = _element(listed, bracket[1:-1], keys.get(path, ()), turn)
        path += "[]"
        if last:
            listed[at] = text
        else:
            held = listed[at]


def _element(listed: list[Any], label: str, names: Sequence[str], turn: int) -> tuple[int, int]:
    """Return which element of a list has a label, made where there is none, and how many turns are left for others."""
    if label.isdigit() or not label:
        at = int(label or turn)
        listed.extend({} for _ in range(at + 1 - len(listed)))
        return at, turn if label else 0
    wanted = dict(zip(names, label.split("/") if len(names) > 1 else [label], strict=False))
    same = [number for number, each in enumerate(listed) if wanted.items() <= each.items()]
    if turn < len(same):
        return same[turn], 0
    listed.append(wanted)
    return len(listed) - 1, 0
