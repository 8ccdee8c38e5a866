"""The jars of the broker: downloaded once into the user's cache folder, each checked against `jgo.lock.toml`.

The lock file names every jar with its SHA-256; only these are fetched and nothing else is put on the class path, so
what runs is what was reviewed. The folder is outside the checkout: `make clean` keeps it, and clones share it.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import tomllib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
SPEC = HERE / "jgo.toml"
LOCK = HERE / "jgo.lock.toml"

Progress = Callable[[str], None]


class ArtifactError(Exception):
    """A jar could not be fetched, or is not the one that the lock file names."""


@dataclass(frozen=True, slots=True)
class Jar:
    """One locked jar: Maven coordinates and the SHA-256 of the file, hexadecimal."""

    group: str
    artifact: str
    version: str
    sha256: str

    @property
    def path(self) -> str:
        """Where the jar is within a Maven repository."""
        return f"{self.group.replace('.', '/')}/{self.artifact}/{self.version}/{self.artifact}-{self.version}.jar"


def locked_jars(lock: Path = LOCK) -> tuple[Jar, ...]:
    """Return the jars of the lock file. Raises ArtifactError when one has no hash."""
    entries = tomllib.loads(lock.read_text(encoding="utf-8"))["dependencies"]
    jars = tuple(Jar(each["groupId"], each["artifactId"], each["version"], each.get("sha256", "")) for each in entries)
    for jar in jars:
        if len(jar.sha256) != 64:
            raise ArtifactError(f"{lock.name}: {jar.artifact} has no SHA-256")
    return jars


def cache_folder(lock: Path = LOCK) -> Path:
    """Return the folder for exactly this lock file, below XDG_CACHE_HOME or ~/.cache; it need not exist."""
    base = os.environ.get("XDG_CACHE_HOME")
    cache = Path(base) if base else Path.home() / ".cache"
    return cache / "refbus" / f"kafka-{hashlib.sha256(lock.read_bytes()).hexdigest()[:12]}"


def fetch(progress: Progress = print, folder: Path | None = None, lock: Path = LOCK) -> Path:
    """Bring every locked jar into the cache and return its folder; what is there and right is not fetched again.

    Two processes may call this at once: the second waits. Raises ArtifactError.
    """
    folder = folder or cache_folder(lock)
    jars = locked_jars(lock)
    with locked(folder):
        missing = [jar for jar in jars if not _is_right(folder, jar)]
        if missing:
            progress(f"broker: fetching {len(missing)} of {len(jars)} jars of Apache Kafka (about 45 MB) into {folder}")
            _download_all(folder, missing, progress)
    return folder


def class_path(folder: Path) -> str:
    """Return the class path: the locked jars in the lock file's order."""
    return os.pathsep.join(str(folder / "maven" / jar.path) for jar in locked_jars())


@contextmanager
def locked(folder: Path, name: str = ".lock") -> Iterator[None]:
    """Hold the folder, or what `name` stands for in it, for this process; others wait."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / name).open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _is_right(folder: Path, jar: Jar) -> bool:
    path = folder / "maven" / jar.path
    if not path.is_file():
        return False
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest() == jar.sha256


def _download_all(folder: Path, jars: list[Jar], progress: Progress) -> None:
    with ThreadPoolExecutor(max_workers=4) as pool:
        waiting = [pool.submit(_download, folder, jar) for jar in jars]
        for count, done in enumerate(as_completed(waiting), start=1):
            done.result()
            if count % 10 == 0 or count == len(jars):
                progress(f"broker: {count} of {len(jars)} jars fetched and checked")


def _download(folder: Path, jar: Jar) -> None:
    """Fetch one jar; a broken or foreign file never stays. One repeat, since a line may drop in the middle."""
    from jgo.config import GlobalSettings  # late: only a first start needs the resolver
    from jgo.maven import MavenContext

    repositories = GlobalSettings.load().repositories or None  # a mirror configured for jgo is used; hashes protect us
    context = MavenContext(repo_cache=folder / "maven", remote_repos=repositories, timeout=60)
    problem = "not found"
    for _attempt in range(2):
        path = folder / "maven" / jar.path
        path.unlink(missing_ok=True)
        try:
            context.project(jar.group, jar.artifact).at_version(jar.version).artifact().resolve()
        except (OSError, RuntimeError) as caught:
            problem = type(caught).__name__
            continue
        if _is_right(folder, jar):
            return
        problem = "its SHA-256 is not the one in jgo.lock.toml"
    (folder / "maven" / jar.path).unlink(missing_ok=True)
    raise ArtifactError(f"{jar.artifact} {jar.version}: {problem}")
