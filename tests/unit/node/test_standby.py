"""A service that stands by until it leads: what it shows meanwhile, and where its server may be."""

from __future__ import annotations

import ast
import inspect
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

import refbus_auditor.__main__
import refbus_gate.__main__
from kafka.ports import free_ports
from postgresql import PostgresServer
from refbus.core.ids import CountryCode
from refbus.database.address import Server
from refbus.database.lead import Lead
from refbus.errors import Code, SetupError
from refbus.node.standby import leading, server_of, take_lead, wait_for_lead
from refbus.settings import GateSettings, Profile, from_environment


def settings(tmp_path: Path, **more: str) -> GateSettings:
    """Return the settings of a gate, as its environment gives them."""
    given = {"REFBUS_COUNTRY": "kz", "REFBUS_GATE_HOME": str(tmp_path), "REFBUS_GATE_PASSPHRASE_FILE": "unused"}
    return from_environment(GateSettings, {**given, **more})


@pytest.fixture
def url(postgres: PostgresServer) -> Iterator[str]:
    """Return where a database of this test alone is."""
    name = postgres.new_database()
    yield postgres.url(name)
    postgres.drop_database(name)


def asked(port: int, path: str) -> tuple[int, str]:
    """Return status and text of a page; 0 while nobody serves it."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}") as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        error.close()
        return error.code, ""
    except urllib.error.URLError:
        return 0, ""


def test_a_standby_shows_that_it_waits_and_takes_over(tmp_path: Path, url: str) -> None:
    """It lives, is not ready, and leads as soon as the leader has ended; the page is free again then."""
    (port,) = free_ports(1)
    given = settings(tmp_path, REFBUS_DATABASE=url, REFBUS_METRICS_PORT=str(port))
    first = take_lead(given, "gate", print)
    assert first is not None
    found = list[Lead | None]()
    waiting = threading.Thread(target=lambda: found.append(wait_for_lead(given, "gate")))
    waiting.start()
    while asked(port, "/ready")[0] == 0:
        pass
    assert asked(port, "/ready")[0] == 503
    assert asked(port, "/live")[0] == 200
    assert "refbus_leads 0.0" in asked(port, "/metrics")[1]
    assert found == []
    first.close()
    waiting.join()
    assert asked(port, "/ready")[0] == 0
    assert found[0] is not None
    found[0].require()
    found[0].close()


def test_an_order_is_refused_while_the_service_runs_elsewhere(tmp_path: Path, url: str) -> None:
    """HOME_IN_USE, on whichever machine; auditor and gate have leads of their own."""
    given = settings(tmp_path, REFBUS_DATABASE=url)
    leads = [take_lead(given, "gate", print), take_lead(given, "auditor", print)]
    with pytest.raises(SetupError) as caught:
        take_lead(given, "gate", print)
    assert caught.value.code is Code.HOME_IN_USE
    for each in leads:
        assert each is not None
        each.close()


def test_an_order_that_lost_its_lead_is_ended(
    tmp_path: Path, postgres: PostgresServer, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a service is: what leads by then must find nobody beside it."""
    monkeypatch.setattr("refbus.database.lead.RENEW_S", 0.01)
    ended = threading.Event()
    with leading(settings(tmp_path, REFBUS_DATABASE=url), "gate", lambda _why: ended.set()) as lead:
        assert lead is not None
        sessions = f"SELECT pid FROM pg_stat_activity WHERE application_name = '{lead.called}'"
        postgres.order(f"SELECT pg_terminate_backend(pid) FROM ({sessions}) AS found")
        assert ended.wait(60)


@pytest.mark.parametrize("module", [refbus_gate.__main__, refbus_auditor.__main__])
def test_orders_end_as_their_service_does(module: ModuleType) -> None:
    """Whatever takes the lead of a service in its own process ends that process when the lead is lost."""
    calls = [each for each in ast.walk(ast.parse(inspect.getsource(module))) if isinstance(each, ast.Call)]
    takers = [each for each in calls if ast.unparse(each.func) in {"leading", "take_lead"}]
    assert takers
    assert all(ast.unparse(each.args[-1]) == "die" for each in takers)


def test_a_server_that_does_not_answer_is_waited_for(
    tmp_path: Path, postgres: PostgresServer, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A standby outlives the restart of its server."""
    monkeypatch.setattr("refbus.node.standby.AGAIN_S", 0.05)
    given, found = settings(tmp_path, REFBUS_DATABASE=url), list[Lead | None]()
    postgres.stop()
    waiting = threading.Thread(target=lambda: found.append(wait_for_lead(given, "gate")))
    waiting.start()
    postgres.start()
    waiting.join()
    assert found[0] is not None
    found[0].close()


def test_a_store_in_a_file_leads_at_once(tmp_path: Path) -> None:
    """Without the setting nothing of a server is asked for."""
    assert wait_for_lead(settings(tmp_path), "gate") is None


@pytest.mark.parametrize(
    ("url", "wanted"),
    [
        ("postgresql://refbus@db.example:5433/node", Server("db.example", "5433", "node", "refbus")),
        ("postgresql://%2Frun%2Fpostgresql/node", Server("/run/postgresql", "", "node", "")),
        ("postgresql:///node", Server("", "", "node", "")),
        ("postgresql://u@[::1]:1,b.example/node", Server("::1,b.example", "1,", "node", "u")),
    ],
)
def test_an_address_is_read(url: str, wanted: Server) -> None:
    """Hosts with commas between, as the client library takes them."""
    assert Server.at(url) == wanted


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://refbus:secret@db.example/node",
        "postgresql://db.example/node?sslmode=disable",
        "postgres://db.example/node",
        "db.example",
        "postgresql://db.example/",
    ],
)
def test_an_address_has_no_secret_and_no_options(tmp_path: Path, url: str) -> None:
    """Whoever lists the environment of a process would see it; the text is not repeated."""
    with pytest.raises(SetupError) as caught:
        settings(tmp_path, REFBUS_DATABASE=url)
    assert caught.value.code is Code.SETTINGS_INVALID
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "profile", "refused"),
    [
        ("postgresql://db.example/node", Profile.DEVELOPMENT, True),
        ("postgresql://127.0.0.1/node", Profile.DEVELOPMENT, False),
        ("postgresql://127.0.0.1/node", Profile.PRODUCTION, True),
        ("postgresql://%2Frun%2Fpostgresql/node", Profile.PRODUCTION, False),
        ("postgresql://%2Frun%2Fpostgresql,db.example/node", Profile.PRODUCTION, True),
    ],
)
def test_nothing_goes_to_another_machine_without_tls(
    tmp_path: Path, url: str, profile: Profile, *, refused: bool
) -> None:
    """UNSAFE_SETTING; in production the loopback of this machine is another one too."""
    given = settings(tmp_path, REFBUS_DATABASE=url, REFBUS_PROFILE=profile)
    if not refused:
        assert server_of(given) is not None
        return
    with pytest.raises(SetupError) as caught:
        server_of(given)
    assert caught.value.code is Code.UNSAFE_SETTING


def test_the_password_comes_from_a_file_and_is_shown_nowhere(tmp_path: Path) -> None:
    """A file for its owner alone, as that of each passphrase."""
    file = tmp_path / "password"
    file.write_text("a fictional password\n", encoding="utf-8")
    file.chmod(0o600)
    given = settings(
        tmp_path, REFBUS_DATABASE="postgresql:///node", REFBUS_DATABASE_PASSWORD_FILE=str(file), REFBUS_COUNTRY="kg"
    )
    server = server_of(given)
    assert server is not None
    assert server.password == "a fictional password"
    assert "fictional" not in repr(server)
    assert str(file) not in repr(given)
    assert given.country == CountryCode("kg")
