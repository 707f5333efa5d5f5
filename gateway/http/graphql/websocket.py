"""WebSockets: the handshake, and the connections that are open. Each of them is a `WebSocketSession`."""

from __future__ import annotations

import structlog
from aiohttp import hdrs, web

from gateway.errors import ParseError, PermissionDenied
from gateway.http.cors import ANY_ORIGIN
from gateway.http.graphql.websocket_messages import PROTOCOL, CloseCode, Closing
from gateway.http.graphql.websocket_operations import WebSocketServices
from gateway.http.graphql.websocket_session import WebSocketSession
from gateway.http.proxies import PublicAddress

log = structlog.get_logger(__name__)


class _Socket(web.WebSocketResponse):
    """Does not close the transport: `Connection` does, when it has read what the client still sends.

    Were it closed with something unread, the client would get a reset in place of the close code.
    """

    def _close_transport(self) -> None:
        pass


class WebSocketTransport:
    def __init__(self, services: WebSocketServices, address: PublicAddress) -> None:
        self._services = services
        self._options = services.options
        self._address = address
        self._sessions: set[WebSocketSession] = set()
        self._is_stopping = False

    async def serve(self, request: web.Request, request_id: str, headers: dict[str, str]) -> web.WebSocketResponse:
        """Raises PermissionDenied for a page of an origin that is not allowed, and ParseError."""
        self._check_origin(request)
        socket = _Socket(
            protocols=[PROTOCOL],
            heartbeat=self._options.websocket_ping_interval,
            # Pings are answered like all else: by a send that does not wait for ever.
            autoping=False,
            # Messages are small, and the state of a compression is 300 kB for each connection.
            compress=False,
            max_msg_size=self._options.max_body_size,
        )
        socket.headers.update(headers)
        try:
            await socket.prepare(request)
        except web.HTTPBadRequest:
            raise ParseError("The request is no WebSocket handshake of version 13.") from None
        session = WebSocketSession(self._services, request, socket, request_id)
        if socket.ws_protocol != PROTOCOL:
            session.close(Closing(CloseCode.BAD_PROTOCOL, "Subprotocol not acceptable"))
        elif self._is_stopping:
            session.close(_stopping())
        self._sessions.add(session)
        try:
            await session.run()
        except Exception:
            # The answer was 101: there is no other to give.
            log.exception("websocket.failed")
        finally:
            self._sessions.discard(session)
        return socket

    def close(self) -> None:
        """When the service stops. Clients connect again, elsewhere perhaps."""
        self._is_stopping = True
        for session in self._sessions:
            session.stop(_stopping())

    def _check_origin(self, request: web.Request) -> None:
        """Browsers connect from any page without asking before."""
        origin = request.headers.get(hdrs.ORIGIN)
        if origin is None or {origin, ANY_ORIGIN} & self._options.allowed_origins:
            return
        if origin != self._address.base(request):
            raise PermissionDenied("The page's origin is not allowed.")


def _stopping() -> Closing:
    return Closing(CloseCode.GOING_AWAY, "The service is stopping")


def wants_websocket(request: web.Request) -> bool:
    return request.method == hdrs.METH_GET and request.headers.get(hdrs.UPGRADE, "").strip().lower() == "websocket"
