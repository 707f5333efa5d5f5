import asyncio
import os

from gql import Client, gql
from gql.dsl import DSLQuery, DSLSchema, dsl_gql
from gql.transport.aiohttp import AIOHTTPTransport
from gql.transport.aiohttp_websockets import AIOHTTPWebsocketsTransport

KEY = {"Authorization": f"Bearer {os.environ['FOLDERS_KEY']}"}

SAVE = gql("""
    mutation Save($input: UpsertPersistedFolderInput!) {
      upsertPersistedFolder(input: $input) {
        persistedFolder { location }
        userErrors { code message }
      }
    }
""")
CHANGES = gql("""
    subscription Changes($project: ID) {
      persistedFolderChanged(projectId: $project) { kind persistedFolder { location } }
    }
""")


async def main() -> None:
    http = AIOHTTPTransport("http://127.0.0.1:8000/graphql", headers=KEY)
    async with Client(transport=http, fetch_schema_from_transport=True) as session:
        assert session.client.schema is not None
        schema = DSLSchema(session.client.schema)
        nodes = schema.PersistedFolderConnection.nodes.select(
            schema.PersistedFolder.type, schema.PersistedFolder.location
        )
        query = dsl_gql(DSLQuery(schema.Query.persistedFolders(projectId=1, first=2).select(nodes)))
        for folder in (await session.execute(query))["persistedFolders"]["nodes"]:
            print(folder["type"], folder["location"])

        SAVE.variable_values = {"input": {"projectId": 1, "type": "HOME", "path": "Growth"}}
        saved = (await session.execute(SAVE))["upsertPersistedFolder"]
        print("saved", saved["persistedFolder"]["location"])

    websocket = AIOHTTPWebsocketsTransport("ws://127.0.0.1:8000/graphql", init_payload=KEY)
    async with Client(transport=websocket) as session:
        CHANGES.variable_values = {"project": 1}
        async for change in session.subscribe(CHANGES):
            print(
                change["persistedFolderChanged"]["kind"],
                change["persistedFolderChanged"]["persistedFolder"]["location"],
            )


asyncio.run(main())
