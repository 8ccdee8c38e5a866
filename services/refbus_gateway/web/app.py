"""The application: the routes of all screens, behind one guard. Endpoints work in threads, as actions do."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Final

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from refbus_gateway.web import screens as frame
from refbus_gateway.web.office import Office
from refbus_gateway.web.pages import (
    answer,
    assignments,
    card,
    cases,
    changed,
    codes,
    consent,
    dispatch,
    emergency,
    entry,
    erase,
    imports,
    inspect,
    office,
    people,
    practice,
    profile,
    received,
    recovery,
    refer,
    referral,
    restored,
    returns,
    setup,
    today,
    together,
    withdrawn,
)
from refbus_gateway.web.screens import Ask, Screen
from refbus_gateway.web.security import Guard
from refbus_gateway.web.session import Form

STATIC: Final = Path(__file__).parent / "static"
ALL: Final = (
    *(setup.screens, entry.screens, today.screens, referral.screens, answer.screens, withdrawn.screens),
    *(changed.screens, received.screens, erase.screens),
    *(office.screens, people.screens, codes.screens, practice.screens, recovery.screens, returns.screens),
    restored.screens,
    *(emergency.screens, inspect.screens),
    *(refer.screens, consent.screens, dispatch.screens, cases.screens, assignments.screens, together.screens),
    *(profile.screens, imports.screens, card.screens),
)
"""The screens of each module. A new module is added here."""
_MOST_FIELDS: Final = 2_000
_MOST_FILES: Final = 10
Endpoint = Callable[[Request], Awaitable[Response]]


def application(office: Office) -> Starlette:
    """Return the pages of an office."""
    found = [screen for module in ALL for screen in module.found]

    async def refused(request: Request, failure: Exception) -> Response:
        status = failure.status_code if isinstance(failure, HTTPException) else 500
        return await run_in_threadpool(_refused, office, request, status)

    return Starlette(
        routes=[
            *(Route(each.path, _endpoint(office, each), methods=[each.method]) for each in _in_order(found)),
            Mount("/static", StaticFiles(directory=STATIC)),
        ],
        middleware=[Middleware(Guard, hosts=office.address.hosts, tls=office.address.tls)],
        exception_handlers={HTTPException: refused},
    )


def _in_order(found: Iterable[Screen]) -> list[Screen]:
    """Return fixed addresses before those with a part that varies."""
    return sorted(found, key=lambda screen: "{" in screen.path)


def _endpoint(office: Office, screen: Screen) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        form = Form()
        if screen.method == "POST":
            form = await _read_form(request, screen.most_bytes)
        return await run_in_threadpool(frame.answer, office, screen, request, form)

    return endpoint


async def _read_form(request: Request, most_bytes: int) -> Form:
    """Return what was typed. Raises HTTPException 413 for a body that is too large, whatever it says of itself."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > most_bytes:
            raise HTTPException(413)
    whole = Request(request.scope, _replay(bytes(body)))
    fields: dict[str, list[str]] = {}
    files: dict[str, bytes] = {}
    async with whole.form(max_files=_MOST_FILES, max_fields=_MOST_FIELDS, max_part_size=most_bytes) as parsed:
        for name, value in parsed.multi_items():
            if isinstance(value, UploadFile):
                files[name] = await value.read()
            else:
                fields.setdefault(name, []).append(value.replace("\r\n", "\n"))
    return Form(fields, files)


def _replay(body: bytes) -> Callable[[], Awaitable[dict[str, object]]]:
    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": body, "more_body": False}

    return receive


def _refused(office: Office, request: Request, status: int) -> Response:
    session = office.session_of(request, use=False) or office.sessions.nobody(office.language_of(request))
    return frame.error_page(Ask(office, session, request, Form()), status)
