"""Limits in time that no busy machine reaches: what is not about a limit is not to be ended by it."""

from __future__ import annotations

from typing import Final

PATIENCE_SECONDS: Final = 120
"""For what must come, and would never come otherwise: until then a test does not give up."""

# Of the service; those that a test is about it sets itself.
PATIENT: Final = dict.fromkeys(
    (
        "request_head_timeout",
        "request_body_timeout",
        "response_send_timeout",
        "database_pool_timeout",
        "database_connect_timeout",
        "database_statement_timeout",
        "operation_timeout",
        "websocket_init_timeout",
        "websocket_ping_interval",
        "stream_send_timeout",
    ),
    PATIENCE_SECONDS,
)
