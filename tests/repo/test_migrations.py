"""Migrations of every store form one line, each named by its revision; none forgets what a table had."""

from __future__ import annotations

import re
import shutil
from itertools import pairwise
from pathlib import Path

import pytest

from refbus.database.definitions import Definitions
from refbus.database.version import known, made_by
from support.tree import ROOT

FOLDERS = sorted({path.parent for path in (ROOT / "services").rglob("v0001_*.py")})


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: str(path.relative_to(ROOT / "services")))
def test_each_migration_follows_the_one_before(folder: Path) -> None:
    """File names, revisions and what they follow count 0001, 0002 and so on, each once."""
    found = []
    for path in sorted(folder.glob("v*.py")):
        text = path.read_text(encoding="utf-8")
        facts = re.search(r'^revision = "(\d+)"\ndown_revision = (?:"(\d+)"|None)$', text, re.M)
        assert facts is not None, path.name
        found.append((path.name[1:5], facts[1], facts[2] or "0000"))
    numbers = [f"{number:04}" for number in range(len(found) + 1)]
    assert found == [(each, each, before) for before, each in pairwise(numbers)]


def numbered(definitions: Definitions) -> set[str]:
    """Return the tables of which a number never comes again."""
    return {name for kind, name, _, sql in definitions if kind == "table" and "AUTOINCREMENT" in sql.upper()}


def lost(migrations: Path) -> dict[str, set[str]]:
    """Return the tables that a version has made anew without their numbering, by version."""
    found, before = {}, set[str]()
    for version in known(migrations):
        made = made_by(migrations, version)
        here = {name for kind, name, *_ in made if kind == "table"}
        found[version] = (before & here) - numbered(made)
        before = numbered(made)
    return {version: names for version, names in found.items() if names}


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: str(path.relative_to(ROOT / "services")))
def test_no_migration_lets_numbers_come_again(folder: Path) -> None:
    """A table made anew (by Alembic's batch, for a computed default) forgets AUTOINCREMENT: it stays where it was."""
    assert lost(folder.parent) == {}


def test_a_table_that_is_made_anew_is_found(tmp_path: Path) -> None:
    """A computed default in a batch without `recreate="never"` is the way in which it happened."""
    node = ROOT / "services/refbus/node/store/migrations"
    migrations = tmp_path / "migrations"
    shutil.copytree(node, migrations, ignore=shutil.ignore_patterns("__pycache__"))
    newest = known(migrations)[-1]
    following = f"{int(newest) + 1:04}"
    (migrations / "versions" / f"v{following}_planted.py").write_text(
        f"""import sqlalchemy as sa
from alembic import op

revision = "{following}"
down_revision = "{newest}"


def upgrade() -> None:
    with op.batch_alter_table("outgoing") as outgoing:
        outgoing.add_column(sa.Column("planted", sa.Integer(), nullable=False, server_default=sa.text("(1 + 1)")))
""",
        encoding="utf-8",
    )
    assert lost(migrations) == {following: {"outgoing"}}
