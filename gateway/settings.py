"""The settings, and the only reader of the environment: `GATEWAY_PORT=9000 gateway serve`.

All are checked at start, and all that is wrong is told at once. docs/operators/settings.md has the table.
"""

from __future__ import annotations

import json
import re
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationError, ValidationInfo
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from gateway.storage.engine import DatabaseConfig, parse_url

PREFIX = "GATEWAY_"

T = TypeVar("T")


class InvalidSettings(Exception):
    """`problems` has a line for each wrong setting; none repeats a value, for it may be a secret."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


def _host(value: str) -> str:
    try:
        # As a resolver is asked for it.
        value.encode("idna")
    except UnicodeError:
        raise ValueError("is no address and no host name") from None
    return value


def _database_url(value: SecretStr) -> SecretStr:
    parse_url(value.get_secret_value())
    return value


def _redis_url(value: SecretStr) -> SecretStr:
    from gateway.throttling import check_redis_url  # noqa: PLC0415  # it brings Redis' client, a twentieth of the start

    check_redis_url(value.get_secret_value())
    return value


def _cursor_secret(value: SecretStr) -> SecretStr:
    text = value.get_secret_value()
    if len(text) < 32:
        raise ValueError("needs at least 32 characters")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("is not UTF-8 text") from None
    return value


def _network(value: object) -> object:
    try:
        # Numbers would be taken as addresses.
        return ip_network(str(value))
    except ValueError:
        raise ValueError("is no network, as 10.0.0.0/8") from None


def _json_list(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        decoded = json.loads(value)
    except ValueError:
        decoded = None
    if not isinstance(decoded, list):
        raise ValueError("must be a JSON list")
    return decoded


# What pydantic-settings would decode itself it would also refuse by itself, before all the other settings are looked at.
JsonList = Annotated[list[T], NoDecode, BeforeValidator(_json_list)]
Seconds = Annotated[float, Field(gt=0, le=3600)]
Network = Annotated[IPv4Network | IPv6Network, BeforeValidator(_network)]


def _origin(value: object) -> object:
    """As browsers write it: in lower case, without a default port."""
    if value == "*" or not isinstance(value, str):
        return value
    match = _ORIGIN.fullmatch(value.lower())
    if match is None or int(match[3] or 0) > _MAX_PORT:
        raise ValueError("is no origin, as https://app.example, without a path; or *")
    scheme, host, port = match.groups()
    return f"{scheme}://{host}" + (f":{port}" if port and (scheme, port) not in _DEFAULT_PORTS else "")


_ORIGIN = re.compile(r"([a-z][a-z0-9+.-]*)://([a-z0-9._-]+|\[[0-9a-f:.]+\])(?::([0-9]{1,5}))?")
_MAX_PORT = 65535
_DEFAULT_PORTS = {("http", "80"), ("https", "443")}
Origin = Annotated[str, BeforeValidator(_origin)]


def _workers(count: int, info: ValidationInfo) -> int:
    # Absent where it is wrong itself.
    if count > 1 and info.data.get("rate_limits") and info.data.get("redis_url") is None:
        raise ValueError(
            "more than one cannot count requests together: GATEWAY_RATE_LIMITS needs GATEWAY_REDIS_URL then"
        )
    return count


class Settings(BaseSettings):
    """Times are in seconds, at most an hour; sizes are in bytes. A variable that is empty counts as not set."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_ignore_empty=True, frozen=True, hide_input_in_errors=True, extra="ignore"
    )

    host: Annotated[str, AfterValidator(_host)] = Field(
        "127.0.0.1", description="The address to listen on; `0.0.0.0` for all."
    )
    port: int = Field(8000, ge=0, le=_MAX_PORT, description="The port to listen on; 0 takes a free one.")
    shutdown_timeout: float = Field(
        10, ge=0, le=3600, description="How long open requests may take to finish when the service stops."
    )
    request_head_timeout: Seconds = Field(
        10, description="How long a request line and its header fields may take to arrive; after that, 408."
    )
    request_body_timeout: Seconds = Field(
        30, description="How long a request's body may take to arrive; after that, 408."
    )
    response_send_timeout: Seconds = Field(
        30, description="How long a client may leave an answer unread before its connection is dropped."
    )
    keepalive_timeout: Seconds = Field(
        75, description="How long a connection may stay idle; set it longer than the load balancer's own timeout."
    )
    max_connections: int = Field(10_000, ge=1, description="Open connections in total; a further one is answered 503.")
    max_connections_per_address: int = Field(
        2000,
        ge=1,
        description="Open connections from one address, except trusted proxies; a further one is answered 429.",
    )
    compression: bool = Field(True, description="Whether answers are compressed for clients that accept zstd or gzip.")
    compression_min_size: int = Field(1024, ge=0, description="Answers of fewer bytes are not compressed.")
    cors_allowed_origins: JsonList[Origin] = Field(
        [],
        description="Origins, as a JSON list, whose pages may call the service from a browser; `*` is any origin. "
        "Browser credentials, such as cookies, are never allowed.",
    )

    log_level: Literal["info", "warning", "error"] = Field(
        "info", description="The lowest level that is logged; each request is logged at `info`."
    )
    log_format: Literal["json", "console"] = Field(
        "json", description="`json`: one JSON object per line; `console`: text for people."
    )

    database_url: Annotated[SecretStr, AfterValidator(_database_url)] = Field(
        SecretStr("sqlite+aiosqlite:///gateway.db"),
        description="`sqlite+aiosqlite:///path` or `postgresql+asyncpg://user:password@host/database`.",
    )
    database_pool_size: int = Field(
        10,
        ge=1,
        le=1000,
        description="The largest number of database connections for requests, in each worker; on PostgreSQL without "
        "pgbouncer, one more connection listens for changes.",
    )
    database_pool_timeout: Seconds = Field(
        5,
        description="How long a request waits for a free connection, or for its turn to write, before it is answered 503.",
    )
    database_connect_timeout: Seconds = Field(5, description="How long a new connection may take.")
    database_statement_timeout: Seconds = Field(
        5, description="How long one statement may take; for SQLite, how long it waits for a lock."
    )
    database_behind_pgbouncer: bool = Field(
        False,
        description="Whether the connection goes through pgbouncer in transaction mode: prepared statements are not "
        "kept then.",
    )
    redis_url: Annotated[SecretStr, AfterValidator(_redis_url)] | None = Field(
        None,
        description="`redis://host:6379/0`: a Redis that replicas share, to count rate limits and to announce changes.",
    )

    rate_limits: bool = Field(False, description="Whether requests are counted and limited per key.")
    rate_limit_per_minute: int = Field(480, ge=1, description="Requests of one key in any 60 seconds.")
    rate_limit_per_hour: int = Field(4800, ge=1, description="Requests of one key in any hour.")

    trusted_proxies: JsonList[Network] = Field(
        [],
        description="Networks, as a JSON list, of proxies whose `X-Forwarded-Proto` and `X-Forwarded-Host` are trusted, "
        "and whose connections are not counted per address.",
    )
    metrics: bool = Field(
        False, description="Whether `/metrics` answers, for Prometheus. It needs no key: block it at the proxy."
    )
    workers: Annotated[int, AfterValidator(_workers)] = Field(
        1,
        ge=1,
        le=256,
        description="How many processes share the port; `gateway serve --workers` overrides it. Memory and all limits on "
        "connections, also to the database, are per process.",
    )
    worker_timeout: float = Field(
        30,
        ge=3,
        le=3600,
        description="Of several workers, one whose event loop stands still for so long is killed and replaced.",
    )
    max_body_size: int = Field(
        1024 * 1024, ge=1024, description="Bytes of a request body; a larger one is answered 413."
    )
    document_cache_size: int = Field(
        8 * 1024 * 1024,
        ge=0,
        description="How many bytes of memory the cache of parsed, validated and compiled documents may take. "
        "A typical document takes about 30,000.",
    )
    operation_timeout: Seconds = Field(10, description="How long a GraphQL operation may take.")
    websocket_init_timeout: Seconds = Field(
        3, description="How long a WebSocket may stay open without `connection_init`."
    )
    websocket_ping_interval: Seconds = Field(
        15, description="How often a WebSocket is pinged; one that does not answer is closed."
    )
    stream_heartbeat: Seconds = Field(
        15, description="How often an idle stream of server-sent events sends an empty comment."
    )
    stream_send_timeout: Seconds = Field(
        10,
        description="How long a client of a stream or WebSocket may take to read what it is sent; after that, its connection is closed.",
    )
    max_subscriptions: int = Field(20, ge=1, description="Operations that may run at the same time over one WebSocket.")
    max_tokens: int = Field(2000, ge=1, description="Tokens of a GraphQL document; comments count too.")
    max_literal_length: int = Field(
        65_536, ge=1, description="Characters in all string literals of a document; variables have no such limit."
    )
    max_variable_values: int = Field(
        10_000, ge=1, description="Values in all lists and objects of a request's variables."
    )
    max_field_comparisons: int = Field(
        5_000,
        ge=1,
        description="Comparisons of fields with the same response name, to check that they can be merged; fields of a "
        "fragment count each time it is spread.",
    )
    max_depth: int = Field(12, ge=1, description="How deeply the fields of a GraphQL operation may be nested.")
    max_introspection_depth: int = Field(
        20, ge=15, description="The same below `__schema` and `__type`; the standard introspection query needs 14."
    )
    max_fields: int = Field(
        2000, ge=1, description="Fields of an operation; fields of a fragment count each time it is spread."
    )
    max_root_fields: int = Field(30, ge=1, description="Fields at the root of an operation.")
    max_aliases: int = Field(30, ge=0, description="Aliases in an operation.")
    max_directives: int = Field(50, ge=0, description="Directives in an operation.")
    max_nodes: int = Field(
        10_000, ge=1, description="Objects that an operation may return, computed from its page sizes before it runs."
    )
    max_values: int = Field(200_000, ge=1, description="Fields that an operation may return, computed in the same way.")
    max_validation_errors: int = Field(
        5,
        ge=1,
        description="How many errors of a document, or of variables, are reported; one more tells that there are others.",
    )
    persisted_queries: bool = Field(True, description="Whether clients may use automatic persisted queries.")
    trusted_documents: Path | None = Field(
        None,
        description="The file with the manifest of trusted documents, as Relay, graphql-codegen or Apollo write it. No other "
        "document runs then.",
    )
    http_status_profile: Literal["stable", "draft"] = Field(
        "stable",
        description="`draft` answers with the statuses of the newest GraphQL-over-HTTP draft: 422 for invalid documents "
        "and variables, 294 for answers with errors.",
    )
    introspection: Literal["public", "key", "off"] = Field(
        "public", description="Who may introspect the schema: everyone, callers with a key, or nobody."
    )
    graphiql: bool = Field(True, description="Whether a browser that opens `/graphql` gets GraphiQL.")
    cursor_secret: Annotated[SecretStr, AfterValidator(_cursor_secret)] | None = Field(
        None,
        description="The secret that signs cursors, at least 32 characters. If not set, one is made once and kept in the database.",
    )

    def database(self) -> DatabaseConfig:
        return DatabaseConfig(
            url=self.database_url.get_secret_value(),
            pool_size=self.database_pool_size,
            pool_timeout=self.database_pool_timeout,
            connect_timeout=self.database_connect_timeout,
            statement_timeout=self.database_statement_timeout,
            behind_pgbouncer=self.database_behind_pgbouncer,
        )


def load_settings(**overrides: Any) -> Settings:
    """From the environment; `overrides` win. Raises InvalidSettings."""
    try:
        return Settings(**overrides)
    except ValidationError as error:
        problems = []
        for detail in error.errors(include_input=False, include_context=False):
            name, *rest = map(str, detail["loc"])
            # The rest of a place is an index, then pydantic's own name of a union's member.
            place = f"{PREFIX}{name.upper()}" + "".join(f"[{part}]" for part in rest[:1])
            problems.append(f"{place}: {detail['msg'].removeprefix('Value error, ')}")
        raise InvalidSettings(problems) from None
