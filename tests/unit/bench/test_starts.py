"""What a command that opens a home does before it says anything, counted and not timed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from bench import starts
from bench.counting import counting
from bench.trips import Office

NOT_LOADED = frozenset(
    {
        "confluent_kafka",
        "faust",
        "prometheus_client",
        "refbus.bus.cluster",
        "refbus.trust.publisher",
        "refbus.trust.reader.client",
        "refbus_gateway.home.key_changes",
        "refbus_gateway.sync.synchroniser",
        "securesystemslib",
        "sqlalchemy.dialects.postgresql",
        "sqlalchemy.orm",
        "alembic",
        "starlette",
        "tuf",
        "urllib3",
    }
)
"""What no command loads that only shows what is in the home: the broker, TUF, metrics, pages, making keys."""
NOT_FOR_STATUS = frozenset(
    {
        "refbus_gateway.cases.casework",
        "refbus_gateway.consent.audience",
        "refbus_gateway.consent.versions",
        "refbus_gateway.forms.casefile",
        "refbus_gateway.forms.consentfile",
        "refbus_gateway.outbox.envelopes",
    }
)
"""What a status does not load beside: changing a case or a consent, and telling others of it."""
SHOWN = (("status",), ("inbox", "list", "--offline"), ("case", "list"))


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Office:
    """Give a home at rest: it has read its directory and referred a case."""
    office = Office.create(tmp_path_factory.mktemp("starts"))
    office.add_cases(0, 1)
    starts.seal_alike(office, 64)
    return office


@pytest.mark.parametrize("words", SHOWN)
def test_what_is_in_a_home_is_shown_without_what_only_others_need(office: Office, words: tuple[str, ...]) -> None:
    """Neither the broker's client nor TUF, metrics or a second dialect of SQL is loaded."""
    script = (
        "import sys\nfrom refbus_gateway.cli.main import main\nfrom refbus_gateway.cli.runtime import Runtime\n"
        "status = main(%r, runtime=Runtime(%r, lambda: %d))\nprint(*sys.modules)\nraise SystemExit(status)"
    )
    filled = script % (list(words), starts.surroundings(office), office.clock())
    ran = subprocess.run([sys.executable, "-c", filled], capture_output=True, text=True, check=True, env={})
    loaded = set(ran.stdout.splitlines()[-1].split())
    assert "refbus_gateway.store.session" in loaded
    assert sorted(NOT_LOADED & loaded) == []
    assert words != ("status",) or sorted(NOT_FOR_STATUS & loaded) == []


def test_a_command_searches_for_no_cycles(office: Office) -> None:
    """Neither while it works nor when it has ended: what it loads stays, and all of it goes with the process."""
    script = (
        "import gc, sys\nfrom refbus_gateway.cli.main import main\ngc.collect()\nbefore = gc.get_stats()\n"
        "sys.argv = ['refbus', 'status']\nstatus = main()\nassert gc.get_stats() == before\nraise SystemExit(status)"
    )
    environ = starts.surroundings(office)
    subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, env=environ)


@pytest.mark.parametrize("words", SHOWN)
def test_a_command_derives_one_key_and_verifies_no_directory_at_rest(office: Office, words: tuple[str, ...]) -> None:
    """The passphrase is stretched exactly once, for all key files; what was verified is not verified by TUF again."""
    counts = office.count(*words).calls
    assert counts["refbus/crypto/keyfile.py", "_Head._derive"] == 1
    assert counts["refbus/trust/reader/client.py", "verify"] == 0


def test_the_schema_of_a_payload_is_found_without_reading_the_others(office: Office) -> None:
    """Of some fifty schemas a status loads those that it meets."""
    office.ask("status")
    with counting() as counts:
        office.ask("status")
    assert counts.calls["refbus/wire/payload.py", "_known_schemas"] == 0


def test_the_end_of_a_command_searches_for_no_cycles() -> None:
    """What a process leaves goes with it: it is set aside before the interpreter would look through all of it."""
    script = (
        "import atexit, gc\natexit.register(lambda: print(gc.get_freeze_count() > 0))\n"
        "from refbus_gateway.cli.main import main\nraise SystemExit(main())"
    )
    ran = subprocess.run([sys.executable, "-c", script, "--help"], capture_output=True, text=True, check=True, env={})
    assert ran.stdout.splitlines()[-1] == "True"


def test_bench_measures_helps_and_openings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each command has its aim, and takes more than an empty program."""
    monkeypatch.setattr(starts, "ROUNDS", 1)
    found = starts.measure(tmp_path, cases=1)
    assert len(found) == len(starts.HELPS) + len(starts.OPENS)
    assert all(each.value > 0 and each.aim is not None for each in found)
