from __future__ import annotations

from pathlib import Path

import pytest

from refbus.errors import Code, SetupError
from refbus.settings import (
    ALL_SETTINGS,
    GateSettings,
    GatewaySettings,
    OpsSettings,
    Profile,
    explain,
    from_environment,
    read_secret_file,
)
from refbus.settings.fields import declared_settings

GATE = {
    "REFBUS_COUNTRY": "kz",
    "REFBUS_GATE_HOME": "/srv/gate",
    "REFBUS_GATE_PASSPHRASE_FILE": "/srv/secret/gate",
    "REFBUS_BOOTSTRAP_KZ": "127.0.0.1:9092",
    "REFBUS_BOOTSTRAP_UZ": "[::1]:9093,localhost:9094",
}


def refused(environ: dict[str, str], cls: type = GateSettings) -> str:
    """Return the detail with which settings are refused."""
    with pytest.raises(SetupError) as caught:
        from_environment(cls, environ)
    assert caught.value.code is Code.SETTINGS_INVALID
    return caught.value.detail


def test_gate_reads_its_settings() -> None:
    """Texts become values, and what is not set has its default."""
    settings = from_environment(GateSettings, GATE)
    assert settings.country == "kz"
    assert settings.home == Path("/srv/gate")
    assert settings.bootstrap == {"kz": "127.0.0.1:9092", "uz": "[::1]:9093,localhost:9094"}
    assert settings.profile is Profile.DEVELOPMENT
    assert settings.metrics_public is False


def test_other_variables_are_ignored() -> None:
    """Only names that begin with REFBUS_ are ours."""
    assert from_environment(GatewaySettings, {"PATH": "/bin", "REFBUSX": "1", "refbus_home": "x"}).home is None


def test_settings_of_another_service_are_known() -> None:
    """One shell can hold the settings of several services."""
    assert from_environment(OpsSettings, GATE).bootstrap == {"kz": "127.0.0.1:9092", "uz": "[::1]:9093,localhost:9094"}


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("REFBUS_GATE_HOMES", "REFBUS_GATE_HOME"),
        ("REFBUS_BOOTSTRAP_K", "REFBUS_BOOTSTRAP_KZ"),
        ("REFBUS_BOOTSTRAP_kz", "REFBUS_BOOTSTRAP_KZ"),
    ],
)
def test_unknown_name_is_refused_with_a_suggestion(name: str, meant: str) -> None:
    """A misspelt setting is an error, never silently without effect."""
    assert refused({**GATE, name: "x"}) == f"{name} is not a setting; did you mean {meant}?"


def test_secret_by_value_is_no_setting() -> None:
    """A passphrase is given as a file only; the refusal does not quote it."""
    detail = refused({**GATE, "REFBUS_GATE_PASSPHRASE": "open sesame"})
    assert detail == "REFBUS_GATE_PASSPHRASE is not a setting; did you mean REFBUS_GATE_PASSPHRASE_FILE?"


def test_unlike_name_gets_no_suggestion() -> None:
    """Nothing is suggested when nothing is near."""
    assert refused({**GATE, "REFBUS_QQQQQQ": "x"}) == "REFBUS_QQQQQQ is not a setting"


def test_missing_setting_is_named() -> None:
    """A compulsory setting that is missing is named with what it takes."""
    environ = {name: text for name, text in GATE.items() if name != "REFBUS_COUNTRY"}
    assert refused(environ) == "REFBUS_COUNTRY is missing: country code, two small letters"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("REFBUS_METRICS_PUBLIC", "maybe"),
        ("REFBUS_METRICS_PUBLIC", "Yes"),
        ("REFBUS_METRICS_PUBLIC", ""),
        ("REFBUS_METRICS_PORT", "65536"),
        ("REFBUS_METRICS_PORT", "-1"),
        ("REFBUS_METRICS_PORT", "+1"),
        ("REFBUS_METRICS_PORT", "1_0"),
        ("REFBUS_METRICS_PORT", "٣"),
        ("REFBUS_METRICS_PORT", " 1"),
        ("REFBUS_METRICS_PORT", "01"),
        ("REFBUS_METRICS_HOST", "localhost"),
        ("REFBUS_GATE_WATCHDOG_SECONDS", "1m"),
        ("REFBUS_GATE_WATCHDOG_SECONDS", "nan"),
        ("REFBUS_GATE_WATCHDOG_SECONDS", "1e9"),
        ("REFBUS_GATE_WATCHDOG_SECONDS", "0"),
        ("REFBUS_GATE_HOME", ""),
        ("REFBUS_GATE_HOME", "a\0b"),
        ("REFBUS_COUNTRY", "KZ"),
        ("REFBUS_COUNTRY", "kazakhstan"),
        ("REFBUS_PROFILE", "prod"),
        ("REFBUS_BOOTSTRAP_KZ", "broker"),
        ("REFBUS_BOOTSTRAP_KZ", "broker:0"),
        ("REFBUS_BOOTSTRAP_KZ", "broker:70000"),
        ("REFBUS_BOOTSTRAP_KZ", "a:1,"),
        ("REFBUS_BOOTSTRAP_KZ", "a:1, b:2"),
        ("REFBUS_BOOTSTRAP_KZ", "http://broker:1"),
    ],
)
def test_texts_outside_the_form_are_refused(name: str, text: str) -> None:
    """The error names the setting and what is accepted, and is the same whatever the text was."""
    detail = refused({**GATE, name: text})
    assert detail.startswith(f"{name} must be: ")
    assert detail == refused({**GATE, name: "\0"})


@pytest.mark.parametrize(
    ("text", "value"),
    [("yes", True), ("true", True), ("on", True), ("1", True), ("no", False), ("false", False), ("off", False)],
)
def test_booleans_are_words(text: str, value: bool) -> None:
    """A closed list of words says yes and no."""
    assert from_environment(GateSettings, {**GATE, "REFBUS_METRICS_PUBLIC": text}).metrics_public is value


def test_zero_is_no() -> None:
    """The text 0 switches off: truthiness of texts is not used."""
    assert from_environment(GateSettings, {**GATE, "REFBUS_METRICS_PUBLIC": "0"}).metrics_public is False


def test_home_of_the_user_is_expanded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A path may begin with the home folder of the user."""
    monkeypatch.setenv("HOME", "/home/fictional")
    assert from_environment(GatewaySettings, {"REFBUS_HOME": "~/gw"}).home == Path("/home/fictional/gw")


def test_unknown_user_is_a_bad_path() -> None:
    """The home of a user who does not exist is refused, not raised as it comes."""
    assert refused({"REFBUS_HOME": "~nobody-of-that-name/x"}, GatewaySettings) == "REFBUS_HOME must be: path"


def test_explanation_shows_name_value_and_source() -> None:
    """Every setting is explained; secrets are stars; what is not set comes from the default."""
    lines = {line.name: (line.value, line.source) for line in explain(GateSettings, GATE)}
    assert lines["REFBUS_COUNTRY"] == ("kz", "environment")
    assert lines["REFBUS_GATE_PASSPHRASE_FILE"] == ("***", "environment")
    assert lines["REFBUS_BOOTSTRAP_UZ"] == ("[::1]:9093,localhost:9094", "environment")
    assert lines["REFBUS_METRICS_PUBLIC"] == ("no", "default")
    assert lines["REFBUS_DEBUG_DIR"] == ("", "default")
    assert lines["REFBUS_PROFILE"] == ("development", "default")


def test_secrets_are_not_in_the_repr() -> None:
    """Logging a settings value by mistake shows no secret place."""
    assert "/srv/secret" not in repr(from_environment(GateSettings, GATE))


def test_defaults_are_accepted_texts() -> None:
    """What the reference page prints as default can be written in the environment and gives the same value."""
    from refbus.settings.reader import shown

    for cls in ALL_SETTINGS:
        for declared, item in declared_settings(cls).values():
            if not declared.per_country and isinstance(item.default, (str, int, float)):
                assert declared.parser(shown(item.default)) == item.default


def test_same_name_means_the_same_everywhere() -> None:
    """A setting that two services share is one and the same declaration."""
    seen: dict[str, str] = {}
    for cls in ALL_SETTINGS:
        for declared, _ in declared_settings(cls).values():
            assert seen.setdefault(declared.name, declared.doc) == declared.doc


def test_secret_file_gives_its_first_line(tmp_path: Path) -> None:
    """The passphrase is the first line without its end, in any script."""
    file = tmp_path / "pass"
    file.write_bytes("құпия сөз\r\nnote\n".encode())
    file.chmod(0o600)
    assert read_secret_file(file).decode() == "құпия сөз"


@pytest.mark.parametrize(
    ("content", "mode", "code"),
    [
        (b"x\n", 0o640, Code.KEYFILE_UNSAFE),
        (b"x\n", 0o602, Code.KEYFILE_UNSAFE),
        (b"\n", 0o600, Code.SETTINGS_INVALID),
        (b"", 0o600, Code.SETTINGS_INVALID),
        (b"x" * 4097, 0o600, Code.SETTINGS_INVALID),
    ],
)
def test_bad_secret_file_is_refused(tmp_path: Path, content: bytes, mode: int, code: Code) -> None:
    """A file that others can use, or that holds nothing or too much, is refused."""
    file = tmp_path / "pass"
    file.write_bytes(content)
    file.chmod(mode)
    with pytest.raises(SetupError) as caught:
        read_secret_file(file)
    assert caught.value.code is code


def test_missing_secret_file_is_named(tmp_path: Path) -> None:
    """A missing file, and a folder in its place, are unreadable."""
    for path in (tmp_path / "missing", tmp_path):
        with pytest.raises(SetupError) as caught:
            read_secret_file(path)
        assert caught.value.code is Code.FILE_UNREADABLE
