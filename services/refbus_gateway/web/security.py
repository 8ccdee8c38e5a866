"""What every answer and every request of the pages must have: headers, a known host, a bounded body, one origin."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MOST_BYTES: Final = 262_144
"""Largest body of a request, unless a screen takes files."""
MOST_PATH: Final = 512
"""Longest address, without what stands behind the question mark."""
POLICY: Final = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'"
)
HEADERS: Final[Mapping[str, str]] = {
    "Content-Security-Policy": POLICY,
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), interest-cohort=()",
    "X-Robots-Tag": "noindex, nofollow",
}
"""What every answer has."""
NO_STORE: Final = "no-store"
_STATIC: Final = "/static/"


class Guard:
    """Middleware around everything: asks for a known host, and adds the headers to whatever is answered.

    A name that is not ours in `Host` is a foreign page whose name was pointed at this computer (DNS rebinding).
    """

    def __init__(self, app: ASGIApp, hosts: Collection[str], *, tls: bool = False) -> None:
        self._app = app
        self._hosts = frozenset(each.lower() for each in hosts)
        self._headers = dict(HEADERS)
        if tls:
            self._headers["Strict-Transport-Security"] = "max-age=31536000"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def add_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers[name] = value
                headers["Cache-Control"] = "no-cache" if scope["path"].startswith(_STATIC) else NO_STORE
            await send(message)

        if len(scope["path"]) > MOST_PATH:
            await PlainTextResponse("There is no such address.", 414)(scope, receive, add_headers)
            return
        if Headers(scope=scope).get("host", "").lower() not in self._hosts:
            await PlainTextResponse("This is not the address of the desk.", 421)(scope, receive, add_headers)
            return
        await self._app(scope, receive, add_headers)


def is_own(headers: Headers) -> bool:
    """Whether a browser that says where a form came from says that it came from a page of ours.

    It is asked beside the token of the form, not in its place: old browsers say nothing.
    """
    return headers.get("sec-fetch-site", "same-origin") == "same-origin"
