import asyncio
import os

from folders_client import Client, PersistedFolderType, Surface, UpsertPersistedFolderInput

KEY = {"Authorization": f"Bearer {os.environ['FOLDERS_KEY']}"}


async def main() -> None:
    client = Client(
        url="http://127.0.0.1:8000/graphql",
        headers=KEY,
        ws_url="ws://127.0.0.1:8000/graphql",
        ws_connection_init_payload=KEY,
    )
    async with client:
        after = None
        while True:
            page = (await client.folder_page(count=2, after=after)).viewer.persisted_folders
            for folder in page.nodes:
                print(folder.type_.value, folder.location, folder.updated_at.tzinfo)
            after = page.page_info.end_cursor
            if not page.page_info.has_next_page:
                break

        home = UpsertPersistedFolderInput(
            projectId="1", surface=Surface.WEB, type=PersistedFolderType.HOME, protocol="products://", path="Growth"
        )
        saved = (await client.save_folder(home)).upsert_persisted_folder
        if saved.persisted_folder is None:
            raise SystemExit(saved.user_errors[0].message)
        print("saved", saved.persisted_folder.location)

        async for change in client.folder_changed(project_id="1"):
            print(change.persisted_folder_changed.kind.value, change.persisted_folder_changed.persisted_folder.location)


asyncio.run(main())
