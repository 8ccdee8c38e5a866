"""A federation written down in TOML."""

from __future__ import annotations

from pathlib import Path

import pytest

from refbus.core.directory import OrgRole
from refbus.errors import Code, MalformedError, RefbusError, SetupError
from refbus.resources import data_dir
from refbus.trust.publisher.ceremony import Passphrases, create_development_federation
from refbus.trust.publisher.description import default_threshold, parse_description, read_description
from support.ceremonies import Lab, read
from support.directories import NOW_MS

TEXT = """
[[country]]
code = "kz"

[[organisation]]
country = "kz"
role = "NGO"
label = "Fictional shelter"
services = ["SocialCare", "Health"]
"""


def test_the_development_federation_is_complete() -> None:
    """Four countries with gate, auditor and inspector each, ten organisations, of which one echoes."""
    found = read_description(data_dir("keys") / "development.toml")
    assert found.threshold == 3
    assert sorted(found.policies) == ["kg", "kz", "tm", "uz"]
    roles = [profile.role for profile in found.members]
    assert [roles.count(role) for role in (OrgRole.GATE, OrgRole.AUDITOR, OrgRole.INSPECTOR)] == [4, 4, 4]
    assert len(roles) == 22
    assert [profile.org_id for profile in found.members if profile.echoes] == ["kg-zech0zz1"]


@pytest.mark.parametrize(("anchors", "threshold"), [(1, 1), (2, 2), (3, 3), (4, 3), (5, 4), (8, 6)])
def test_the_threshold_is_three_of_four(anchors: int, threshold: int) -> None:
    """Rounded up for other numbers."""
    assert default_threshold(anchors) == threshold


def test_a_small_federation_is_made(tmp_path: Path) -> None:
    """One country with a policy of its own beside the description, an id made up where none is given."""
    policy = (
        (data_dir("keys") / "policies" / "kz.toml")
        .read_text("utf-8")
        .replace("consent_max_days = 365", "consent_max_days = 30")
    )
    (tmp_path / "mine.toml").write_text(policy, "utf-8")
    (tmp_path / "small.toml").write_text(TEXT.replace('code = "kz"', 'code = "kz"\npolicy = "mine.toml"'), "utf-8")
    description = read_description(tmp_path / "small.toml")
    paths = create_development_federation(tmp_path / "made", description, Passphrases.same("x"), NOW_MS)
    directory = read(Lab(paths).store(tmp_path / "reader"), Lab(paths).files())
    assert len(directory.organisations) == 4
    assert next(iter(directory.policies.values())).consent_max_days == 30
    with pytest.raises(SetupError) as caught:
        create_development_federation(tmp_path / "made", description, Passphrases.same("x"), NOW_MS)
    assert caught.value.code is Code.USAGE


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[[country]",
        "threshold = 2\n" + TEXT,
        "surprise = 1\n" + TEXT,
        TEXT.replace('country = "kz"', 'country = "uz"'),
        TEXT.replace('role = "NGO"', 'role = "GATE"'),
        TEXT.replace('role = "NGO"', 'role = "SPY"'),
        TEXT.replace('label = "Fictional shelter"', ""),
        TEXT + '[[organisation]]\nid = "kz-gate"\ncountry = "kz"\nrole = "NGO"\nlabel = "x"\n',
        TEXT.replace('services = ["SocialCare", "Health"]', "services = [1]"),
    ],
)
def test_a_description_of_another_shape_is_refused(tmp_path: Path, text: str) -> None:
    """Unknown words, a country that is not there, an id that stands twice."""
    with pytest.raises(MalformedError):
        parse_description(text, tmp_path)


def test_unreadable_descriptions_are_coded(tmp_path: Path) -> None:
    """Missing, not UTF-8, far too large."""
    (tmp_path / "latin.toml").write_bytes(b"# \xe9")
    (tmp_path / "large.toml").write_bytes(b"#" * 1_100_000)
    for name, code in (("none", Code.FILE_UNREADABLE), ("latin", Code.MALFORMED), ("large", Code.TOO_LARGE)):
        with pytest.raises(RefbusError) as caught:
            read_description(tmp_path / f"{name}.toml")
        assert caught.value.code is code
