"""A rule about many files is one test: it looks at all of them and names each that breaks it."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.tree import ROOT, every


def test_a_rule_names_every_file_that_breaks_it() -> None:
    """A file that breaks it hides no later one, and what was wrong with each is told."""
    looked = list[str]()

    @every([ROOT / "LICENSE", ROOT / "README.md", ROOT / "Makefile"])
    def rule(path: Path) -> None:
        looked.append(path.name)
        assert path.name == "README.md", f"{path.name} has another name"

    with pytest.raises(pytest.fail.Exception) as failed:
        rule()
    assert looked == ["LICENSE", "README.md", "Makefile"]
    named = [line.partition(":")[0] for line in str(failed.value).splitlines() if "has another name" in line]
    assert named == ["LICENSE", "Makefile"]


def test_a_rule_keeps_its_name_and_its_sentence() -> None:
    """The tests read as a specification, those made of rules too."""

    @every([ROOT / "LICENSE"])
    def rule(path: Path) -> None:
        """Find a file there."""
        assert path.exists()

    rule()
    assert (rule.__name__, rule.__doc__) == ("rule", "Find a file there.")


def test_a_rule_about_no_file_is_refused() -> None:
    """It would hold whatever is done."""
    with pytest.raises(ValueError, match="no file"):
        every([])
