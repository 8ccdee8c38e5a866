"""A format of another system as data: what each of its fields is here, or why it is lost.

A file of `known/`, or of whoever has a table of their own: {"format": "refbus-mapping/1", "fields":
{"Имя": "person.prs_FirstName", "Sex": {"to": "person.prs_Gender", "codes": {"m": "Masculine"}}}}.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Final

from refbus.core.documents import read_json
from refbus.errors import Code, MalformedError, SetupError
from refbus.said import said
from refbus.wire.codelists import code_list
from refbus.wire.fields import FieldSpec, Kind
from refbus_gateway.exchange.stated import STATED
from refbus_gateway.forms.casefile import case_fields
from refbus_gateway.forms.problems import CaseInvalidError, Problem, Problems
from refbus_gateway.forms.text import printable
from refbus_gateway.forms.values import unknown_field
from refbus_gateway.words.losses import Loss

MAPPING: Final = "refbus-mapping/1"
"""Value of `format` in every such file."""
OWN: Final = "refbus-csv"
"""The table of our own: each column is a field of a case file."""
TABLE: Final = "table"
BUNDLE: Final = "bundle"
ROUTING: Final = frozenset({"file_number", "priority", "purpose", "reply_by", "about"})
"""Fields of a case file that are not payload and that another system may fill."""
_FOLDER: Final = Path(__file__).parent / "known"
_NUMBERED: Final = re.compile(r"\[[0-9]+\]")
_TEXT: Final = "write a text in quotation marks"
_LIST: Final = "write a list in square brackets"
_OBJECT: Final = "write an object in curly brackets"
_TRUTH: Final = "write true or false, without quotation marks"
_KINDS: Final[Mapping[str, type]] = {_TEXT: str, _LIST: list, _OBJECT: dict, _TRUTH: bool}
_OF_FORMAT: Final = {
    "format": _TEXT,
    "title": _TEXT,
    "source": _TEXT,
    "reads": _TEXT,
    "signs": _LIST,
    "records": _LIST,
    "keys": _OBJECT,
    "groups": _TEXT,
    "sheets": _LIST,
    "writes": _TRUTH,
    "fields": _OBJECT,
    "fixed": _OBJECT,
}
_OF_RULE: Final = {
    "to": _LIST,
    "lost": _TEXT,
    "codes": _OBJECT,
    "split": _TEXT,
    "join": _TEXT,
    "also": _LIST,
    "writes": _TRUTH,
}


@dataclass(frozen=True, slots=True)
class Rule:
    """What becomes of one field there. `to`: fields of the case file, empty when it is lost.

    `codes`: what its own words mean, None for nothing stated; `split`: between several values in one; `join`: between
    several values that become one text; `written`: it is filled again on the way out, with the constants `beside` it.
    """

    name: str
    to: tuple[str, ...] = ()
    lost: Loss | None = None
    codes: Mapping[str, Any] = field(default_factory=dict)
    split: str = ""
    join: str = ""
    written: bool = True
    also: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Format:
    """One format. `signs`: fields by which it is recognised; `records`: where a list of persons may stand in it.

    `keys`: by which of its own facts an element of a list is named in place of its number; `groups`: what stands
    between the groups of a form and a field. `fixed`: what every file of it says, on the way out.
    """

    name: str
    title: str
    reads: str
    rules: Mapping[str, Rule]
    signs: frozenset[str] = frozenset()
    records: tuple[str, ...] = ()
    keys: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    groups: str = ""
    sheets: frozenset[str] = frozenset()
    writes: bool = False
    fixed: Mapping[str, Any] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)

    def rule(self, name: str) -> Rule | None:
        """Return what becomes of a field: by its name, else without numbers, else by how its name begins."""
        plain = name.rsplit(self.groups, 1)[-1] if self.groups else name
        for tried in (plain, _NUMBERED.sub("[]", plain), _NUMBERED.sub("", plain)):
            found = self.rules.get(tried) or self.rules.get(self.labels.get(tried.casefold(), ""))
            if found is not None:
                return found
        begins = [key for key in self.rules if key.endswith("*") and plain.startswith(key[:-1])]
        return self.rules[max(begins, key=len)] if begins else None


@cache
def formats() -> Mapping[str, Format]:
    """Return the formats that are known here, by name."""
    shipped = {path.stem: _read(path.stem, _shipped(path)) for path in sorted(_FOLDER.glob("*.json"))}
    return {OWN: _own_table(), **shipped}


def named(name: str) -> Format:
    """Return a format by its name. Raises SetupError USAGE."""
    found = formats().get(name)
    if found is None:
        raise SetupError(Code.USAGE, said("one of %(codes)s", codes=", ".join(formats())))
    return found


def named_to_write(name: str) -> Format:
    """Return a format in which cases can be written. Raises SetupError USAGE."""
    able = [each for each in formats().values() if each.writes]
    found = next((each for each in able if each.name == name), None)
    if found is None:
        raise SetupError(Code.USAGE, said("one of %(codes)s", codes=", ".join(each.name for each in able)))
    return found


def read_mapping(content: bytes) -> Format:
    """Return the format that a file of somebody's own describes. Raises CaseInvalidError with every problem."""
    try:
        document = read_json(content.decode("utf-8-sig"))
    except (UnicodeDecodeError, MalformedError):
        raise CaseInvalidError([Problem("", Code.CASE_INVALID, said("not JSON"))]) from None
    return _read("mapping", document)


def spec_at(path: str) -> FieldSpec | None:
    """Return the field of a case file at a path without numbers, like "person.prs_Citizenship"; None for none."""
    specs: Iterable[FieldSpec] = case_fields()
    found: FieldSpec | None = None
    for part in _NUMBERED.sub("", path).split("."):
        found = next((spec for spec in specs if spec.name == part and not spec.computed), None)
        specs = found.fields if found is not None else ()
    return found if found is not None and found.kind is not Kind.RECORD else None


def _own_table() -> Format:
    paths = [*all_paths(case_fields()), *sorted(ROUTING)]
    rules = {path: Rule(path, (path,)) for path in paths if not path.startswith("attachments")}
    return Format(OWN, "Referral Bus", TABLE, rules, frozenset({"fictional", "responsible_worker_role"}), writes=True)


def _shipped(path: Path) -> Any:
    return read_json(path.read_text(encoding="utf-8"))


def _read(name: str, document: Any) -> Format:
    problems = Problems()
    if not isinstance(document, dict) or document.get("format") != MAPPING:
        problems.invalid("format", said('write "%(format)s"', format=MAPPING))
        problems.raise_if_any()
    if not isinstance(document.get("fields"), dict):
        problems.invalid("fields", _OBJECT)
    _check_shape(document, _OF_FORMAT, "", problems)
    problems.raise_if_any()
    keys = document.get("keys", {})
    _check_shape(keys, dict.fromkeys(keys, _LIST), "keys.", problems)
    problems.raise_if_any()
    written = {key: _spelt_out(value) for key, value in document["fields"].items()}
    rules = {key: _rule(key, value, problems) for key, value in written.items()}
    problems.raise_if_any()
    return Format(
        name,
        document.get("title", name),
        document.get("reads", TABLE),
        rules,
        frozenset(document.get("signs", ())),
        tuple(document.get("records", ())),
        {path: tuple(names) for path, names in keys.items()},
        document.get("groups", ""),
        frozenset(document.get("sheets", ())),
        document.get("writes", False),
        document.get("fixed", {}),
        {label.casefold(): key for key, rule in rules.items() for label in (key, *rule.also)},
    )


def _spelt_out(value: Any) -> Any:
    """Return a rule as an object, its fields as a list: a text alone is the one field that it fills."""
    given = {"to": value} if isinstance(value, str) else value
    alone = isinstance(given, dict) and isinstance(given.get("to"), str)
    return {**given, "to": [given["to"]]} if alone else given


def _check_shape(given: Mapping[str, Any], known: Mapping[str, str], path: str, problems: Problems) -> None:
    """Note what is not known of an object, and what is of another kind; a list holds texts."""
    for key, value in given.items():
        advice = known.get(key)
        if advice is None:
            problems.invalid(path + printable(key), unknown_field(key, known))
        elif not isinstance(value, _KINDS[advice]):
            problems.invalid(path + key, advice)
        elif isinstance(value, list) and not all(isinstance(each, str) for each in value):
            problems.invalid(path + key, _TEXT)


def _rule(name: str, given: Any, problems: Problems) -> Rule:
    """Return one rule; what is wrong with it is noted."""
    path = f"fields.{printable(name)}"
    if not isinstance(given, dict) or ("to" in given) == ("lost" in given):
        problems.invalid(path, said("write the field of a case file, or why it is lost"))
        return Rule(name)
    before = len(problems.found)
    _check_shape(given, _OF_RULE, path + ".", problems)
    if "lost" in given and given["lost"] not in list(Loss):
        problems.unknown(path, said("one of %(codes)s", codes=", ".join(Loss)))
    if len(problems.found) > before:
        return Rule(name)
    also = tuple(given.get("also", ()))
    if "lost" in given:
        return Rule(name, lost=Loss(given["lost"]), also=also)
    codes = given.get("codes", {})
    for target in given["to"]:
        _check_target(target, codes, path, problems)
    split, join, written = given.get("split", ""), given.get("join", ""), given.get("writes", True)
    return Rule(name, tuple(given["to"]), None, codes, split, join, written, also)


def _check_target(target: str, codes: Mapping[str, Any], path: str, problems: Problems) -> None:
    """Note a field that there is not, and a code that its list has not."""
    spec = spec_at(target)
    if spec is None and target not in ROUTING | STATED:
        problems.invalid(path, unknown_field(target, (*ROUTING, *sorted(STATED), *all_paths(case_fields()))))
    elif spec is not None and spec.kind is Kind.CODED:
        known = code_list(spec.code_list)
        if any(code is not None and code not in list(known.codes) for code in codes.values()):
            problems.unknown(path, said("write a code of the list %(name)s, in quotation marks", name=known.name))


def all_paths(specs: Iterable[FieldSpec], path: str = "") -> Iterable[str]:
    """Return the path of every field of a case file that holds a value."""
    for spec in specs:
        if spec.kind is Kind.RECORD:
            yield from all_paths(spec.fields, f"{path}{spec.name}.")
        elif not spec.computed:
            yield path + spec.name
