"""The command `refbus` as a whole: which groups there are, and what they share."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from importlib import import_module
from itertools import pairwise
from typing import Final

import click

from refbus import command
from refbus_gateway.cli.helptext import Context, Translate, as_it_is, speak
from refbus_gateway.cli.runtime import Runtime
from refbus_gateway.cli.session import example, remember_options, shared_options

COMMANDS: Final[Mapping[str, tuple[str, str]]] = {
    "home": ("home:group", "Make a home folder, connect it to the broker, show it."),
    "keys": ("keys:group", "Make, show and rotate the keys of this organisation."),
    "people": ("people:group", "Keep the people of this organisation, who signs in, what they did."),
    "unlock": ("unlock:unlock", "Ask for the passphrase once for the commands of a sitting (Linux)."),
    "lock": ("unlock:lock", "Forget what `unlock` keeps."),
    "backup": ("backup:backup", "Copy keys, directory and store into one folder."),
    "restore": ("backup:restore", "Bring a backup back; what was erased stays erased."),
    "recovery": ("recovery:group", "Make recovery sheets for keepers, and open an office by them."),
    "case": ("case:group", "Keep case files: new, add, list, show, erase."),
    "consent": ("consent:group", "Take down what a person agreed to, show it, withdraw it."),
    "send": ("send:send", "Refer a case to one organisation."),
    "return": ("returns:group", "Bring a person home, step by step."),
    "emergency": ("emergency:group", "Disclose the least, without consent, to protect a life."),
    "erase": ("erase:erase", "Erase a case here and at everyone who received something of it."),
    "officers": ("officers:group", "Keep the officers who decide about an emergency, and review one."),
    "transfer": ("transfer:group", "Hand a case over to the organisation that helps, or take it."),
    "inbox": ("inbox:group", "Read and answer what other organisations sent."),
    "status": ("status:status", "Where everything is that was sent, and what to do next."),
    "receipts": ("status:receipts", "What the gates confirmed about a referral, as signed."),
    "alarms": ("status:alarms", "What a person must look at; clear what was dealt with."),
    "clock": ("clock:group", "Show which time counts and why; say that this computer's clock is right."),
    "audit": ("audit:group", "Prove what was decided; check proofs; open and report what the audit log holds."),
    "stats": ("stats:stats", "Show the statistics of a year that a country published."),
    "counts": ("tallies:counts", "Count the own cases of any period, for this organisation alone."),
    "orgs": ("orgs:group", "Find organisations that one can refer to, and call."),
    "profile": ("profile:group", "Say how others can call this organisation; no person's name."),
    "topics": ("topics:group", "Compare the topics of the broker with what is declared (for operators)."),
    "desk": ("desk:desk", "Show the pages of this organisation in a browser; reads and sends as `run` does."),
    "sync": ("sync:sync", "Read and send once."),
    "run": ("sync:run", "Keep reading and sending until stopped."),
}
"""Name of each command, where it is, and its line in `refbus --help`."""


class LazyGroup(click.Group):
    """A group that imports a command's module when the command is used. `translate`: makes words of English ones."""

    context_class = Context
    translate: Translate = staticmethod(as_it_is)

    def list_commands(self, _ctx: click.Context) -> list[str]:
        """Return the names in the order of the help."""
        return list(COMMANDS)

    def get_command(self, _ctx: click.Context, name: str) -> click.Command | None:
        """Return a command, importing it now."""
        if name not in COMMANDS:
            return None
        module, attribute = COMMANDS[name][0].split(":")
        found: click.Command = getattr(import_module(f"refbus_gateway.cli.{module}"), attribute)
        speak(found)
        return found

    def format_commands(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.command(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@shared_options
@click.version_option(package_name="refbus", message="%(version)s")
@click.pass_context
@example(
    "refbus orgs find --country uz --service SocialCare",
    "refbus case new > case.json",
    "refbus consent grant case.json --file consent.json",
    "refbus send case.json",
    "refbus status",
)
def refbus(ctx: click.Context, /, **options: object) -> None:
    """Refer people who were trafficked to those who help, across borders, with their consent."""
    remember_options(ctx, options)


def main(
    arguments: Sequence[str] | None = None, *, environ: Mapping[str, str] | None = None, runtime: Runtime | None = None
) -> int:
    """Run the command and return its exit status. The environment is read here and nowhere else."""
    if arguments is None:
        command.alone()
    chosen = runtime or Runtime(environ if environ is not None else os.environ)
    given = sys.argv[1:] if arguments is None else arguments
    words = partial(_translated, given, chosen.environ)
    return command.run(with_runtime(chosen, words), given, name="refbus", translate=partial(words, "error"))


def _translated(arguments: Sequence[str], environ: Mapping[str, str], context: str, text: str) -> str:
    """Return what an error or a help says in the language that the command was asked for."""
    from refbus_gateway.words.catalogue import catalogue  # late: most commands end well
    from refbus_gateway.words.languages import named, wished

    after = [value for name, value in pairwise(arguments) if name == "--lang"]
    after += [each.removeprefix("--lang=") for each in arguments if each.startswith("--lang=")]
    asked = next(filter(None, map(named, after)), None)
    return catalogue(asked or wished(environ)).told(context, text)


def with_runtime(runtime: Runtime, translate: Translate = as_it_is) -> click.Group:
    """Return the command bound to its surroundings, and to the language of its help."""
    group = LazyGroup(
        name="refbus",
        callback=refbus.callback,
        params=refbus.params,
        help=refbus.help,
        context_settings={"help_option_names": ["-h", "--help"], "obj": runtime},
    )
    group.translate = translate
    return group
