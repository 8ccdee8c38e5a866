"""The agent of an opened home: who it answers, when it ends, where its secret is."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from refbus.errors import Code, SetupError
from refbus.files import write_whole
from refbus_gateway.home import agent, agentsocket
from refbus_gateway.home.agent import Holder
from refbus_gateway.home.folder import Home
from refbus_gateway.home.slots import Opened

pytestmark = pytest.mark.skipif(not agentsocket.HERE, reason="the agent is there on Linux alone")
OPENED = Opened("0123456789abcdef", "ab" * 32)
OPEN = {"ask": "open", "name": None}
GIVEN = {"slot": OPENED.slot, "secret": OPENED.secret}


@dataclass
class Seconds:
    """A clock that never goes back, moved by hand."""

    now_s: float = 1000.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now_s


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """Give a folder with what the agent looks at: one slot and the key of the store."""
    (tmp_path / "home/keys/people").mkdir(parents=True)
    write_whole(tmp_path / f"home/keys/people/{OPENED.slot}.slot", b"fictional")
    write_whole(tmp_path / "home/keys/store.key", b"fictional")
    return Home(tmp_path / "home")


@pytest.fixture
def place(tmp_path: Path, home: Home) -> Iterator[Path]:
    """Give where the agent's socket is; what listens there in the end is told to end."""
    (tmp_path / "run").mkdir(mode=0o700)
    found = agentsocket.place(home.path, {"XDG_RUNTIME_DIR": str(tmp_path / "run")})
    yield found
    agentsocket.ask(found, {"ask": "end"})


def holder(home: Home, clock: Callable[[], float]) -> Holder:
    """Return what holds the home for ten minutes of rest, opened by "Botir"."""
    return Holder(home, OPENED, "Botir", 600.0, clock)


def until(done: Callable[[], bool]) -> None:
    """Wait for something that comes; a minute is for ever."""
    ends = time.monotonic() + 60
    while not done():
        assert time.monotonic() < ends
        threading.Event().wait(0.02)


def process_of(place: Path) -> int:
    """Return which process listens there, as the system knows it."""
    with socket.socket(socket.AF_UNIX) as connection, agentsocket.address_of(place) as address:
        connection.connect(address)
        return int.from_bytes(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 4), sys.byteorder)


def test_it_opens_for_who_signed_in_and_for_no_other_name(home: Home) -> None:
    """Names are compared as at sign-in; without a name it is who signed in."""
    held = holder(home, Seconds())
    answers = [held.answer({"ask": "open", "name": name}) for name in (None, "botir", " BOTIR ")]
    assert answers == [GIVEN] * 3
    others: tuple[object, ...] = ("chief", "", 7, "\0")
    assert [held.answer({"ask": "open", "name": name}) for name in others] == [{}] * 4
    assert held.answer({"ask": "else"}) == {}


def test_rest_is_measured_on_the_monotonic_clock(home: Home) -> None:
    """Each question begins the rest anew, for a working day at most; what was over stays over."""
    clock = Seconds()
    held = holder(home, clock)
    for _ in range(3):
        clock.now_s += 599
        assert held.answer(OPEN) == GIVEN
    clock.now_s += 601
    assert held.answer(OPEN) == {}
    busy = holder(home, clock)
    ends_s = clock.now_s + agent.LONGEST_S
    while clock.now_s + 500 < ends_s:
        clock.now_s += 500
        assert busy.answer(OPEN) == GIVEN
    clock.now_s = ends_s
    assert busy.answer(OPEN) == {}
    assert agent.steady_s() <= agent.steady_s()


@pytest.mark.parametrize("change", ["locked", "slot", "key", "store", "gone"])
def test_it_ends_when_the_home_is_locked_or_its_slots_change(home: Home, change: str) -> None:
    """A panic lock, somebody new, another passphrase, a new home secret, the folder taken away."""
    held, people = holder(home, Seconds()), home.path / "keys/people"
    assert held.left_s() == 600
    changes: dict[str, Callable[[], object]] = {
        "locked": lambda: write_whole(home.locked, b""),
        "slot": lambda: write_whole(people / "fedcba9876543210.slot", b"new"),
        "key": lambda: write_whole(people / f"{OPENED.slot}.slot", b"Fictional"),
        "store": lambda: write_whole(home.store_key, b"Fictional"),
        "gone": lambda: people.rename(people.with_name("away")),
    }
    changes[change]()
    assert held.left_s() == 0
    assert held.answer(OPEN) == {}


def test_a_process_holds_it_and_is_closed_to_others(home: Home, place: Path) -> None:
    """The socket is this user's alone, the memory in no dump, the secret in no argument, environment or file."""
    agent.start(place, home.path, OPENED, "botir", 600.0)
    assert agentsocket.ask(place, {"ask": "open", "name": "botir"}) == GIVEN
    assert place.lstat().st_mode & 0o777 == 0o600
    assert place.parent.lstat().st_mode & 0o777 == 0o700
    process = Path("/proc") / str(process_of(place))
    limits = next(line for line in (process / "limits").read_text().splitlines() if "core file" in line)
    assert limits.split()[4:6] == ["0", "0"]
    seen = [(process / name).read_bytes() for name in ("cmdline", "environ")]
    assert all(OPENED.secret.encode() not in each for each in seen)
    assert [each for each in place.parent.iterdir() if each.is_file()] == []
    assert agentsocket.ask(place, {"ask": "end"}) == {}
    until(lambda: not place.exists())
    assert agentsocket.ask(place, OPEN) is None


def test_the_process_hides_its_memory() -> None:
    """Neither a core dump nor a debugger of the same user sees it (prctl(2), PR_GET_DUMPABLE)."""
    program = "import ctypes; from refbus_gateway.home import agent; agent.hide(); print(ctypes.CDLL(None).prctl(3))"
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert found.stdout == "0\n"


def test_a_lock_ends_the_process(home: Home, place: Path) -> None:
    """Nobody needs to ask it: it looks each second."""
    agent.start(place, home.path, OPENED, "botir", 600.0)
    write_whole(home.locked, b"")
    until(lambda: not place.exists())
    assert agentsocket.ask(place, OPEN) is None


def test_a_killed_one_leaves_a_socket_that_nobody_minds(home: Home, place: Path) -> None:
    """What it held is gone with it; the next one takes the place."""
    agent.start(place, home.path, OPENED, "botir", 600.0)
    os.kill(process_of(place), signal.SIGKILL)
    until(lambda: agentsocket.ask(place, OPEN) is None)
    assert place.exists()
    other = Opened("fedcba9876543210", "cd" * 32)
    agent.start(place, home.path, other, "chief", 600.0)
    assert agentsocket.ask(place, OPEN) == {"slot": other.slot, "secret": other.secret}


def test_two_homes_have_two_agents(home: Home, place: Path, tmp_path: Path) -> None:
    """Each answers for its own home; an older one of the same home ends when another takes its place."""
    elsewhere = Home(tmp_path / "elsewhere")
    elsewhere.path.mkdir()
    there = agentsocket.place(elsewhere.path, {"XDG_RUNTIME_DIR": str(tmp_path / "run")})
    assert there != place
    agent.start(place, home.path, OPENED, "botir", 600.0)
    assert agentsocket.ask(there, OPEN) is None
    agent.start(there, elsewhere.path, Opened("", "words"), "", 600.0)
    assert agentsocket.ask(there, OPEN) == {"slot": "", "secret": "words"}
    first = process_of(place)
    agent.start(place, home.path, OPENED, "botir", 600.0)
    until(lambda: not Path(f"/proc/{first}").exists())
    assert agentsocket.ask(place, OPEN) == GIVEN
    agentsocket.ask(there, {"ask": "end"})


def said_to(place: Path) -> bytes:
    """Return what an agent says to this process, behind that it could be reached."""
    with socket.socket(socket.AF_UNIX) as one, agentsocket.address_of(place) as address:
        one.connect(address)
        with suppress(ConnectionError):  # it hung up without a look at what was asked
            one.sendall(agentsocket.line_of(OPEN))
            return b"connected" + one.recv(100)
        return b"connected"


def as_nobody(call: Callable[[], bytes]) -> bytes:
    """Return what a call returns in a process of another user."""
    reading, writing = os.pipe()
    if not os.fork():
        try:
            os.setuid(65534)
            os.write(writing, call())
        except BaseException as error:  # noqa: BLE001 - the parent reads what it was
            os.write(writing, repr(error).encode())
        os._exit(0)
    os.close(writing)
    with open(reading, "rb") as found:
        return found.read()


@pytest.fixture
def folder() -> Iterator[Path]:
    """Give a folder of the system's own place: pytest closes the one above its folders whenever it starts."""
    with TemporaryDirectory() as made:
        yield Path(made) / "open"


@pytest.mark.skipif(sys.platform != "linux" or os.getuid() != 0, reason="only root can be another user")
def test_another_user_gets_nothing(home: Home, folder: Path) -> None:
    """Neither from an agent whose socket everybody reaches, nor does anybody ask an agent of somebody else."""
    folder.mkdir(mode=0o700)
    made = agent.listen(folder / "socket")
    thread = threading.Thread(target=agent.serve, args=(made, holder(home, Seconds())))
    thread.start()
    try:
        (folder / "socket").chmod(0o777)
        for path in (folder, *folder.parents):
            if not path.stat().st_mode & 0o001:
                path.chmod(0o711)
        assert as_nobody(lambda: said_to(folder / "socket")) == b"connected"
        assert agentsocket.ask(folder / "socket", OPEN) == GIVEN
    finally:
        agentsocket.ask(folder / "socket", {"ask": "end"})
        thread.join()


def test_a_folder_that_others_may_write_is_not_used(tmp_path: Path) -> None:
    """Somebody else could put another socket there."""
    folder = tmp_path / "shared"
    folder.mkdir()
    folder.chmod(0o777)
    with pytest.raises(SetupError) as raised:
        agent.listen(folder / "socket")
    assert raised.value.code is Code.AGENT_UNAVAILABLE


def test_whatever_is_at_the_other_end_is_bounded(tmp_path: Path) -> None:
    """An endless line, no JSON, a number, nothing: as if there were no agent."""
    for number, answer in enumerate((b"x" * 10_000, b"{}", b"7\n", b"{\n", b"")):
        place = tmp_path / str(number)
        with socket.socket(socket.AF_UNIX) as made, agentsocket.address_of(place) as address:
            made.bind(address)
            made.listen(1)

            def reply(made: socket.socket = made, answer: bytes = answer) -> None:
                connection, _ = made.accept()
                with connection:
                    connection.recv(100)
                    connection.sendall(answer)

            thread = threading.Thread(target=reply)
            thread.start()
            assert agentsocket.ask(place, OPEN) is None
            thread.join()
