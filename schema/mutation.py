"""The mutations. What a person can correct comes back as `userErrors`; all else is an error."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, TypeVar
from uuid import UUID

import strawberry

from gateway.access import FolderWriteReach, WriteGrant
from gateway.errors import Conflict, GatewayError, InvalidField, InvalidFields, NotFound, Stale
from gateway.folders import FolderInput
from gateway.model import DEFAULT_PATH, DEFAULT_PROTOCOL, Folder, FolderType, Surface, Timestamp
from schema import ids
from schema.context import Context, Info
from schema.enums import UserErrorCode
from schema.query import ENVIRONMENT_ID, PROJECT_ID
from schema.types import PersistedFolder, shown

T = TypeVar("T")

_PROTOCOL = "Prefix of the location; 1 to 64 characters. Spaces around it are trimmed."
_PATH = "Path within the protocol; at most 4,096 characters. Spaces around it are trimmed."
_FOLDER_ID = "Node id or UUID."
_EXPECTED = "The `updatedAt` that was read; if the folder has changed since, nothing is done and the error is `STALE`."

# What a person can correct about a folder that is there; GatewayErrors of another kind are errors of the operation.
_CORRECTABLE = (InvalidFields, Conflict, Stale, NotFound)


@strawberry.type(description="A mistake in the input that a person can correct.")
class UserError:
    code: UserErrorCode = strawberry.field(description="The cause, for programs.")
    field: list[str] | None = strawberry.field(
        description='Path of the input field, for example `["folders", "1", "path"]`; null if no single field is wrong.'
    )
    message: str = strawberry.field(description="The cause, for people.")


@strawberry.input(
    description="Creates the folder, or overwrites the existing one of this type: omitted fields are reset to their "
    "defaults."
)
class UpsertPersistedFolderInput:
    type: FolderType = strawberry.field(description="Which of the viewer's folders.")
    project_id: strawberry.ID | None = strawberry.field(default=None, description=PROJECT_ID)
    environment_id: strawberry.ID | None = strawberry.field(default=None, description=ENVIRONMENT_ID)
    surface: Surface = strawberry.field(default=Surface.WEB, description="The surface that the folder belongs to.")
    protocol: str = strawberry.field(default=DEFAULT_PROTOCOL, description=_PROTOCOL)
    path: str = strawberry.field(default=DEFAULT_PATH, description=_PATH)


@strawberry.type(description="The folder that was saved, or the reasons why it was not.")
class UpsertPersistedFolderPayload:
    persisted_folder: PersistedFolder | None = strawberry.field(
        default=None, description="Null if, and only if, `userErrors` has entries."
    )
    created: bool = strawberry.field(default=False, description="Whether the folder is new.")
    user_errors: list[UserError] = strawberry.field(
        default_factory=list, description="Empty if the mutation succeeded."
    )


@strawberry.input(description="One folder of a set that is saved together.")
class PersistedFolderDraft:
    type: FolderType = strawberry.field(description="Which of the viewer's folders.")
    protocol: str = strawberry.field(default=DEFAULT_PROTOCOL, description=_PROTOCOL)
    path: str = strawberry.field(default=DEFAULT_PATH, description=_PATH)


@strawberry.input(
    description="Creates or overwrites several folders of one place, all or none. Each type may be in the list once."
)
class UpsertPersistedFoldersInput:
    folders: list[PersistedFolderDraft] = strawberry.field(description="The folders, at most three.")
    project_id: strawberry.ID | None = strawberry.field(default=None, description=PROJECT_ID)
    environment_id: strawberry.ID | None = strawberry.field(default=None, description=ENVIRONMENT_ID)
    surface: Surface = strawberry.field(default=Surface.WEB, description="The surface that the folders belong to.")


@strawberry.type(description="The folders that were saved, or the reasons why none was.")
class UpsertPersistedFoldersPayload:
    persisted_folders: list[PersistedFolder] = strawberry.field(
        default_factory=list, description="In the order of the input; empty if `userErrors` has entries."
    )
    user_errors: list[UserError] = strawberry.field(
        default_factory=list, description="Empty if the mutation succeeded."
    )


@strawberry.input(description="Changes only the fields that are given.")
class UpdatePersistedFolderInput:
    id: strawberry.ID = strawberry.field(description=_FOLDER_ID)
    project_id: strawberry.ID | None = strawberry.field(default=strawberry.UNSET, description=PROJECT_ID)
    environment_id: strawberry.ID | None = strawberry.field(default=strawberry.UNSET, description=ENVIRONMENT_ID)
    surface: Surface | None = strawberry.field(
        default=strawberry.UNSET, description="Only a folder of this surface; of any surface if omitted."
    )
    type: FolderType | None = strawberry.field(default=strawberry.UNSET, description="The new type; may not be null.")
    protocol: str | None = strawberry.field(
        default=strawberry.UNSET, description="The new protocol, 1 to 64 characters; may not be null."
    )
    path: str | None = strawberry.field(
        default=strawberry.UNSET, description="The new path, at most 4,096 characters; may not be null."
    )
    expected_updated_at: Timestamp | None = strawberry.field(default=strawberry.UNSET, description=_EXPECTED)


@strawberry.type(description="The folder after the change, or the reasons why it was not changed.")
class UpdatePersistedFolderPayload:
    persisted_folder: PersistedFolder | None = strawberry.field(
        default=None, description="Null if, and only if, `userErrors` has entries."
    )
    user_errors: list[UserError] = strawberry.field(
        default_factory=list, description="Empty if the mutation succeeded."
    )


@strawberry.input(description="The folder to delete.")
class DeletePersistedFolderInput:
    id: strawberry.ID = strawberry.field(description=_FOLDER_ID)
    project_id: strawberry.ID | None = strawberry.field(default=strawberry.UNSET, description=PROJECT_ID)
    environment_id: strawberry.ID | None = strawberry.field(default=strawberry.UNSET, description=ENVIRONMENT_ID)
    surface: Surface | None = strawberry.field(
        default=strawberry.UNSET, description="Only a folder of this surface; of any surface if omitted."
    )
    expected_updated_at: Timestamp | None = strawberry.field(default=strawberry.UNSET, description=_EXPECTED)


@strawberry.type(description="The id of the deleted folder, or the reasons why it was not deleted.")
class DeletePersistedFolderPayload:
    deleted_persisted_folder_id: strawberry.ID | None = strawberry.field(
        default=None, description="The Node id of the deleted folder, for clients to remove from their caches."
    )
    user_errors: list[UserError] = strawberry.field(
        default_factory=list, description="Empty if the mutation succeeded."
    )


@strawberry.type(description="The mutations. All fields need a key with the scope `persisted_folder:write`.")
class Mutation:
    @strawberry.mutation(description="Saves one folder of the viewer: creates it, or overwrites the existing one.")
    async def upsert_persisted_folder(
        self,
        info: Info,
        input: Annotated[UpsertPersistedFolderInput, strawberry.argument(description="The folder to save, and where.")],
    ) -> UpsertPersistedFolderPayload:
        place = info.context.place_or_current(input.project_id, input.environment_id)
        (grant,) = await info.context.write_grants(place, input.surface)
        folder = FolderInput(input.type, input.protocol, input.path)
        try:
            stored, created = await info.context.folders.upsert(grant, folder)
        except InvalidFields as error:
            return UpsertPersistedFolderPayload(user_errors=_user_errors(error))
        return UpsertPersistedFolderPayload(persisted_folder=shown(stored), created=created)

    @strawberry.mutation(description="Saves several folders of the viewer in one place, all or none.")
    async def upsert_persisted_folders(
        self,
        info: Info,
        input: Annotated[
            UpsertPersistedFoldersInput, strawberry.argument(description="The folders to save, and where.")
        ],
    ) -> UpsertPersistedFoldersPayload:
        place = info.context.place_or_current(input.project_id, input.environment_id)
        (grant,) = await info.context.write_grants(place, input.surface)
        folders = [FolderInput(draft.type, draft.protocol, draft.path) for draft in input.folders]
        try:
            stored = await info.context.folders.upsert_all(grant, folders)
        except InvalidFields as error:
            return UpsertPersistedFoldersPayload(user_errors=_user_errors(error, "folders"))
        return UpsertPersistedFoldersPayload(persisted_folders=[shown(folder) for folder, _ in stored])

    @strawberry.mutation(description="Changes one folder of the viewer.")
    async def update_persisted_folder(
        self,
        info: Info,
        input: Annotated[
            UpdatePersistedFolderInput, strawberry.argument(description="Which folder to change, and how.")
        ],
    ) -> UpdatePersistedFolderPayload:
        access = await _places(info.context, input)
        folder = FolderInput(_given("type", input.type), _given("protocol", input.protocol), _given("path", input.path))
        try:
            stored = await info.context.folders.update(
                access, _folder_id(input.id), folder, _or_none(input.expected_updated_at)
            )
        except _CORRECTABLE as error:
            return UpdatePersistedFolderPayload(user_errors=_user_errors(error))
        return UpdatePersistedFolderPayload(persisted_folder=shown(stored))

    @strawberry.mutation(description="Deletes one folder of the viewer.")
    async def delete_persisted_folder(
        self,
        info: Info,
        input: Annotated[DeletePersistedFolderInput, strawberry.argument(description="Which folder to delete.")],
    ) -> DeletePersistedFolderPayload:
        access = await _places(info.context, input)
        try:
            folder: Folder = await info.context.folders.delete(
                access, _folder_id(input.id), _or_none(input.expected_updated_at)
            )
        except _CORRECTABLE as error:
            return DeletePersistedFolderPayload(user_errors=_user_errors(error))
        return DeletePersistedFolderPayload(deleted_persisted_folder_id=ids.folder_id(folder.id))


async def _places(
    context: Context, input: UpdatePersistedFolderInput | DeletePersistedFolderInput
) -> Sequence[WriteGrant] | FolderWriteReach:
    """Where the folder may be: at the place that the input names, or anywhere that the key reaches."""
    surface = _or_none(input.surface)
    # An empty text names a place, one that there is not: it must not mean everywhere.
    place = context.place_of(_or_none(input.project_id), _or_none(input.environment_id))
    if place is None:
        return context.caller.write_reach(surface)
    return await context.write_grants(place, *([surface] if surface else Surface))


def _or_none(value: T | None) -> T | None:
    return None if value is strawberry.UNSET else value


def _folder_id(text: str) -> UUID:
    uuid = ids.folder_uuid(text)
    if uuid is None:
        raise NotFound(attr="id")
    return uuid


def _given(field: str, value: T | None) -> T | InvalidField | None:
    """None for what was left out; null, which GraphQL tells from that, is an error."""
    if value is strawberry.UNSET:
        return None
    if value is None:
        return InvalidField("null", "This field may not be null.", attr=field)
    return value


def _user_errors(error: GatewayError, prefix: str | None = None) -> list[UserError]:
    errors = error.fields if isinstance(error, InvalidFields) else (error,)
    return [
        UserError(
            code=UserErrorCode(each.code),
            field=None if each.attr is None else ([prefix] if prefix else []) + each.attr.split("."),
            message=each.detail,
        )
        for each in errors
    ]
