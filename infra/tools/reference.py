"""Regenerate what is made from the code: docs/reference, and the Prometheus rules. `--check` only compares.

Ends with 0 when every file is as it should be, with 1 when `--check` found a difference.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from bench import pictures as measured
from tools.pages import (
    alerts,
    capacity,
    cli,
    errors,
    grafana,
    hearing,
    lifecycle,
    metrics,
    packages,
    pictures,
    plausibility,
    proofs,
    rooms,
    runbook,
    schemas,
    settings,
    topics,
)

ROOT = Path(__file__).resolve().parents[2]
PAGES: Mapping[str, Callable[[], str]] = {
    **{f"docs/design/pictures/{name}.svg": partial(measured.page, name) for name in measured.PICTURES},
    "docs/operators/capacity.md": capacity.page,
    **{f"docs/operators/pictures/{name}.svg": partial(pictures.page, name) for name in grafana.DASHBOARDS},
    "docs/reference/alerts.md": runbook.page,
    "docs/reference/alert-proofs.md": proofs.page,
    "docs/reference/cli.md": cli.page,
    "docs/reference/errors.md": errors.page,
    "docs/reference/lifecycle.md": lifecycle.page,
    "docs/reference/metrics.md": metrics.page,
    "docs/reference/packages.md": packages.page,
    "docs/reference/plausibility.md": plausibility.page,
    "docs/reference/rooms.md": rooms.page,
    "docs/reference/schemas.md": schemas.page,
    "docs/reference/settings.md": settings.page,
    "docs/reference/topics.md": topics.page,
    "docs/reference/who-hears.md": hearing.page,
    "infra/prometheus/alerts.yml": alerts.page,
    **{f"infra/grafana/dashboards/{name}.json": partial(grafana.page, name) for name in grafana.DASHBOARDS},
}
"""Every generated file and what makes it."""


def stale(root: Path = ROOT) -> list[str]:
    """Return the generated files under `root` that are missing or not as the code says."""
    return [name for name, page in PAGES.items() if _read(root / name) != page()]


def write(root: Path = ROOT) -> list[str]:
    """Write the generated files that differ, and return their names."""
    changed = stale(root)
    for name in changed:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(PAGES[name](), encoding="utf-8")
    return changed


def main(arguments: Sequence[str] | None = None) -> int:
    """Run as a command and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tools.reference", description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare only")
    check = parser.parse_args(arguments).check
    changed = stale() if check else write()
    for name in changed:
        print(f"{'differs' if check else 'written'}: {name}")
    if check and changed:
        print("run `make reference` and commit the result")
    return 1 if check and changed else 0


def _read(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.is_file() else None


if __name__ == "__main__":
    sys.exit(main())
