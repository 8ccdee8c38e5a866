"""Messages that stand in data: words of code lists, names of fields and events, errors with their next step."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import click
from babel import Locale

from refbus.core.plausibility import RULES
from refbus.core.times import DAY, TIME
from refbus.core.vocabulary import EventType
from refbus.explain import CATALOGUE
from refbus.explain.hearing import sender_step
from refbus.explain.report import BEGINNINGS
from refbus.usage import MESSAGES
from refbus.wire.codelists import code_lists
from refbus.wire.fields import FieldSpec
from refbus.wire.forms import FORMATS
from refbus.wire.payload import payload_fields
from refbus_gateway.cli import helptext
from refbus_gateway.cli.main import COMMANDS, with_runtime
from refbus_gateway.cli.runtime import Runtime
from refbus_gateway.words.catalogue import BRIEF
from refbus_gateway.words.codes import title
from refbus_gateway.words.isonames import named
from refbus_gateway.words.languages import LANGUAGES

Source = tuple[str, str, str, str]
"""Place, message, context, hint for translators."""


def messages_of_data() -> Iterator[Source]:
    """Yield each message of the data once."""
    yield from dict.fromkeys([*_codes(), *_events(), *_errors(), *_helps(), *_ways(), *_doubts(), *_usages()])


def _codes() -> Iterator[Source]:
    for name, known in code_lists().items():
        for code in known.usual if known.named_by else known.codes:
            words = known.codes[code]
            if known.named_by and code in known.since and _named_everywhere(name, words):
                continue
            yield f"schemas/codelists/{name}.json", words, name, f"{known.title}: {code}"


def _named_everywhere(name: str, english: str) -> bool:
    """Whether a list's own source has a name in every language: translators need not write one."""
    return all(named(Locale.parse(each, sep="-"), name, english) for each in LANGUAGES)


def _events() -> Iterator[Source]:
    for event in EventType:
        yield "schemas/events", title(event.value), "event", event.value
    for event in EventType:
        yield from _fields(payload_fields(event))


def _fields(specs: Iterable[FieldSpec]) -> Iterator[Source]:
    for spec in specs:
        yield "schemas/events", title(spec.name), "field", spec.name
        yield "schemas/events", spec.brief, BRIEF, spec.name
        yield from _fields(spec.fields)


def _helps() -> Iterator[Source]:
    root = with_runtime(Runtime({}))
    context = click.Context(root)
    told = [*helptext.HEADINGS, *helptext.BESIDE, *helptext.messages(root), *(text for _, text in COMMANDS.values())]
    waiting = [found for name in COMMANDS if (found := root.get_command(context, name))]
    while waiting:
        command = waiting.pop()
        told += helptext.messages(command)
        waiting += command.commands.values() if isinstance(command, click.Group) else ()
    for text in told:
        yield "services/refbus_gateway/cli", text, helptext.CONTEXT, "the help of a command"


def _ways() -> Iterator[Source]:
    for text in [DAY, TIME, *(told for name, (_, told) in FORMATS.items() if name != "e164")]:
        yield "services/refbus/core/times.py", text, "", "how something is written: write %(form)s"


def _doubts() -> Iterator[Source]:
    for rule in RULES:
        yield "services/refbus/core/plausibility.py", rule.heading, "", f"{rule.name}: facts that do not go together"


def _usages() -> Iterator[Source]:
    for text in MESSAGES:
        yield "services/refbus/usage.py", text, "", "a wrong command line"


def _errors() -> Iterator[Source]:
    for code, told in CATALOGUE.items():
        yield "services/refbus/explain", told.meaning, "error", f"{code}: what it means"
        yield "services/refbus/explain", told.next_step, "error", f"{code}: what to do next"
    for name in [*CATALOGUE, "a code not known here"]:
        yield "services/refbus/explain", sender_step(name), "error", f"{name}: what its sender does when it came back"
    for begin in BEGINNINGS:
        yield "services/refbus/explain", begin, "error", "beginning of a line about an error"
