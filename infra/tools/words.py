"""Catalogues of words: extract messages, merge them into each language, compile. `--check` only says what is wrong.

Messages come from Python (`text`, `plural`, `mark`, `gettext` and its family), from Jinja2 templates, and from data:
code lists, names of fields and events, errors. Ends with 0 when every catalogue can be used as it is, else with 1.
"""

from __future__ import annotations

import argparse
import ast
import io
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, Final

from babel import Locale
from babel.messages import Catalog, Message
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from jinja2.ext import babel_extract

from refbus_gateway.words.languages import LANGUAGES, NAMES
from tools.uzbek import to_cyrillic
from tools.wordsources import messages_of_data

ROOT: Final = Path(__file__).resolve().parents[2]
GATEWAY: Final = ROOT / "services" / "refbus_gateway"
CORE: Final = ROOT / "services" / "refbus"
"""Where errors begin that a person of the gateway meets: their details are said in words (`refbus.said`)."""
LOCALE: Final = GATEWAY / "words" / "locale"
TRANSLATED: Final = tuple(language for language in LANGUAGES if language not in {"en", "uz-Cyrl"})
"""Languages with a file for translators; uz-Cyrl is written from uz-Latn, but for what its own file says."""
_CALLS: Final = {
    "text": ("message", "context"),
    "mark": ("message", "context"),
    "said": ("message",),
    "invalid": ("path", "message"),
    "unknown": ("path", "message"),
    "gettext": ("message",),
    "_": ("message",),
    "pgettext": ("context", "message"),
    "plural": ("message", "many", "n", "context"),
    "ngettext": ("message", "many"),
    "npgettext": ("context", "message", "many"),
}
"""Names of the calls that hold a message, with the names of their arguments in order."""
_OWNERS: Final = frozenset({"words", "self"})
"""What a catalogue is called in the code: `words.text(...)`, `session.words.text(...)`, `words().text(...)`."""
_NOTED: Final = frozenset({"invalid", "unknown"})
"""What `problems` notes with an advice."""
_VALUES: Final = re.compile(r"%\(([a-z_0-9]+)\)s")
_HINT: Final = "# Translators:"
_MADE: Final = datetime(2026, 1, 1, tzinfo=UTC)
"""The date in each file: constant, so that a run without news changes nothing."""
_HEADER: Final = """# Words of the Referral Bus. See docs/design/translate.md.
# "draft" above a translation: it waits for a native speaker, who writes "reviewed" in its place."""


@dataclass(frozen=True, slots=True)
class Found:
    """One message of the program."""

    place: str
    message: str
    many: str | None = None
    context: str | None = None
    hint: str = ""


class UnusableError(Exception):
    """A call that no catalogue can hold: its text is made while the program runs."""


def in_python(path: Path) -> Iterator[Found]:
    """Yield the messages of a module. Raises UnusableError."""
    source = path.read_text(encoding="utf-8")
    lines = source.splitlines()
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        name = _called(node.func)
        if name in _CALLS:
            yield from _in_call(node, name, path, lines)


def _called(function: ast.expr) -> str:
    """Return the name of a call that may hold a message: a function, or a method of something called `words`."""
    if isinstance(function, ast.Name):
        return function.id if function.id in {"mark", "said", "_"} else ""
    if not isinstance(function, ast.Attribute):
        return ""
    owner = function.value
    owner = owner.func if isinstance(owner, ast.Call) else owner
    name = owner.attr if isinstance(owner, ast.Attribute) else getattr(owner, "id", "")
    if name == "problems":
        return function.attr if function.attr in _NOTED else ""
    return function.attr if name in _OWNERS else ""


def _in_call(node: ast.Call, name: str, path: Path, lines: list[str]) -> Iterator[Found]:
    given: dict[str, ast.expr] = dict(zip(_CALLS[name], node.args, strict=False))
    given |= {each.arg: each.value for each in node.keywords if each.arg in _CALLS[name]}
    message = given.get("message")
    if isinstance(message, ast.JoinedStr):
        raise UnusableError(f"{_place(path)}:{node.lineno}: the text of {name}() is an f-string")
    if isinstance(message, ast.Constant) and isinstance(message.value, str):
        many, context = given.get("many"), given.get("context")
        yield Found(_place(path), message.value, _constant(many), _constant(context), _hint(lines, node.lineno))


def _constant(node: ast.expr | None) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def _hint(lines: list[str], number: int) -> str:
    """Return the comment for translators in the line above."""
    above = lines[number - 2].strip() if number >= 2 else ""
    return above.removeprefix(_HINT).strip() if above.startswith(_HINT) else ""


OPTIONS: Final[dict[str, Any]] = {"trimmed": "true", "newstyle_gettext": "true", "silent": "false"}
"""How templates are read; the pages use the same (`policies["ext.i18n.trimmed"]`)."""


def in_template(path: Path) -> Iterator[Found]:
    """Yield the messages of a Jinja2 template."""
    found = babel_extract(
        io.BytesIO(path.read_bytes()), ["_", "gettext", "ngettext", "pgettext", "npgettext"], ["Translators:"], OPTIONS
    )
    for _, function, texts, comments in found:
        hint = " ".join(each.removeprefix("Translators:").strip() for each in comments)
        yield _of_template(_place(path), function or "gettext", texts, hint)


def _of_template(place: str, function: str, texts: Any, hint: str) -> Found:
    parts = [each for each in (texts if isinstance(texts, tuple) else (texts,)) if isinstance(each, str)]
    context = parts.pop(0) if function in {"pgettext", "npgettext"} else None
    many = parts[1] if function in {"ngettext", "npgettext"} else None
    return Found(place, parts[0], many, context, hint)


def _place(path: Path) -> str:
    return path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else path.name


def messages() -> list[Found]:
    """Return every message of the program, in the order of its files."""
    found = [each for path in [*sorted(GATEWAY.rglob("*.py")), *sorted(CORE.rglob("*.py"))] for each in in_python(path)]
    for kind in ("*.html", "*.txt"):
        found += [
            each for path in sorted(GATEWAY.rglob(kind)) if "templates" in path.parts for each in in_template(path)
        ]
    return found + [
        Found(place, text, context=context or None, hint=hint) for place, text, context, hint in messages_of_data()
    ]


@cache
def template() -> Catalog:
    """Return the messages as a catalogue without translations."""
    catalog = Catalog(creation_date=_MADE, revision_date=_MADE, charset="utf-8")
    for each in messages():
        identity: Any = (each.message, each.many) if each.many is not None else each.message
        flags = ["python-format"] if _VALUES.search(each.message) else []
        hints = [each.hint] if each.hint else []
        catalog.add(identity, None, [(each.place, 0)], flags, hints, context=each.context)
    return catalog


def path_of(language: str, ending: str = "po") -> Path:
    """Return the file of a language: what translators open, or (`mo`) what the program reads."""
    return LOCALE / language / "LC_MESSAGES" / f"refbus.{ending}"


def read(language: str) -> Catalog:
    """Return the catalogue of a language as its translators left it."""
    locale = Locale.parse(language, sep="-")
    with path_of(language).open("rb") as file:
        return read_po(file, locale=locale, domain="refbus")


def merged(language: str, wanted: Catalog) -> Catalog:
    """Return a language's catalogue with the messages of today: new ones empty, those that went kept as obsolete."""
    catalog = read(language)
    catalog.update(wanted, no_fuzzy_matching=True)
    catalog.creation_date = catalog.revision_date = _MADE
    catalog.header_comment = _HEADER
    catalog.project, catalog.version, catalog.msgid_bugs_address = "Referral Bus", "1", "none"
    catalog.last_translator, catalog.language_team, catalog.fuzzy = "none", NAMES[language], False
    for each in _translations(catalog):
        if not {"draft", "reviewed"} & {comment.split(":")[0] for comment in each.user_comments}:
            each.user_comments = ["draft", *each.user_comments]
    return catalog


def as_po(catalog: Catalog) -> bytes:
    """Return a catalogue as its file."""
    out = io.BytesIO()
    write_po(out, catalog, width=120, include_lineno=False)
    return out.getvalue()


def compiled(language: str) -> bytes:
    """Return what the program reads: all but fuzzy translations; uz-Cyrl is written from uz-Latn."""
    out = io.BytesIO()
    catalog = _in_cyrillic() if language == "uz-Cyrl" else read(language)
    for each in _translations(catalog):
        if any(problems(each)):
            each.string = ""
    write_mo(out, catalog)
    return out.getvalue()


def _in_cyrillic() -> Catalog:
    latin, own = read("uz-Latn"), read("uz-Cyrl")
    catalog = Catalog(locale=Locale.parse("uz_Cyrl"), creation_date=_MADE, revision_date=_MADE)
    for each in _translations(latin):
        better = own.get(each.id, each.context)
        own_forms = _forms(better) if better is not None else ()
        english = each.id if isinstance(each.id, str) else " ".join(each.id)
        written = own_forms if any(own_forms) else tuple(to_cyrillic(form, english) for form in _forms(each))
        string: Any = written if len(written) > 1 else written[0]
        catalog.add(each.id, string, flags=each.flags, context=each.context)
    return catalog


def _translations(catalog: Catalog) -> Iterator[Message]:
    """Yield the messages of a catalogue that have a translation."""
    for each in catalog:
        if each.id and any(_forms(each)):
            yield each


def _forms(message: Message) -> tuple[str, ...]:
    string = message.string or ""
    return (string,) if isinstance(string, str) else tuple(each or "" for each in string)


def problems(message: Message) -> Iterator[str]:
    """Yield what is wrong with a translation: its values are not those of the English text, or cannot be filled in."""
    identity = (message.id,) if isinstance(message.id, str) else tuple(message.id)
    wanted = {name for each in identity for name in _VALUES.findall(each)}
    for form in _forms(message):
        named = set(_VALUES.findall(form))
        if named - wanted or wanted - named - ({"n"} if len(identity) > 1 else set()):
            yield f"names {_names(named)}, the English text {_names(wanted)}"
        elif wanted and "%" in _VALUES.sub("", form).replace("%%", ""):
            yield "has a % that is no value: write %%"


def _names(names: set[str]) -> str:
    return ", ".join(f"%({name})s" for name in sorted(names)) or "no values"


@dataclass(frozen=True, slots=True)
class State:
    """How far a language is."""

    language: str
    wanted: int
    missing: tuple[str, ...]
    unchanged: tuple[str, ...]
    stale: tuple[str, ...]
    wrong: tuple[str, ...]

    def __str__(self) -> str:
        done = self.wanted - len(self.missing)
        counts = ", ".join(f"{len(getattr(self, name))} {name}" for name in ("missing", "unchanged", "stale", "wrong"))
        return f"{self.language:8} {done} of {self.wanted}, {counts}"


def state(language: str, wanted: Catalog) -> State:
    """Return what a language lacks: missing (not translated), unchanged (the English text), stale (not used), wrong."""
    catalog = read(language)
    here = {(each.context, str(each.id)): each for each in _translations(catalog) if not each.fuzzy}
    all_ = {(each.context, str(each.id)) for each in wanted if each.id}
    return State(
        language,
        len(all_),
        tuple(sorted(_show(key) for key in all_ - here.keys())),
        tuple(_show(key) for key, each in here.items() if key in all_ and _forms(each)[0] == each.id),
        tuple(_show(key) for key in here.keys() - all_),
        tuple(f"{_show(key)} {what}" for key, each in here.items() for what in problems(each)),
    )


def _show(key: tuple[str | None, str]) -> str:
    context, identity = key
    return f"[{context}] {identity}" if context else identity


def not_current() -> list[str]:
    """Return the compiled files that are not as their sources say."""
    return [
        _place(path_of(language, "mo"))
        for language in LANGUAGES
        if language != "en" and _bytes(path_of(language, "mo")) != compiled(language)
    ]


def _bytes(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None


def write() -> None:
    """Merge the messages of today into each language, and compile all."""
    wanted = template()
    for language in TRANSLATED:
        path_of(language).write_bytes(as_po(merged(language, wanted)))
    for language in LANGUAGES:
        if language != "en":
            path_of(language, "mo").write_bytes(compiled(language))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run as a command and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tools.words", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing")
    parser.add_argument(
        "--list", metavar="LANGUAGE", choices=TRANSLATED, help="show each message that a language lacks"
    )
    given = parser.parse_args(arguments)
    if not given.check and not given.list:
        write()
    wanted = template()
    states = [state(language, wanted) for language in TRANSLATED]
    for each in states:
        if given.list == each.language:
            print("\n".join([*each.missing, *(f"unchanged: {one}" for one in each.unchanged)]))
        print("\n".join([str(each), *(f"  wrong: {one}" for one in each.wrong)]))
    old = not_current()
    for name in old:
        print(f"differs: {name}: run `make words` and commit the result")
    return 1 if old or any(each.wrong for each in states) else 0


if __name__ == "__main__":
    sys.exit(main())
