"""Set-up and what a new office takes in, where every text and every file means harm."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from refbus.crypto import keyfile
from refbus.crypto.framing import sha256
from support.gateways import World
from support.hostile import HARM, MARKUP, harmed
from support.pages import Page, Person
from unit.gateway.web.test_setup import CHIEF, SAID, browser_of, found_home, office_of, sign_in, upload

LONG = HARM + "щ" * 50_000
HARMFUL = (HARM, MARKUP, LONG)
FILES = (
    HARM.encode("utf-8", "surrogatepass"),
    json.dumps({"format": HARM, "org_id": HARM, HARM: HARM}).encode(),
    json.dumps({"signed": {"_type": "root", "version": HARM, "roles": {HARM: HARM}}, "signatures": [HARM]}).encode(),
    b"\xff\xfe<script>",
)


@pytest.fixture(autouse=True)
def _cheap_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Key files cost little to open."""
    monkeypatch.setattr(keyfile, "MEMORY_KIB", 64)


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Give a federation without the newcomer."""
    return World(tmp_path / "world")


@pytest.fixture
def newcomer(world: World, tmp_path: Path) -> Iterator[Person]:
    """Give the browser of somebody at an empty folder, whose path means harm too."""
    office = office_of(world, tmp_path / "a'\"><b>&{{ 7*7 }}")
    yield browser_of(office)
    office.close()


def require_harmless(page: Page) -> None:
    """Nothing is markup, and every mark that turns or hides text is shown."""
    assert page.status < 500, page.path
    assert harmed(page.html) == [], page.path


@pytest.mark.parametrize("harm", HARMFUL, ids=["harm", "markup", "long"])
def test_what_a_newcomer_writes_is_harmless(newcomer: Person, harm: str) -> None:
    """Each field of both pages before there is a home, told back as it was typed; the languages of a browser too."""
    require_harmless(newcomer.send("/language", language=harm))
    newcomer.send("/language", language="en")
    for name in SAID:
        require_harmless(newcomer.send("/setup", **{**SAID, name: harm}))
    newcomer.send("/setup", **SAID)
    for name in ("name", "shown"):
        require_harmless(newcomer.send("/setup/person", **{**CHIEF, name: harm, "passphrase_again": "another"}))
    for name in newcomer.get("/setup/recovery").forms["/setup/recovery"]:
        if name not in {"csrf", "once"}:
            require_harmless(newcomer.send("/setup/recovery", **{name: harm}))


def test_what_an_office_takes_in_is_harmless(newcomer: Person, world: World, tmp_path: Path) -> None:
    """Files of a challenge, a root, a directory; numbers, addresses and folders that somebody sent."""
    found_home(newcomer)
    sign_in(newcomer)
    for content in FILES:
        require_harmless(upload(newcomer, "/setup/challenge", "challenge", content))
        for told in HARMFUL:
            require_harmless(upload(newcomer, "/setup/root", "root", content, told=told))
    root = world.lab.paths.root.read_bytes()
    assert upload(newcomer, "/setup/root", "root", root, told=sha256(root).hex()).path == "/setup/road"
    folder = tmp_path / MARKUP.replace("/", "|")
    (folder / "metadata").mkdir(parents=True)
    for name, content in zip(("root.json", "timestamp.json", MARKUP.replace("/", "|")), FILES, strict=False):
        (folder / name).write_bytes(content)
        (folder / "metadata" / name).write_bytes(content)
    for harm in (*HARMFUL, str(folder)):
        for path, name in (("line", "bootstrap"), ("line", "tls"), ("directory", "place")):
            require_harmless(newcomer.send(f"/setup/{path}", **{name: harm}))
    for path in ("road", "telephone", "challenge", "root", "line", "directory"):
        require_harmless(newcomer.get(f"/setup/{path}"))


def test_the_label_of_an_office_is_harmless(newcomer: Person) -> None:
    """A name that is no more than a hundred characters is taken, and shown on every page of the road."""
    newcomer.send("/language", language="ru")
    newcomer.send("/setup", **{**SAID, "label": MARKUP[:90]})
    newcomer.send("/setup/person", **CHIEF)
    sign_in(newcomer)
    for path in ("road", "telephone", "challenge", "root", "line", "directory"):
        require_harmless(newcomer.get(f"/setup/{path}"))
