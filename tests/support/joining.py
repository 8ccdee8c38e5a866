"""A fifth country that joins a federation by the operator's own commands, with fictional rules and offices."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from refbus.core.directory import OrgRole
from refbus.core.ids import CountryCode, OrgId
from refbus.trust.member.enrolment import Profile, new_org_id
from refbus_gateway.home import key_changes
from refbus_gateway.home.folder import Home
from refbus_ops.cli import root
from support.ceremonies import PASSPHRASE
from support.gateways import World

TJ = CountryCode("tj")
FILE = """
country = "tj"
label = "Fictional fifth country"
languages = ["ru", "tg"]
like = "kz"
focal_point = "tj-agency01"
log = "audit.tj.example"

[policy]
utc_offset_min = 300
majority_age = 18

[rule]
rule = "CROSS_BORDER_WITH_CONSENT"
source = "Fictional law on personal data"
date = "2018"
checked = false

[rules.PHOTO_BIOMETRIC]
rule = "LOCAL_ONLY"
source = "Fictional order on biometric data"
date = "2020-02"
checked = false

[[laws]]
source = "Fictional law on personal data"
date = "2018"
checked = false
"""


class Ceremony:
    """The commands of the operators and anchors, in this process, at the time of a world."""

    def __init__(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        self.world = world
        self.kit = world.folder / "TJ"
        self.passphrase = world.folder / "ceremony-passphrase"
        self.passphrase.write_text(PASSPHRASE + "\n", encoding="utf-8")
        for module in ("country", "directory", "staging"):
            monkeypatch.setattr(f"refbus_ops.{module}.machine_ms", world.clock)

    def ops(self, *words: str | Path) -> str:
        """Give one command and return what it prints; one that fails fails the test."""
        done = CliRunner().invoke(root, [str(word) for word in words])
        assert done.exit_code == 0, (words, done.output, done.exception)
        return done.output

    def directory(self, *words: str | Path) -> str:
        """Give one command of the ceremony."""
        return self.ops("directory", "--federation", self.world.lab.paths.out, *words)

    def agency(self) -> OrgId:
        """Let the agency of the new country make its keys; return its id."""
        profile = Profile(new_org_id(TJ), TJ, OrgRole.NATIONAL_AGENCY, "Fictional agency", ("SocialCare",), ("ru",))
        home = Home(self.kit.parent / "tj-agency")
        request = key_changes.init(home, profile, PASSPHRASE, self.world.clock())
        (self.kit.parent / "agency.json").write_bytes(request)
        return profile.org_id

    def join(self) -> OrgId:
        """Bring the country in by its file, sign with every anchor and publish; return the id of its agency."""
        agency, folder = self.agency(), self.kit.parent
        (folder / "tj.toml").write_text(FILE.replace("tj-agency01", agency), encoding="utf-8")
        self.ops("country", "add", folder / "tj.toml", "--kit", self.kit, "--passphrase-file", self.passphrase)
        requests = self.kit / "requests"
        self.directory("add-anchor", requests / "tj-anchor.json", "--threshold", "4")
        country = ("--policy", self.kit / "policy.json", "--delegation", requests / "tj-delegation.json")
        self.directory("add-country", "tj", *country)
        for name in ("gate", "auditor", "inspector"):
            self._enrol(requests / f"{name}.json", self.kit / name)
        self._enrol(folder / "agency.json", folder / "tj-agency")
        self.publish(*(self.kit / place / "tj.key" for place in ("anchors", "delegations")))
        return agency

    def leave(self) -> None:
        """Let the anchors end the part of the country."""
        self.directory("remove-country", "tj")
        self.publish(self.kit / "anchors" / "tj.key")

    def publish(self, *keys: Path) -> None:
        """Sign with these keys and all of the federation's folder, and publish."""
        held = sorted(
            path for kind in ("anchors", "delegations") for path in (self.world.lab.paths.out / kind).iterdir()
        )
        self.directory("sign", *keys, *held, "--passphrase-file", self.passphrase)
        self.directory("publish", "--passphrase-file", self.passphrase)

    def _enrol(self, request: Path, home: Path) -> None:
        challenge, pending, answer = (self.kit.parent / f"{name}.json" for name in ("challenge", "pending", "answer"))
        self.directory("challenge", request, "--out", challenge, "--pending", pending)
        word = ("--passphrase-file", self.passphrase, "--out", answer)
        self.ops("country", "answer", challenge, "--home", home, *word)
        self.directory("enrol", request, "--pending", pending, "--answer", answer)
