"""What every command has: its options, the home that it works in, and how it tells what it did."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import cached_property, wraps
from inspect import cleandoc
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate, Final, ParamSpec, TypeVar

import click

from refbus.errors import Code, RefbusError, SetupError
from refbus.output import put_json, say
from refbus.said import said
from refbus_gateway.cli.prompts import ask_secret, ask_text
from refbus_gateway.cli.runtime import Runtime

if TYPE_CHECKING:  # only for the types: the help of a command needs none of it
    from refbus.clock import Clock
    from refbus.settings import GatewaySettings
    from refbus_gateway.actions.actor import Actor
    from refbus_gateway.actions.desk import Desk, Opened
    from refbus_gateway.actions.people import SignedIn
    from refbus_gateway.words.catalogue import Catalogue

LANGUAGE: Final = "refbus.language"
"""Where the context of a command keeps the call that says in which language its words are."""
UTC_OFFSET: Final = "refbus.utc_offset"
"""Where the context of a command keeps the call that says how many minutes its country is ahead of UTC."""
_OPTIONS: Final = ("home", "passphrase_file", "as_name", "as_json", "lang")
_P = ParamSpec("_P")
_T = TypeVar("_T")
_F = TypeVar("_F", bound=Callable[..., Any])


def shared_options(function: _F) -> _F:
    """Give a command the options that all have; they may stand before or after its name."""
    for option in reversed(
        (
            click.option("--home", type=click.Path(path_type=Path), help="Home folder (else REFBUS_HOME)."),
            click.option(
                "--passphrase-file", type=click.Path(path_type=Path), help="File whose first line opens the keys."
            ),
            click.option("--as", "as_name", help="Who signs in, where a home has people (else REFBUS_AS)."),
            click.option("--json", "as_json", is_flag=True, help="Print JSON for scripts."),
            click.option("--lang", help="Language of words, e.g. ru, kk, uz-Latn (else LANG)."),
        )
    ):
        function = option(function)
    return function


def example(*lines: str) -> Callable[[_F], _F]:
    """Add an example to the help of a command."""

    def add(function: _F) -> _F:
        function.__doc__ = f"{cleandoc(function.__doc__ or '')}\n\n\b\nExample:\n" + "\n".join(
            f"  {line}" for line in lines
        )
        return function

    return add


def remember_options(ctx: click.Context, options: Mapping[str, object]) -> None:
    """Keep options that stand before the command's name for the command."""
    ctx.meta.update({f"refbus.{name}": value for name, value in options.items() if value})


def with_session(function: Callable[Concatenate[Session, _P], _T]) -> Callable[_P, _T]:
    """Give a command its session as first argument, and the shared options."""

    @shared_options
    @click.pass_context
    @wraps(function)
    def call(ctx: click.Context, /, *args: _P.args, **kwargs: _P.kwargs) -> _T:
        given = {name: kwargs.pop(name, None) for name in _OPTIONS}
        session = Session(ctx, {name: value or ctx.meta.get(f"refbus.{name}") for name, value in given.items()})
        try:
            return function(session, *args, **kwargs)
        finally:
            session.close()

    return call


PAGE: Final = 50
"""Entries of a list that a person is shown at once."""


def paged(function: _F) -> _F:
    """Give a list the options that choose a part of it: `limit` and `page`, for `Session.part`."""
    some = click.IntRange(min=1)
    function = click.option("--page", type=some, default=1, help="Which part: 1, the newest, if not given.")(function)
    text = f"How many at once: {PAGE} if not given, with --json all."
    return click.option("--limit", type=some, help=text)(function)


def words() -> Catalogue:
    """Return the words of the language that the command at work speaks; English where there is none."""
    from refbus_gateway.words.catalogue import catalogue  # late: the help needs none of it

    ctx = click.get_current_context(silent=True)
    language = ctx.meta.get(LANGUAGE) if ctx is not None else None
    return catalogue("en" if language is None else language())


class Session:
    """One command at work. `unlocks`: it asks for the passphrase although the home may be unlocked."""

    def __init__(self, ctx: click.Context, options: Mapping[str, Any]) -> None:
        runtime: Runtime = ctx.find_object(Runtime) or _no_runtime()
        self.runtime: Final = runtime
        self.as_json: Final = bool(options["as_json"])
        self._options = options
        self.unlocks: Final = ctx.info_name == "unlock"
        ctx.meta[UTC_OFFSET] = self._utc_offset_min
        ctx.meta[LANGUAGE] = lambda: self.language
        if options["lang"]:
            _ = self.language  # a language that there is not is told by every command, not only where words are shown

    @property
    def asks(self) -> bool:
        """Whether what was not given is asked for: at a terminal, and not for scripts."""
        return not self.as_json and self.runtime.asks()

    @cached_property
    def settings(self) -> GatewaySettings:
        """The settings of the environment. Raises SetupError SETTINGS_INVALID."""
        from refbus.settings import GatewaySettings, from_environment  # late: see above

        return from_environment(GatewaySettings, self.runtime.environ)

    @property
    def home_path(self) -> Path:
        """Where the home is, or will be. Raises SetupError HOME_NOT_FOUND when none is named."""
        path: Path | None = self._options["home"] or self.settings.home
        if path is None:
            raise SetupError(Code.HOME_NOT_FOUND, said("name it with --home or REFBUS_HOME"))
        return path

    @cached_property
    def desk(self) -> Desk:
        """Where the requests of this command are worked on. The passphrase is asked for when it is needed."""
        from refbus_gateway.actions.desk import open_desk  # late: see above

        return open_desk(
            self.home_path,
            self.settings,
            opened=lambda: self.opened,
            time=lambda: self.time,
            connect=self.runtime.connect,
        )

    @cached_property
    def actor(self) -> Actor:
        """Who asks: this organisation, or where it has people whoever signs in, who typed the passphrase just now."""
        from refbus_gateway.actions.actor import Actor  # late: see above
        from refbus_gateway.actions.desk import has_people

        self.desk.home.require()
        if not has_people(self.home_path):
            return Actor(self.desk.home.member.identity().org_id)
        if self._held is not None:
            return replace(self._resumed(), reenter=self._reenter)
        found = self._admitted()
        if found.failed:
            told = words().plural(
                "%(n)s attempt to sign in under this name failed since the last time.",
                "%(n)s attempts to sign in under this name failed since the last time.",
                found.failed,
            )
            say(told, err=True)
        return replace(found.actor, confirmed=found.person is not None)

    @cached_property
    def _held(self) -> Opened | None:
        """What the agent of this home holds, None where it holds nothing or a file has the passphrase."""
        from refbus_gateway.actions import unlocking  # late: see above

        if self.has_passphrase_file or self.unlocks:
            return None
        return unlocking.held(self.home_path, self.name, self.runtime.environ)

    def _resumed(self) -> Actor:
        from refbus_gateway.actions import people  # late: see above

        return people.resume(self.desk, self.opened)

    def _reenter(self) -> bool:
        """Ask whoever unlocked the home for the passphrase once more; whether a person could be asked."""
        if not self.asks:
            return False
        return self._confirmed

    @cached_property
    def _confirmed(self) -> bool:
        from refbus_gateway.actions import people  # late: see above

        return people.confirm(self.desk, self._resumed(), self.passphrase()).confirmed

    def _admitted(self) -> SignedIn:
        from refbus_gateway.actions import people  # late: see above

        try:
            return people.admit(self.desk, self.opened)
        except RefbusError as error:
            if error.code is not Code.CODE_WRONG or not self.asks:
                raise
        return people.admit(self.desk, self.opened, ask_text(words().text("One-time code"), hidden=True))

    @cached_property
    def founder(self) -> Actor:
        """Who asks where no home says yet whose it is: whoever has the folder and the passphrase."""
        from refbus_gateway.actions.actor import Actor  # late: see above

        return Actor(None)

    def _utc_offset_min(self) -> int:
        """Return how many minutes the clocks of this country are ahead of UTC; 0 where no gateway was opened."""
        return self.desk.utc_offset_min if "desk" in self.__dict__ else 0

    @cached_property
    def clock(self) -> Callable[[], int]:
        """The clock, UTC ms: the surroundings' own, else that of the settings."""
        from refbus.clock import clock_from  # late: see above

        return self.runtime.clock or clock_from(self.settings.clock_file)

    @cached_property
    def time(self) -> Clock:
        """The judge of time of this home, which remembers what it believed."""
        from refbus.clock import Clock, Sources, sources_from  # late: see above

        own = self.runtime.clock
        return Clock(Sources(own, own) if own else sources_from(self.settings.clock_file), self.home_path)

    @property
    def language(self) -> str:
        """Language of words for codes: the option, else LANG, else English."""
        from refbus_gateway.words.languages import LANGUAGES, named, wished  # late: see above

        asked = self._options["lang"]
        if asked is None:
            return wished(self.runtime.environ)
        found = named(asked)
        if found is None:
            raise SetupError(Code.USAGE, said("--lang is one of %(codes)s", codes=", ".join(LANGUAGES)))
        return found

    @property
    def name(self) -> str | None:
        """Who signs in, None for a home that has no people and for its unattended service."""
        name: str | None = self._options["as_name"] or self.settings.sign_in_name
        return name

    @cached_property
    def opened(self) -> Opened:
        """Who opened the home, and its keys with it: asked for once. Raises SetupError as `sign_in` does."""
        from refbus_gateway.actions.people import sign_in  # late: see above

        return self._held or sign_in(self.home_path, self.name, self.passphrase(), self.time)

    @property
    def has_passphrase_file(self) -> bool:
        """Whether the passphrase is in a file, so that nobody needs to be asked."""
        return bool(self._options["passphrase_file"] or self.settings.passphrase_file)

    def passphrase(self, *, confirm: bool = False) -> str:
        """Return the passphrase of the key files: from a file, else asked for. It is never an argument."""
        from refbus.settings import read_secret_file  # late: see above

        path = self._options["passphrase_file"] or self.settings.passphrase_file
        if path is not None:
            return read_secret_file(path).decode("utf-8", "surrogateescape")
        return ask_secret(words(), words().text("Passphrase"), confirm=confirm)

    def tell(self, value: object, lines: Iterable[str] = ()) -> None:
        """Print the result: `value` as JSON, or `lines` for people."""
        if self.as_json:
            from refbus_gateway.actions.shape import json_of  # late: see above

            put_json(json_of(value))
        else:
            say(*lines)

    def part(self, limit: int | None, page: int) -> tuple[int | None, int]:
        """Return how many entries of a list to show (None: all) and how many newer ones to pass over."""
        most = limit or (None if self.as_json and page == 1 else PAGE)
        return most, (most or 0) * (page - 1)

    def more(self, total: int, most: int | None, skip: int) -> list[str]:
        """Return the line that says how many older entries of a list there are, and how to see them."""
        left = 0 if most is None else total - skip - most
        if most is None or left <= 0:
            return []
        limit = "" if most == PAGE else f" --limit {most}"
        page = f"--page {skip // most + 2}{limit}"
        return [words().text("and %(left)s older: %(page)s", left=left, page=page)]

    def close(self) -> None:
        """Release what was opened."""
        if "desk" in self.__dict__:
            self.desk.close()


def _no_runtime() -> Runtime:
    raise SetupError(Code.USAGE, "refbus_gateway.cli.main")
