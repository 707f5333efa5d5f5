"""The keys of `workspace.json`, by what they are for."""

from __future__ import annotations

from typing import Final

ADA: Final = "phx_ada_all_00000000000000000000000000"
ADA_WRITE: Final = "phx_ada_write_000000000000000000000000"
ADA_READ: Final = "phx_ada_read_0000000000000000000000000"
ADA_OTHER_SCOPE: Final = "phx_ada_insight_0000000000000000000000"
ADA_ENVIRONMENT_2: Final = "phx_ada_team2_000000000000000000000000"
ADA_ORGANIZATION_2: Final = "phx_ada_org2_0000000000000000000000000"
GRACE: Final = "phx_grace_all_000000000000000000000000"
EVE: Final = "phx_eve_all_00000000000000000000000000"
GONE: Final = "phx_gone_all_0000000000000000000000000"


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}
