"""The page of `refbus-ops health --serve`: read alone, on this machine alone, without a script.

Whoever may open a port of this machine sees it: it names no office and no case, and no secret.
"""

from __future__ import annotations

import base64
import hashlib
import json
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any, Final

from refbus.foreign import markup
from refbus.telemetry.serve import PageServer, StartResponse, serve_app
from refbus_ops.findings import Finding, worst

_FRESH_S: Final = 10.0
"""So long an answer is given again: whoever asks often does not make the node work."""
_STYLE: Final = (
    "body{font:1rem/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}"
    "table{border-collapse:collapse;width:100%}td,th{border-top:1px solid #999;padding:.4rem;text-align:left;"
    "vertical-align:top}.red{background:#b00020;color:#fff}.amber{background:#ffd27a;color:#000}"
    ".green{background:#0b6b2e;color:#fff}"
)
_STYLE_HASH: Final = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
HEADERS: Final = {
    "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none';"
    " form-action 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class Page:
    """The page as a WSGI application. `look` is asked at most once in ten seconds, by one at a time."""

    def __init__(self, look: Callable[[], list[Finding]]) -> None:
        self._look = look
        self._turn = threading.Lock()
        self._seen: tuple[float, list[Finding]] | None = None

    def __call__(self, environ: dict[str, Any], start: StartResponse) -> Iterable[bytes]:
        """Answer GET for / and /health.json, for a browser that came here by the name of this machine."""
        status, kind, text = self._answer(environ)
        start(status, [*HEADERS.items(), ("Content-Type", f"{kind}; charset=utf-8")])
        return [text.encode()]

    def _answer(self, environ: dict[str, Any]) -> tuple[str, str, str]:
        host = str(environ.get("HTTP_HOST", "")).rpartition(":")[0]
        if host not in {"127.0.0.1", "localhost", "[::1]"}:  # another site's name that leads here
            return "421 Misdirected Request", "text/plain", "not here\n"
        if environ["REQUEST_METHOD"] != "GET":
            return "405 Method Not Allowed", "text/plain", "read only\n"
        match environ.get("PATH_INFO"):
            case "/":
                return "200 OK", "text/html", as_page(self._found())
            case "/health.json":
                found = self._found()
                told = {"level": str(worst(found)), "findings": [each.as_mapping() for each in found]}
                return "200 OK", "application/json", json.dumps(told)
            case _:
                return "404 Not Found", "text/plain", "not found\n"

    def _found(self) -> list[Finding]:
        with self._turn:
            if self._seen is None or time.monotonic() - self._seen[0] >= _FRESH_S:
                self._seen = time.monotonic(), self._look()
            return self._seen[1]


def as_page(found: list[Finding]) -> str:
    """Return the page: a row for each finding, its level in words and not by colour alone."""
    rows = "".join(
        f'<tr><th scope="row">{markup(each.subject)}</th><td class="{each.level}">{each.level}</td>'
        f"<td>{markup(each.says)}</td><td>{markup(each.next_step)}</td></tr>"
        for each in found
    )
    level = worst(found)
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Node: {level}</title>'
        f'<meta name="viewport" content="width=device-width"><meta http-equiv="refresh" content="30">'
        f"<style>{_STYLE}</style></head><body><main><h1>Node: {level}</h1><table><thead><tr>"
        '<th scope="col">what</th><th scope="col">stands</th><th scope="col">says</th><th scope="col">next step</th>'
        f"</tr></thead><tbody>{rows}</tbody></table></main></body></html>\n"
    )


def serve_page(look: Callable[[], list[Finding]], port: int) -> PageServer:
    """Serve the page on 127.0.0.1; port 0 takes a free one. Raises SetupError SETTINGS_INVALID."""
    return serve_app(Page(look), port)
