"""The REST endpoints (contract/rest.md). A handler finds the caller and its grant, calls the service, renders."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from aiohttp import hdrs, web

from gateway.access import Grant, PlaceRef, WriteGrant
from gateway.callers import Admitted, CallerService
from gateway.errors import (
    AuthenticationFailed,
    GatewayError,
    MethodNotAllowed,
    NotAuthenticated,
    NotFound,
)
from gateway.folders import FolderService
from gateway.http.authentication import BODY, PARAMETER, Credential, find_in_header, find_in_query
from gateway.http.bodies import MEDIA_TYPES, read_body
from gateway.http.json import encode_json, encode_json_indented
from gateway.http.negotiation import negotiate_indent
from gateway.http.pagination import LimitOffset
from gateway.http.proxies import PublicAddress
from gateway.http.rate_limits import rate_limit_headers
from gateway.http.replies import Reply
from gateway.http.rest_errors import error_body, error_headers
from gateway.http.rest_fields import parse_folder, render_folder
from gateway.model import PROTOCOL_MAX_LENGTH, FolderType, RateLimitState, Surface
from gateway.storage.ahead import Forecast

if TYPE_CHECKING:
    from gateway.throttling import Throttle

_READING: Final = frozenset({"GET", "HEAD"})
_LIST_METHODS: Final = ("GET", "POST", "HEAD", "OPTIONS")
_DETAIL_METHODS: Final = ("GET", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")


@dataclass(frozen=True, slots=True)
class Route:
    """One of the three prefixes of the contract's table."""

    path: str
    surface: Surface
    is_project: bool
    title: str


ROUTES: Final = (
    Route("/api/environments/{place}/persisted_folder", Surface.WEB, False, "Persisted Folder"),
    Route("/api/projects/{place}/persisted_folder", Surface.WEB, True, "Persisted Folder"),
    Route("/api/projects/{place}/desktop_persisted_folder", Surface.DESKTOP, True, "Desktop Persisted Folder"),
)


@dataclass(slots=True)
class _Call:
    """One request on its way down: what is known of it so far."""

    request: web.Request
    route: Route
    indent: int | None = None
    body: Any = None
    body_was_read: bool = False
    rate_limit: RateLimitState | None = None

    @property
    def place(self) -> PlaceRef:
        return PlaceRef(self.request.match_info["place"], self.route.is_project)

    @property
    def folder_id(self) -> str | None:
        return self.request.match_info.get("folder_id")

    @property
    def methods(self) -> tuple[str, ...]:
        return _LIST_METHODS if self.folder_id is None else _DETAIL_METHODS


class RestEndpoints:
    """Without a `throttle`, nothing is limited."""

    def __init__(
        self,
        callers: CallerService,
        folders: FolderService,
        throttle: Throttle | None,
        address: PublicAddress,
        max_body_size: int,
    ) -> None:
        self._callers = callers
        self._folders = folders
        self._throttle = throttle
        self._address = address
        self._max_body_size = max_body_size

    def routes(self) -> list[web.RouteDef]:
        """They accept every method: a wrong method too is answered only after the checks of access."""
        found = []
        for route in ROUTES:
            handler = self._handler(route)
            # Braces too may stand in an id; aiohttp's own pattern leaves them out.
            list_path = route.path.replace("{place}", "{place:[^/]+}")
            for path in (list_path, list_path + "/{folder_id:[^/]+}"):
                found += [web.route("*", path, handler), web.route("*", path + "/", handler)]
        return found

    def _handler(self, route: Route) -> Callable[[web.Request], Awaitable[Reply]]:
        async def handle(request: web.Request) -> Reply:
            call = _Call(request, route)
            try:
                response = await self._answer(call)
            except GatewayError as error:
                response = _json(call, error.status, error_body(error))
                response.headers.update(error_headers(error))
            response.headers[hdrs.ALLOW] = ", ".join(call.methods)
            if call.rate_limit is not None:
                response.headers.update(rate_limit_headers(call.rate_limit))
            return response

        return handle

    async def _answer(self, call: _Call) -> Reply:
        method, query, headers = call.request.method, call.request.query, call.request.headers
        call.indent = negotiate_indent(query.getall("format", [""])[-1], headers.getall(hdrs.ACCEPT, []))
        admitted = await self._admit(call)
        caller, ahead = admitted.caller, admitted.ahead
        if method in _READING:
            grant = await self._callers.read_grant(caller, call.place, call.route.surface, ahead)
        else:
            grant = await self._callers.write_grant(caller, call.place, call.route.surface, ahead)
        if self._throttle is not None:
            call.rate_limit = await self._throttle.hit(caller)
        if method not in call.methods:
            raise MethodNotAllowed(method)

        if method == "OPTIONS":
            return await self._describe(call, grant)
        if isinstance(grant, WriteGrant):
            if call.folder_id is None:
                return await self._create(call, grant)
            folder_id = _parse_id(call.folder_id)
            if method == "DELETE":
                await self._folders.delete([grant], folder_id)
                return Reply(204)
            return await self._update(call, grant, folder_id)
        if call.folder_id is not None:
            folder = await self._folders.get(grant, _parse_id(call.folder_id))
            return _json(call, 200, render_folder(folder))
        rows = await self._folders.in_place(grant, ahead)
        page = LimitOffset.of(call.request)
        url = self._address.url(call.request)
        return _json(call, 200, page.envelope(call.request, url, [render_folder(folder) for folder in rows]))

    async def _admit(self, call: _Call) -> Admitted:
        credential = await self._credential(call)
        is_list = call.folder_id is None and call.request.method in ("GET", "HEAD")
        forecast = Forecast.at([call.place], [call.route.surface] if is_list else [])
        return await self._callers.admit(credential.key, credential.found_in, forecast)

    async def _credential(self, call: _Call) -> Credential:
        credential = find_in_header(call.request)
        # The reference sees no key in one character.
        if credential is not None and len(credential.key) > 1:
            return credential
        body = await self._body(call)
        if isinstance(body, dict) and PARAMETER in body:
            if not isinstance(body[PARAMETER], str):
                raise AuthenticationFailed(BODY)
            return Credential(body[PARAMETER], BODY)
        credential = find_in_query(call.request)
        if credential is None:
            raise NotAuthenticated
        return credential

    async def _body(self, call: _Call) -> Any:
        if not call.body_was_read:
            call.body = await read_body(call.request, self._max_body_size)
            call.body_was_read = True
        return call.body

    async def _create(self, call: _Call, grant: WriteGrant) -> Reply:
        folder = parse_folder(await self._body(call), type_is_required=True)
        stored, _ = await self._folders.upsert(grant, folder)
        return _json(call, 201, render_folder(stored))

    async def _update(self, call: _Call, grant: WriteGrant, folder_id: UUID) -> Reply:
        try:
            folder = parse_folder(await self._body(call), type_is_required=call.request.method == "PUT")
        except GatewayError:
            # Whether there is such a folder comes first.
            await self._folders.require([grant], folder_id)
            raise
        return _json(call, 200, render_folder(await self._folders.update([grant], folder_id, folder)))

    async def _describe(self, call: _Call, grant: Grant) -> Reply:
        """What OPTIONS answers, as Django REST Framework's SimpleMetadata words it."""
        kind = "List" if call.folder_id is None else "Instance"
        answer: dict[str, Any] = {
            "name": f"{call.route.title} {kind}",
            "description": "",
            "renders": ["application/json"],
            "parses": list(MEDIA_TYPES),
        }
        if await self._exists(call, grant):
            answer["actions"] = {"POST" if call.folder_id is None else "PUT": _FIELDS}
        return _json(call, 200, answer)

    async def _exists(self, call: _Call, grant: Grant) -> bool:
        if call.folder_id is None:
            return True
        try:
            await self._folders.require([grant], _parse_id(call.folder_id))
        except NotFound:
            return False
        return True


def _parse_id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise NotFound from None


def _json(call: _Call, status: int, value: Any) -> Reply:
    text = encode_json(value) if call.indent is None else encode_json_indented(value, call.indent)
    # Line separators of Unicode end a line in JavaScript, so they are written as escapes.
    for separator, escape in ((b"\xe2\x80\xa8", b"\\u2028"), (b"\xe2\x80\xa9", b"\\u2029")):
        text = text.replace(separator, escape)
    return Reply(status, text, "application/json")


def _field(kind: str, label: str, *, required: bool = False, read_only: bool = False, **more: Any) -> dict[str, Any]:
    return {"type": kind, "required": required, "read_only": read_only, "label": label, **more}


_FIELDS: Final = {
    "id": _field("string", "Id", read_only=True),
    "type": _field(
        "choice",
        "Type",
        required=True,
        choices=[{"value": each.value, "display_name": each.value.replace("_", " ").title()} for each in FolderType],
    ),
    "protocol": _field("string", "Protocol", max_length=PROTOCOL_MAX_LENGTH),
    "path": _field("string", "Path"),
    "created_at": _field("datetime", "Created at", read_only=True),
    "updated_at": _field("datetime", "Updated at", read_only=True),
}
