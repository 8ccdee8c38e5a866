"""Where the data files that ship with the code are: `schemas/`, `topics/` and `keys/` (public data only)."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def data_dir(name: str) -> Path:
    """Return the folder `name` ("schemas", "topics" or "keys"): in a wheel, else at the top of the checkout."""
    packaged = _PACKAGE / "_data" / name
    return packaged if packaged.is_dir() else _PACKAGE.parents[1] / name


def countries() -> tuple[str, ...]:
    """Return the countries whose policy ships with this version, each as two small letters."""
    return tuple(sorted(path.stem for path in (data_dir("keys") / "policies").glob("*.toml")))
