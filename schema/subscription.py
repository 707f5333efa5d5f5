"""The subscription: committed changes of the viewer's folders, as they come."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated

import strawberry

from gateway.model import ChangeKind, Surface
from schema.context import Info
from schema.query import EnvironmentId, ProjectId
from schema.types import PersistedFolder, shown


@strawberry.type(description="A committed change of a folder.")
class PersistedFolderChange:
    kind: ChangeKind = strawberry.field(description="What happened to the folder.")
    persisted_folder: PersistedFolder = strawberry.field(
        description="The folder after the change; for DELETED, as it was before."
    )
    cursor: str = strawberry.field(description="Opaque; pass it as `after` to continue after this change.")


@strawberry.type(description="The subscriptions. They need a key with the scope `persisted_folder:read`.")
class Subscription:
    @strawberry.subscription(
        description="Each change to the viewer's folders in one environment, in the order of commit; on one surface, "
        "or on all if `surface` is omitted. With `after`, the changes since that cursor come first."
    )
    async def persisted_folder_changed(
        self,
        info: Info,
        project_id: ProjectId = None,
        environment_id: EnvironmentId = None,
        surface: Annotated[
            Surface | None, strawberry.argument(description="Only this surface; all surfaces if omitted.")
        ] = None,
        after: Annotated[
            str | None,
            strawberry.argument(
                description="The cursor of the last change that the client has seen, at most an hour old."
            ),
        ] = None,
    ) -> AsyncGenerator[PersistedFolderChange, None]:
        context = info.context
        caller = context.caller
        place = context.place_or_current(project_id, environment_id)
        grants = [await context.read_grant(place, each) for each in ([surface] if surface else Surface)]
        cursors = context.cursors.bind(
            "Subscription.persistedFolderChanged", str(caller.user_id), grants[0].environment.id
        )
        # A browser that connects again by itself repeats the argument, and knows better by then.
        seen = context.last_event_id or after
        position = None if seen is None else int(cursors.decode(seen, "after")[0])
        async with aclosing(context.changes.follow(caller, grants, position, context.turn)) as changes:
            async for change, fresh in changes:
                context.start_over(fresh, change.environment)
                context.event_id = cursors.encode((change.number,))
                yield PersistedFolderChange(
                    kind=change.kind,
                    persisted_folder=shown(change.folder),
                    cursor=context.event_id,
                )
