"""A browser at real desks: a whole federation as processes, `refbus desk` for two organisations, Chromium.

    def test_story(desks: Desks, eye: Eye) -> None:
        page = eye.sign_in(desks["uz-she1ter1"], width=1280)      # an open page, signed in
        eye.look(page, "today")                                   # axe finds nothing; a picture with --screenshots

Skipped, with the reason, where there is no Chromium, and where no broker starts; with CI=true the latter fails.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright

from demo import stack as stacks
from demo.office import Office
from demo.world import PASSPHRASE, World
from kafka import BrokerFailedError
from kafka.artifacts import ArtifactError
from kafka.patience import wait
from refbus.core.ids import OrgId

CHROMIUM: Final = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FLAGS: Final = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
WIDTHS: Final = (1280, 360)
NARROWEST: Final = 320
"""So narrow a page may be before it has to be moved sideways to be read (WCAG 1.4.10)."""
BROKEN: Final = r"""() => {
  const broken = [];
  for (const shown of document.querySelectorAll("th, h1, h2, h3, button, .button")) {
    const texts = document.createTreeWalker(shown, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
      for (const word of texts.currentNode.data.matchAll(/[\p{L}\p{N}\u02bb\u02bc\u2019']+/gu)) {
        const range = document.createRange();
        range.setStart(texts.currentNode, word.index);
        range.setEnd(texts.currentNode, word.index + word[0].length);
        if (new Set([...range.getClientRects()].map(each => each.top)).size > 1) broken.push(word[0]);
      }
    }
  }
  const listed = [...document.querySelectorAll(".list > li, .tasks > li")].filter(each => each.children.length);
  const torn = listed.filter(each => [...each.childNodes].some(part => part.nodeType === 3 && part.data.trim()));
  return [...broken, ...torn.map(each => each.innerText)];
}"""
"""Words of heads and buttons that are broken over two lines; sentences of a list whose parts stand apart."""
PICTURE: Final[ViewportSize] = {"width": 720, "height": 760}
"""Size of the pictures of docs/case-workers."""


def leave_out(reason: str) -> None:
    """Skip with a reason, or fail where no test may be left out."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


@dataclass
class Desk:
    """`refbus desk` of one organisation, and its office at the command line."""

    office: Office
    url: str
    process: subprocess.Popen[str]

    def received(self) -> set[int]:
        """Numbers of the referrals that are here. Stories share the desks: each says what was here before it."""
        return {each["referral"] for each in self.office.do("inbox", "list")["referrals"]}

    def new(self, before: set[int]) -> int:
        """Wait for a referral that was not here before; return its number."""
        found = self.office.until(
            ("inbox", "list"), lambda value: {each["referral"] for each in value["referrals"]} - before
        )
        (number,) = {each["referral"] for each in found["referrals"]} - before
        return int(number)

    def stop(self) -> None:
        """Stop it as a person does."""
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(60) == 0
        if self.process.stdout:
            self.process.stdout.close()


class Desks(dict[str, Desk]):
    """The desks by organisation, opened when they are first asked for."""

    def __init__(self, stack: stacks.Stack, folder: Path) -> None:
        super().__init__()
        self._stack = stack
        self._folder = folder

    def __missing__(self, org: str) -> Desk:
        environment = self._stack.gateway_environment(OrgId(org))
        environment.pop("REFBUS_METRICS_PORT", None)
        self[org] = _started(OrgId(org), environment, self._folder / org)
        return self[org]

    @property
    def world(self) -> World:
        """The federation, its folder and its brokers."""
        return self._stack.world

    def empty(self, org: str) -> Desk:
        """Return the desk of an empty folder on the computer of an organisation to come; it is told of no broker."""
        folder = self._folder / org / "home"
        told = ("REFBUS_HOME", "REFBUS_PASSPHRASE_FILE", "REFBUS_METRICS_PORT")
        known = self._stack.gateway_environment(OrgId("uz-she1ter1"))
        environment = {name: value for name, value in known.items() if name not in told and "BOOTSTRAP" not in name}
        self[org] = _started(OrgId(org), environment | {"REFBUS_HOME": str(folder)}, self._folder / org)
        return self[org]

    def go_on_from_backup(self, org: str) -> Desk:
        """Take a backup of an organisation, lose its computer, and return its desk on a new one with the backup."""
        folder = self._folder / org
        self[org].office.do("backup", str(folder / "backup"))
        self[org].stop()
        self._stack.services[f"gateway-{org}"].stop()
        environment = self._stack.gateway_environment(OrgId(org)) | {"REFBUS_HOME": str(folder / "home")}
        environment.pop("REFBUS_METRICS_PORT", None)
        Office(OrgId(org), environment, folder).do("restore", str(folder / "backup"))
        self[org] = _started(OrgId(org), environment, folder)
        return self[org]

    def close(self) -> None:
        """Stop every desk as a person does."""
        for desk in self.values():
            desk.stop()


def _started(org: OrgId, environment: dict[str, str], folder: Path) -> Desk:
    office = Office(org, environment, folder)
    argv = [str(Path(sys.executable).with_name("refbus")), "desk", "--port", "0"]
    process = subprocess.Popen(argv, env=environment, stdout=subprocess.PIPE, text=True)
    line = process.stdout.readline() if process.stdout else ""
    return Desk(office, line.split()[-1], process)


@pytest.fixture(scope="session")
def desks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desks]:
    """Give the desks of a running federation."""
    folder = tmp_path_factory.mktemp("stack")
    try:
        stack = stacks.up(folder / "world", federated=False, say=lambda _: None)
    except (BrokerFailedError, ArtifactError) as failure:
        leave_out(f"no broker: {failure}")
        raise
    made = Desks(stack, folder / "offices")
    try:
        yield made
        made.close()
    finally:
        stack.stop()


def follow(page: Page, selector: str) -> None:
    """Click what leads to another page, and wait until that page is there: passphrases take their time."""
    with page.expect_navigation():
        page.click(selector)


def look_until(page: Page, url: str, shows: Callable[[], bool]) -> None:
    """Open a page again and again until it shows something: what comes by the line takes its time."""

    def is_there() -> bool:
        page.goto(url)
        return shows()

    wait(f"what {url} shall show", is_there, lambda: page.inner_text("main"), still_s=120, pause_s=0.5)


class Eye:
    """A person at the browser: opens desks, looks at pages, keeps what was seen."""

    def __init__(self, browser: Browser, folder: Path, *, kept: bool) -> None:
        self._browser = browser
        self._folder = folder
        self._kept = kept
        folder.mkdir(parents=True, exist_ok=True)

    def open(self, desk: Desk, *, width: int = 1280, language: str = "en", **options: Any) -> Page:
        """Open the first page in a browser that was never here, and choose a language."""
        context = self._browser.new_context(viewport={"width": width, "height": 900}, **options)
        page = context.new_page()
        page.goto(desk.url)
        follow(page, f"button[value='{language}']")
        return page

    def sign_in(self, desk: Desk, *, width: int = 1280, language: str = "en", **options: Any) -> Page:
        """Open a desk and show the passphrase."""
        page = self.open(desk, width=width, language=language, **options)
        page.fill("#passphrase", PASSPHRASE)
        follow(page, "main button")
        page.wait_for_url("**/today")
        return page

    def look(self, page: Page, name: str) -> None:
        """Look at a page at both widths: axe finds nothing, nothing is cut at the side; keep pictures, if asked to.

        No word of a head or a button is broken, no sentence of a list torn apart. The narrowest window cuts nothing.
        """
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 900})
            with self._seen_if_wrong(page, f"{name}-{width}"):
                found = Axe().run(page, options={"resultTypes": ["violations"]})
                assert found.violations_count == 0, f"{name} at {width}: {found.generate_report()}"
                assert page.evaluate("document.documentElement.scrollWidth") <= width, f"{name} is wider than {width}"
                assert page.evaluate(BROKEN) == [], f"{name} at {width}"
        page.set_viewport_size({"width": NARROWEST, "height": 900})
        with self._seen_if_wrong(page, f"{name}-{NARROWEST}"):
            width = page.evaluate("document.documentElement.scrollWidth")
            assert width <= NARROWEST, f"{name} is wider than {NARROWEST}"
        page.set_viewport_size(PICTURE)
        if self._kept:
            page.screenshot(path=self._folder / f"{name}-picture.png")

    @contextmanager
    def _seen_if_wrong(self, page: Page, name: str) -> Iterator[None]:
        """Keep a picture of the page if pictures are asked for, or something is wrong with it."""
        wrong = True
        try:
            yield
            wrong = False
        finally:
            if wrong or self._kept:
                page.screenshot(path=self._folder / f"{name}.png", full_page=True)


@pytest.fixture(scope="session")
def eye(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Eye]:
    """Give a browser."""
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine")
    asked: Path | None = request.config.getoption("--screenshots")
    folder = asked or tmp_path_factory.mktemp("screenshots")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        yield Eye(browser, folder, kept=asked is not None)
        browser.close()
