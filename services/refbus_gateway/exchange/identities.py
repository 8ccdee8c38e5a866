"""What the case of somebody in a file of another system is kept under, so that the same file finds it again.

That is the case file, as for one that is added by hand; where it has the day of import in it, what the other file says.
A case may be here under another name of the same facts: it came on another day, or an earlier program wrote a stated
age into the note, or let other answers for all stand.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from refbus_gateway.exchange.ages import FIELDS, MINOR, Told, without_age
from refbus_gateway.exchange.facts import ABOUT, Fact, as_content, document_of, note, with_answers
from refbus_gateway.exchange.records import Record
from refbus_gateway.exchange.stated import STATED


@dataclass(frozen=True, slots=True)
class Before:
    """The facts of a file before what it states of an age is taken. `about`: what the note said then."""

    facts: tuple[Fact, ...]
    about: str | None

    def left_in(self, facts: Iterable[Fact], moved: Fact | None) -> list[Fact]:
        """Return those that came over, and a birth date that is in the note alone; the note as it was."""
        here = {id(fact) for fact in (*facts, moved)}
        return [
            replace(fact, value=self.about) if fact.to == ABOUT else fact for fact in self.facts if id(fact) in here
        ]


def before_age(facts: Iterable[Fact]) -> Before:
    """Return the facts as they are now, but for a stated age."""
    held = tuple(fact for fact in facts if fact.to not in STATED)
    return Before(held, next((fact.value for fact in held if fact.to == ABOUT), None))


def names_of(
    document: Mapping[str, Any],
    record: Record,
    told: Told,
    answers: Mapping[str, Any],
    *,
    facts: list[Fact],
    before: Before,
) -> tuple[bytes, ...]:
    """Return what names a case now, and behind it what may have named it before.

    `document`: the case file; `facts`: what came over; `answers`: those for all persons, as they were given.
    """
    content = as_content(document)
    if told.silent:
        return (content,)
    first = _special(document, record) if told.on_import else content
    return tuple(dict.fromkeys((first, content, *_former(record, told, facts, before, answers))))


def _former(
    record: Record, told: Told, facts: list[Fact], before: Before, answers: Mapping[str, Any]
) -> Iterator[bytes]:
    """Yield what names a case that an earlier program made, or this one on another day."""
    aged = bool(told.stated) or told.moved is not None
    plain = before.left_in(facts, told.moved)
    bare = [fact for fact in plain if fact is not told.moved]
    noted = [replace(fact) for fact in bare]
    note(noted, (*told.stated, *(() if told.moved is None else (told.moved,))))
    child = [*noted, *(() if any(fact.to == MINOR for fact in noted) else (Fact("", MINOR, True),))]
    for given in (answers, without_age(answers)):
        for held in (facts, noted, child) if aged else (facts,):
            document = with_answers(document_of(held)[0], given)
            yield as_content(document)
            if aged:
                yield _special(document, record)
        if aged:
            yield _special(with_answers(document_of(bare)[0], given), record)


def _special(document: Mapping[str, Any], record: Record) -> bytes:
    """Return a case file with what the other file says in place of a stated age."""
    person = {name: value for name, value in document.get("person", {}).items() if f"person.{name}" not in FIELDS}
    return as_content({**document, "person": person, "said": [[place, str(value)] for place, value in record.cells]})
