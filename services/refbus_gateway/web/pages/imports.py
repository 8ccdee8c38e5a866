"""Cases from another system: a file is looked at, its report is shown, and a person of it becomes a referral begun."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from starlette.responses import Response

from refbus.core.bounds import MOST_IMPORT
from refbus.core.documents import read_json
from refbus.errors import Code, MalformedError, SetupError
from refbus.wire.fields import Kind
from refbus_gateway.actions import imports
from refbus_gateway.actions.imports import Arrival, Refused
from refbus_gateway.forms.problems import CaseInvalidError, Problem
from refbus_gateway.web import casefields, referral_draft
from refbus_gateway.web.screens import Ask, RefusedError, Screens
from refbus_gateway.words import nextsteps
from refbus_gateway.words.codes import label
from refbus_gateway.words.losses import WORDS
from refbus_gateway.words.names import nearest_code

screens: Final = Screens()
_FORM_BYTES: Final = 65_536
"""What a form has beside its file."""


@dataclass(frozen=True, slots=True)
class Person:
    """A person of a file as a page shows it: places, and beside each why it is lost or refused."""

    place: str
    file_number: str | None
    known_as: int | None
    twice: tuple[str, ...]
    taken: tuple[str, ...]
    lost: tuple[tuple[str, str], ...]
    refused: tuple[tuple[str, str], ...]
    content: str


@screens.show("/case/import")
def choose(ask: Ask) -> Response:
    """Ask for the file of another system."""
    return ask.page("case_import.html")


@screens.act("/case/import", most_bytes=2 * MOST_IMPORT + _FORM_BYTES)
def look(ask: Ask) -> Response:
    """Show what would come over of a file. Nothing of it is kept."""
    content, table = ask.posted.files.get("file"), ask.posted.files.get("mapping")
    if not content:
        return ask.again([Problem("file", Code.FILE_UNREADABLE, ask.words.text("Choose the file"))])
    if len(content) > MOST_IMPORT:
        return ask.again([Problem("file", Code.TOO_LARGE, nextsteps.meaning(ask.words, Code.TOO_LARGE))])
    try:
        seen = imports.preview(ask.desk, ask.actor, content, table=table or None)
    except CaseInvalidError as error:
        told = [f"{each.path}: {ask.words.spoken(each.advice)}" for each in error.problems]
        return ask.again([Problem("mapping", Code.CASE_INVALID, "; ".join(told))])
    except SetupError as error:
        return ask.again([Problem("file", error.code, ask.words.spoken(error.detail))])
    files = zip(seen.report.persons, seen.files, strict=True)
    return ask.page(
        "case_import_report.html",
        format=seen.report.title,
        left=[(each.source, ask.words.spoken(WORDS[each.reason])) for each in seen.report.lost],
        persons=[_person(ask, one, file) for one, file in files],
    )


@screens.act("/case/import/person", at="/case/import")
def go_on(ask: Ask) -> Response:
    """Begin a referral of one person with what came over; what is missing is asked at its steps."""
    try:
        content = read_json(ask.posted.get("content"))
    except MalformedError:
        raise RefusedError(400) from None
    if not isinstance(content, dict):
        raise RefusedError(400)
    begun = referral_draft.begin(ask, content)
    return ask.go(f"/refer/{begun}/need")


def _person(ask: Ask, one: Arrival, file: bytes) -> Person:
    refused = [(f"{each.source}: {each.value}" if each.value else each.source, _why(ask, each)) for each in one.refused]
    return Person(
        ask.words.spoken(one.place),
        one.file_number,
        one.known_as,
        tuple(ask.words.spoken(each.advice) for each in one.problems if each.path == imports.NUMBER),
        tuple(dict.fromkeys(each.source for each in one.taken)),
        tuple((each.source, ask.words.spoken(WORDS[each.reason])) for each in one.lost),
        tuple(refused),
        file.decode(),
    )


def _why(ask: Ask, refused: Refused) -> str:
    """Return why something is refused, with the name of the nearest code in place of a list of codes."""
    path = refused.to.partition("[")[0]
    spec = casefields.of(ask.words, [path])[0].spec if path in casefields.ALL else None
    if refused.value is None or spec is None or spec.kind is not Kind.CODED:
        return ask.words.spoken(refused.advice)
    nearest = nearest_code(spec.code_list, refused.value)
    if nearest is None:
        return ask.words.text("is on no list here: choose it at the steps")
    name = label(ask.language, spec.code_list, nearest)
    return ask.words.text("is on no list here; did you mean %(name)s? Choose it at the steps", name=name)
