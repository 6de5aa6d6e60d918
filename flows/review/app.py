"""The web app of a review: a page, its data, cut clips and decisions, for this machine alone.

Every address begins with a secret token, so that other users and web sites cannot read films or decide. Requests that
name another host are refused too: a web site could otherwise point its own name at this machine.
"""

import contextlib
import hmac
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from emodal_data.core.errors import Dropped, EmodalError, InputError
from emodal_data.presentation import report
from flows.review.cuts import Cuts
from flows.review.decisions import Verdict
from flows.review.session import Session

_PAGE = Path(__file__).with_name("page")
_FILES = {
    "": _PAGE / "index.html",
    "page.css": Path(report.__file__).with_name("page") / "page.css",
    **{name: _PAGE / name for name in ("review.css", "review.js", "decisions.js", "clips.js", "player.js")},
}
_HOSTS = ("127.0.0.1", "localhost")
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "connect-src 'self'; media-src 'self' blob:; img-src data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
#: Seconds of context that the page asks for.
CONTEXTS_S = (0.0, 2.0, 5.0)
_MOST_BYTES = 4_000_000


def make_app(session: Session, cuts: Cuts, token: str) -> ASGIApp:
    """The app. Everything is below /TOKEN/; any other request gets an empty answer."""

    async def file(request: Request) -> Response:
        found = _FILES.get(request.path_params.get("name", ""))
        return FileResponse(found) if found else Response(status_code=404)

    async def page(request: Request) -> Response:
        return JSONResponse(await run_in_threadpool(session.page))

    async def state(request: Request) -> Response:
        if request.query_params.get("version") == session.version:
            return Response(status_code=204)
        return JSONResponse(await run_in_threadpool(session.state))

    async def decide(request: Request) -> Response:
        asked = await _body(request)
        try:
            clip_ids = [str(clip_id) for clip_id in asked["clip_ids"]]
            verdict = Verdict(str(asked["decision"]), str(asked.get("label", "")), str(asked.get("note", "")))
        except (KeyError, TypeError) as error:
            raise InputError("a decision names clip_ids and decision") from error
        await run_in_threadpool(session.decide, clip_ids, verdict)
        return JSONResponse(await run_in_threadpool(session.state))

    async def undo(request: Request) -> Response:
        clip_ids = await run_in_threadpool(session.undo)
        return JSONResponse({"undone": clip_ids, **await run_in_threadpool(session.state)})

    async def clip(request: Request) -> Response:
        found = session.clips.get(request.path_params["clip_id"])
        context_s = float(request.path_params["context"])
        if found is None or context_s not in CONTEXTS_S:
            return Response(status_code=404)
        path = await run_in_threadpool(cuts.cut, found, context_s)
        return FileResponse(path, media_type="video/webm")

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        yield
        cuts.close()

    routes = [
        Route("/", file),
        Route("/data", page),
        Route("/state", state),
        Route("/decide", decide, methods=["POST"]),
        Route("/undo", undo, methods=["POST"]),
        Route("/clip/{clip_id}/{context:int}", clip),
        Route("/{name}", file),
    ]
    errors: Any = {Dropped: _explain, EmodalError: _explain}
    return _Guard(Starlette(routes=routes, exception_handlers=errors, lifespan=lifespan), token)


class _Guard:
    """Lets only requests through that know the token and name this machine, and adds the headers to the answers."""

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app, self._token = app, token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http" or not self._is_allowed(scope):
            await Response(status_code=404)(scope, receive, send)
            return

        async def send_with_headers(message: Any) -> None:
            if message["type"] == "http.response.start":
                more = [(name.lower().encode(), value.encode()) for name, value in _HEADERS.items()]
                message = message | {"headers": [*message["headers"], *more]}
            await send(message)

        await self._app(dict(scope, root_path=f"/{self._token}"), receive, send_with_headers)

    def _is_allowed(self, scope: Scope) -> bool:
        hosts = [value.decode("latin-1") for name, value in scope["headers"] if name == b"host"]
        given = scope["path"].split("/")[1]
        is_known = hmac.compare_digest(given.encode(), self._token.encode())
        return is_known and len(hosts) == 1 and _host_of(hosts[0]) in _HOSTS


def _host_of(text: str) -> str | None:
    try:
        return urlsplit(f"//{text}").hostname
    except ValueError:
        return None


async def _body(request: Request) -> dict[str, Any]:
    data = b""
    async for part in request.stream():
        data += part
        if len(data) > _MOST_BYTES:
            raise InputError("too many clips at once")
    try:
        value = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise InputError("not valid JSON") from error
    if not isinstance(value, dict):
        raise InputError("not a JSON object")
    return value


async def _explain(request: Request, error: Exception) -> Response:
    code = 400 if isinstance(error, InputError) else 422 if isinstance(error, Dropped) else 500
    return JSONResponse({"error": str(error)}, status_code=code)
