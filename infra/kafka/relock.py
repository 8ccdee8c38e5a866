"""Resolve `jgo.toml` again and write `jgo.lock.toml`: for a person who moves to another version of Kafka."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from pathlib import Path

from kafka.artifacts import LOCK, SPEC, Jar

HEADER = (
    "# Every jar on the broker's class path with its SHA-256. "
    "Written by `python -m kafka lock`; review the difference.\n"
)


def relock() -> int:
    """Write the lock file and return how many jars it names. The resolver's own notes (time, paths) are left out."""
    from jgo.env import EnvironmentBuilder, EnvironmentSpec, LinkStrategy
    from jgo.maven import MavenContext

    with tempfile.TemporaryDirectory() as folder:
        builder = EnvironmentBuilder(
            context=MavenContext(timeout=60), link_strategy=LinkStrategy.COPY, cache_dir=Path(folder)
        )
        lockfile = builder.from_spec(EnvironmentSpec.load(SPEC)).lockfile
    jars = [Jar(each.groupId, each.artifactId, each.version, each.sha256) for each in lockfile.dependencies]
    LOCK.write_text(lock_text(jars), encoding="utf-8")
    return len(jars)


def lock_text(jars: Iterable[Jar]) -> str:
    """Return the lock file that names `jars`, in one order whatever theirs is."""
    return HEADER + "".join(_entry(jar) for jar in sorted(jars, key=lambda jar: (jar.group, jar.artifact)))


def _entry(jar: Jar) -> str:
    names = f'groupId = "{jar.group}"\nartifactId = "{jar.artifact}"\nversion = "{jar.version}"\n'
    return f'\n[[dependencies]]\n{names}sha256 = "{jar.sha256}"\n'
