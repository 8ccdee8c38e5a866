"""Two countries made and run by the operators' commands alone: their federation, their nodes as processes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from support.howto import environment
from support.tree import ROOT

PASSPHRASE = "fictional passphrase of tests"
COUNTRIES = ("kz", "uz")


class TwoCountries:
    """kz and uz in `folder`. `settings` say where their brokers are; commands are those beside `python`."""

    def __init__(self, folder: Path, settings: Mapping[str, str], python: Path = Path(sys.executable)) -> None:
        self.folder, self.fed = folder, folder / "federation"
        self.python = python
        self.passphrase = folder / "passphrase"
        self.passphrase.write_text(PASSPHRASE + "\n", encoding="utf-8")
        self.passphrase.chmod(0o600)
        self.settings = dict(settings)
        self.services: dict[str, subprocess.Popen[bytes]] = {}

    def create(self) -> None:
        """Make the federation, and pin its root in the homes of both gates. No broker is needed."""
        organisations = "".join(
            f'[[organisation]]\nid = "{country}-agency01"\ncountry = "{country}"\nrole = "NATIONAL_AGENCY"\n'
            'label = "Fictional agency"\nservices = ["SocialCare"]\nlanguages = ["ru"]\n'
            for country in COUNTRIES
        )
        for country in COUNTRIES:
            policy = (ROOT / "keys" / "policies" / f"{country}.toml").read_text(encoding="utf-8")
            (self.folder / f"{country}.toml").write_text(
                policy.replace("audit_quorum = 2", "audit_quorum = 0"), encoding="utf-8"
            )
        countries = "".join(f'[[country]]\ncode = "{country}"\npolicy = "{country}.toml"\n' for country in COUNTRIES)
        (self.folder / "two.toml").write_text(f"threshold = 2\n{countries}{organisations}", encoding="utf-8")
        given = ("--passphrase-file", str(self.passphrase))
        self.directory("create", "--description", str(self.folder / "two.toml"), *given)
        self.directory("export", str(self.folder / "first"))
        for country in COUNTRIES:
            root = str(self.fed / "root.json")
            home = ("--home", str(self.gate(country)), "--directory", str(self.folder / "first"))
            self.ops("country", "pin", root, *home)

    def apply_topics(self, country: str) -> None:
        """Make topics and access rules of a country."""
        self.ops("--country", country, "--gate-home", str(self.gate(country)), "topics", "apply")

    def send(self, country: str) -> None:
        """Send the directory to all brokers that the settings name, as the operator of `country`."""
        self.ops("--country", country, "directory", "--federation", str(self.fed), "send")

    def gate(self, country: str) -> Path:
        """Return the home of a gate."""
        return self.fed / "gates" / country

    def auditor(self, country: str) -> Path:
        """Return the home of an auditor."""
        homes = (self.fed / "homes").glob(f"{country}-*")
        (found,) = [path for path in homes if (path / "keys" / "log.key").is_file()]
        return found

    def directory(self, *words: str) -> None:
        """Give one command of the ceremony."""
        self.ops("directory", "--federation", str(self.fed), *words)

    def ops(self, *words: str) -> None:
        """Give one command."""
        command = [str(self.python), "-m", "refbus_ops", *words]
        done = subprocess.run(command, env=self.environment(), capture_output=True, text=True, check=False)
        assert done.returncode == 0, (words, done.stdout, done.stderr)

    def start(self, module: str, country: str, home: Path, **more: str) -> None:
        """Start a gate or an auditor."""
        kind = module.removeprefix("refbus_").upper()
        own = {
            "REFBUS_COUNTRY": country,
            f"REFBUS_{kind}_HOME": str(home),
            f"REFBUS_{kind}_PASSPHRASE_FILE": str(self.passphrase),
        }
        self.run(f"{kind.lower()}-{country}", (str(self.python), "-m", module), **own, **more)

    def run(self, name: str, command: tuple[str, ...], **settings: str) -> None:
        """Start a service; its log is NAME.log in the folder."""
        with (self.folder / f"{name}.log").open("wb") as log:
            self.services[name] = subprocess.Popen(command, env=self.environment(**settings), stdout=log, stderr=log)

    def environment(self, **more: str) -> dict[str, str]:
        """Return the environment of a command: nothing of this checkout where another Python is meant."""
        made = environment(**{**self.settings, **more})
        if self.python != Path(sys.executable):
            made["PYTHONPATH"] = ""
            made["PATH"] = f"{self.python.parent}:{made['PATH']}"
        return made

    def stop(self) -> None:
        """End the services that were started here."""
        for service in self.services.values():
            service.terminate()
        for service in self.services.values():
            service.wait(60)
