"""Builds the service from its settings, and closes it again. Only this module knows all the others."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import fields
from typing import TYPE_CHECKING, Any, TypeVar

import structlog
from aiohttp import web

from gateway.callers import CallerService
from gateway.changes import ChangeService
from gateway.cursors import CursorSigner
from gateway.events import EventBus
from gateway.folders import FolderService
from gateway.http.boundary import boundary
from gateway.http.cors import Cors
from gateway.http.graphiql import GraphiQL
from gateway.http.graphql.admission import Admission
from gateway.http.graphql.endpoint import EndpointOptions, GraphQLEndpoint
from gateway.http.graphql.limits import Limits
from gateway.http.graphql.persisted import (
    AutomaticDocuments,
    DocumentSource,
    TrustedDocuments,
    UnsupportedDocuments,
    load_manifest,
)
from gateway.http.graphql.runner import Runner, RunnerOptions
from gateway.http.graphql.websocket import WebSocketTransport
from gateway.http.graphql.websocket_operations import WebSocketOptions, WebSocketServices
from gateway.http.health import HealthEndpoints
from gateway.http.openapi import OpenApiEndpoint
from gateway.http.proxies import PublicAddress
from gateway.http.rest import RestEndpoints
from gateway.http.sdl import SdlEndpoint
from gateway.notifications import Notifications
from gateway.settings import Settings
from gateway.storage.changes import ChangeStore
from gateway.storage.directory import Directory
from gateway.storage.engine import Database
from gateway.storage.folders import FolderStore
from gateway.storage.secrets import shared_secret
from schema.context import Services
from schema.schema import build_schema, print_sdl

if TYPE_CHECKING:
    from gateway.redis_channel import RedisChannel
    from gateway.throttling import Throttle

log = structlog.get_logger(__name__)
T = TypeVar("T")


@asynccontextmanager
async def open_application(settings: Settings) -> AsyncIterator[web.Application]:
    """The application, ready to serve; its connections are closed at the end."""
    async with AsyncExitStack() as stack:
        database = Database(settings.database())
        stack.push_async_callback(database.close)
        throttle = _throttle(settings)
        if throttle is not None:
            stack.push_async_callback(throttle.close)
        directory = Directory(database)
        callers = CallerService(directory)
        stack.push_async_callback(callers.close)
        bus = EventBus()
        channel = _redis_channel(settings)
        if channel is not None:
            stack.push_async_callback(channel.close)
        notifications = Notifications(bus, database, channel)
        folders = FolderService(FolderStore(database), notifications.announce)
        changes = ChangeService(ChangeStore(database), directory, bus)
        for work in (changes.run(), notifications.run()):
            stack.push_async_callback(_cancelled, asyncio.create_task(work))
        address = PublicAddress(settings.trusted_proxies)
        schema = build_schema()
        source = _document_source(settings)
        runner = Runner(
            schema,
            Services(directory, folders, changes, CursorSigner(await _cursor_secret(settings, database))),
            source,
            graphql_limits(settings),
            _options(RunnerOptions, settings),
        )
        app = web.Application(middlewares=[boundary], client_max_size=settings.max_body_size)
        if settings.cors_allowed_origins:
            Cors(settings.cors_allowed_origins).install(app)
        graphiql = GraphiQL() if settings.graphiql else None
        admission = Admission(runner, callers, throttle)
        graphql = GraphQLEndpoint(
            runner,
            admission,
            WebSocketTransport(
                WebSocketServices(
                    runner,
                    callers,
                    changes,
                    admission,
                    _options(WebSocketOptions, settings, allowed_origins=frozenset(settings.cors_allowed_origins)),
                ),
                address,
            ),
            graphiql,
            _options(EndpointOptions, settings, introspection_is_public=settings.introspection == "public"),
        )
        app.on_shutdown.append(graphql.close_streams)
        for endpoint in (
            RestEndpoints(callers, folders, throttle, address, settings.max_body_size),
            graphql,
            HealthEndpoints(database.check),
            OpenApiEndpoint(address),
            SdlEndpoint(print_sdl(schema)),
        ):
            app.add_routes(endpoint.routes())
        if graphiql is not None:
            app.add_routes(graphiql.routes())
        if settings.metrics:
            from gateway.http.metrics import Metrics  # noqa: PLC0415  # its import settles how prometheus_client counts

            try:
                Metrics(source.document_ids, are_shared=settings.workers > 1).install(app)
            except OSError as error:
                # Without figures the service serves still.
                log.error("metrics.off", reason=error.strerror)
        yield app


def _options(kind: type[T], settings: Settings, **others: Any) -> T:
    """Options of one module, from the settings of the same names."""
    names = {field.name for field in fields(kind)} - set(others)  # type: ignore[arg-type]  # kind is a dataclass
    return kind(**{name: getattr(settings, name) for name in names}, **others)


async def _cancelled(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait([task])


def graphql_limits(settings: Settings) -> Limits:
    return Limits(**{field.name: getattr(settings, f"max_{field.name}") for field in fields(Limits)})


def _document_source(settings: Settings) -> DocumentSource:
    if settings.trusted_documents is not None:
        return TrustedDocuments(load_manifest(settings.trusted_documents))
    return AutomaticDocuments() if settings.persisted_queries else UnsupportedDocuments()


def _throttle(settings: Settings) -> Throttle | None:
    if not settings.rate_limits:
        return None
    from gateway.throttling import Throttle  # noqa: PLC0415  # it brings Redis' client, a twentieth of the start

    redis_url = settings.redis_url.get_secret_value() if settings.redis_url else None
    return Throttle(settings.rate_limit_per_minute, settings.rate_limit_per_hour, redis_url)


def _redis_channel(settings: Settings) -> RedisChannel | None:
    if settings.redis_url is None:
        return None
    from gateway.redis_channel import RedisChannel  # noqa: PLC0415  # it brings Redis' client too

    return RedisChannel(settings.redis_url.get_secret_value(), "gateway:folder_changes")


async def _cursor_secret(settings: Settings, database: Database) -> bytes:
    if settings.cursor_secret is not None:
        return settings.cursor_secret.get_secret_value().encode()
    return await shared_secret(database, "cursors")
