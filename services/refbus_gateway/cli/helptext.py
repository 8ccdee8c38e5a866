"""The help of every command in the reader's language: translated when it is shown, so that a start costs nothing.

A message is a paragraph; of the first one its first sentence by itself, which stands in the list of its group. Examples
are commands and stay as they are. The catalogues have the messages under the context `help`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final

import click
from click.formatting import wrap_text

from refbus_gateway.words.catalogue import BRIEF

CONTEXT: Final = "help"
HEADINGS: Final = ("Usage:", "Options", "Commands", "Example:", "required", "Show this message and exit.")
"""What click writes around the texts of a command."""
BESIDE: Final = (
    " (a code)",
    " (number of the event in `inbox show`)",
    " (a time like 31.3.2026 12:00)",
    "; may be repeated",
)
"""What the option of a field says behind the words of the field, which are under the context `brief`."""
VERBATIM: Final = "\b"
"""How click is told to leave the lines of a paragraph as they are."""
Translate = Callable[[str, str], str]
"""Gives the words of a language for a context and an English text."""


def as_it_is(_context: str, text: str) -> str:
    """Return English as it is."""
    return text


def first_sentence(text: str) -> tuple[str, str]:
    """Return the first sentence of a paragraph, and the rest."""
    head, dot, rest = text.partition(". ")
    return (head + dot.strip(), rest) if dot else (text, "")


def paragraphs(text: str) -> Iterator[str]:
    """Yield the paragraphs of a help, each on one line; an example as it is."""
    for each in text.strip().split("\n\n"):
        yield each if each.startswith(VERBATIM) else " ".join(each.split())


def messages(command: click.Command) -> Iterator[str]:
    """Yield everything that the help of one command says."""
    own = [each for each in paragraphs(command.help or "") if each and not each.startswith(VERBATIM)]
    if own:
        yield from filter(None, first_sentence(own[0]))
    yield from own[1:]
    for parameter in command.params:
        if isinstance(parameter, click.Option) and parameter.help and not hasattr(parameter, "spec"):
            yield " ".join(parameter.help.split())


def peeled(text: str) -> tuple[str, list[str]]:
    """Return what a field is for, and what its option says beside: how it is written, and that it may be repeated."""
    head = text.removesuffix(".")
    beside: list[str] = []
    for each in reversed(BESIDE):
        if head.endswith(each):
            head = head.removesuffix(each)
            beside.insert(0, each)
    return head, beside


class Context(click.Context):
    """A context whose help speaks the language that the command was asked for."""

    def make_formatter(self) -> click.HelpFormatter:
        """Return the formatter for the help."""
        translate: Translate = getattr(self.find_root().command, "translate", as_it_is)
        return Formatter(translate, self.terminal_width, self.max_content_width)


class Formatter(click.HelpFormatter):
    """Writes a help with each of its messages in another language."""

    def __init__(self, translate: Translate, width: int | None, max_width: int | None) -> None:
        super().__init__(width=width, max_width=max_width)
        self._translate = translate

    def _in_words(self, text: str) -> str:
        return self._translate(CONTEXT, text)

    def write_usage(self, prog: str, args: str = "", prefix: str | None = None) -> None:
        """Write the line of usage."""
        super().write_usage(prog, args, f"{self._in_words('Usage:')} ")

    def write_heading(self, heading: str) -> None:
        """Write a heading."""
        super().write_heading(self._in_words(heading))

    def write_text(self, text: str) -> None:
        """Write what a command does."""
        shown = list(paragraphs(text))
        if shown and not shown[0].startswith(VERBATIM):
            shown[0] = " ".join(self._in_words(each) for each in first_sentence(shown[0]) if each)
        for number, each in enumerate(shown):
            if each.startswith(VERBATIM):
                shown[number] = each.replace("Example:", self._in_words("Example:"), 1)
            elif number:
                shown[number] = self._in_words(each)
        indent = " " * self.current_indent
        self.write(
            wrap_text(
                "\n\n".join(shown),
                self.width,
                initial_indent=indent,
                subsequent_indent=indent,
                preserve_paragraphs=True,
            )
        )
        self.write("\n")

    def write_dl(self, rows: Sequence[tuple[str, str]], col_max: int = 30, col_spacing: int = 2) -> None:
        """Write options or commands with what each is for."""
        super().write_dl([(name, self._row(text)) for name, text in rows], col_max, col_spacing)

    def _row(self, text: str) -> str:
        said, extra, more = text.partition("  [")
        return self._option(said) + extra + more.replace("required", self._in_words("required"))

    def _option(self, text: str) -> str:
        whole = self._in_words(text)
        head, beside = peeled(text)
        of_field = self._translate(BRIEF, head)
        if whole != text or of_field == head:
            return whole
        return of_field + "".join(map(self._in_words, beside)) + "."


def speak(command: click.Command) -> None:
    """Let a command, and those in it, show their help in words of a language; no line of a list is cut."""
    command.context_class = Context
    own = next(paragraphs(command.help or ""), "")
    command.short_help = first_sentence(own)[0]
    if isinstance(command, click.Group):
        for each in command.commands.values():
            speak(each)
