"""Whether a service lives and is ready, as something outside asks it."""

from __future__ import annotations

import urllib.error
import urllib.request

import pytest

from refbus.telemetry import Metrics, Service, Signs, serve


@pytest.mark.parametrize(("yes", "status"), [(True, 200), (False, 503)])
@pytest.mark.parametrize("path", ["live", "ready"])
def test_signs_are_beside_the_metrics(path: str, yes: bool, status: int) -> None:
    """200 or 503; the other one and the metrics are answered all the same."""
    lives, ready = (yes, not yes) if path == "live" else (not yes, yes)
    server = serve(Metrics(Service.GATE, lambda: 0), 0, signs=Signs(lambda: lives, lambda: ready))
    try:
        assert answered(server.port, path) == status
        assert answered(server.port, "metrics") == 200
    finally:
        server.close()


def answered(port: int, path: str) -> int:
    """Return the status of an answer."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/{path}", timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
