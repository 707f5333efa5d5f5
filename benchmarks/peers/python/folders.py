"""How the Python peers write a folder."""

from __future__ import annotations

import base64
import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def key_hash(authorization: str | None) -> str:
    key = (authorization or "").removeprefix("Bearer ")
    return hashlib.sha256(key.encode()).hexdigest()


def time(microseconds: int) -> str:
    moment = _EPOCH + timedelta(microseconds=microseconds)
    return moment.isoformat(timespec="microseconds")[:26] + "Z"


def node_id(folder_id: UUID | str) -> str:
    return base64.b64encode(f"PersistedFolder:{folder_id}".encode()).decode()


def cursor(environment_id: int, surface: str, folder_type: str) -> str:
    return base64.b64encode(f"{environment_id}:{surface}:{folder_type}".encode()).decode()


def node(row: Any) -> dict[str, Any]:
    return {
        "id": node_id(row["id"]),
        "type": row["type"].upper(),
        "protocol": row["protocol"],
        "path": row["path"],
        "createdAt": time(row["created_at"]),
        "updatedAt": time(row["updated_at"]),
    }


def connection(rows: list[Any], environment_id: int, surface: str) -> dict[str, Any]:
    edges = [{"cursor": cursor(environment_id, surface, row["type"]), "node": node(row)} for row in rows]
    return {
        "edges": edges,
        "pageInfo": {"hasNextPage": False, "endCursor": edges[-1]["cursor"] if edges else None},
        "totalCount": len(edges),
    }
