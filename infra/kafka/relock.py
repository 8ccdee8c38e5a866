"""Resolve `jgo.toml` again and write `jgo.lock.toml`: for a person who moves to another version of Kafka."""

from __future__ import annotations

import tempfile
from pathlib import Path

from kafka.artifacts import LOCK, SPEC

HEADER = "# Every jar on the broker's class path with its SHA-256. Written by `python -m kafka lock`.\n"


def relock() -> int:
    """Write the lock file and return how many jars it names. The resolver's own notes (time, paths) are left out."""
    from jgo.env import EnvironmentBuilder, EnvironmentSpec, LinkStrategy
    from jgo.maven import MavenContext

    with tempfile.TemporaryDirectory() as folder:
        builder = EnvironmentBuilder(
            context=MavenContext(timeout=60), link_strategy=LinkStrategy.COPY, cache_dir=Path(folder)
        )
        lockfile = builder.from_spec(EnvironmentSpec.load(SPEC)).lockfile
    jars = sorted((each.groupId, each.artifactId, each.version, each.sha256) for each in lockfile.dependencies)
    LOCK.write_text(HEADER + "".join(_entry(*jar) for jar in jars), encoding="utf-8")
    return len(jars)


def _entry(group: str, artifact: str, version: str, sha256: str) -> str:
    names = f'groupId = "{group}"\nartifactId = "{artifact}"\nversion = "{version}"\nsha256 = "{sha256}"\n'
    return f"\n[[dependencies]]\n{names}"
