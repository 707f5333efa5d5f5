// What Mercurius and GraphQL Yoga share: the schema, its resolvers, and the loaders of a request.
import { createHash, randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import DataLoader from 'dataloader'
import { GraphQLError } from 'graphql'

export const schema = readFileSync(new URL('../schema.graphql', import.meta.url), 'utf8')

export async function openContext (store, authorization) {
  const key = authorization?.startsWith('Bearer ') ? authorization.slice(7) : ''
  const userId = await store.findUser(createHash('sha256').update(key).digest('hex'), Date.now() * 1000)
  if (!userId) throw new GraphQLError('The key is invalid.', { extensions: { http: { status: 401 } } })
  return {
    store,
    userId,
    environments: new DataLoader(async (ids) => {
      const rows = await store.findEnvironments(userId, ids)
      const reachable = new Set(rows.map((row) => row.id))
      return ids.map((id) => reachable.has(id))
    }),
    folders: new DataLoader(async (places) => {
      const ids = [...new Set(places.map((place) => place.environmentId))]
      const surfaces = [...new Set(places.map((place) => place.surface))]
      const byPlace = new Map(places.map((place) => [placeKey(place), []]))
      for (const row of await store.findFolders(userId, ids, surfaces)) {
        byPlace.get(placeKey({ environmentId: row.environment_id, surface: row.surface }))?.push(row)
      }
      return places.map((place) => byPlace.get(placeKey(place)))
    }, { cacheKeyFn: placeKey })
  }
}

const placeKey = (place) => `${place.environmentId} ${place.surface}`

async function list (context, environmentId, surface) {
  const rows = await context.folders.load({ environmentId, surface: surface.toLowerCase() })
  const edges = rows.map((row) => ({ cursor: base64(`${environmentId}:${surface}:${row.type}`), node: folder(row) }))
  return {
    edges,
    pageInfo: { hasNextPage: false, endCursor: edges.at(-1)?.cursor ?? null },
    totalCount: edges.length
  }
}

async function requireEnvironment (context, id) {
  if (!await context.environments.load(id)) throw new GraphQLError('Project not found.')
}

const folder = (row) => ({
  id: base64(`PersistedFolder:${row.id}`),
  type: row.type.toUpperCase(),
  protocol: row.protocol,
  path: row.path,
  createdAt: time(Number(row.created_at)),
  updatedAt: time(Number(row.updated_at))
})

const base64 = (text) => Buffer.from(text).toString('base64')

// A Date holds milliseconds; the rows hold microseconds.
const time = (microseconds) =>
  new Date(microseconds / 1000).toISOString().slice(0, -1) + String(microseconds % 1000).padStart(3, '0') + 'Z'

export const resolvers = {
  Query: {
    async persistedFolders (_, { environmentId, surface }, context) {
      const id = Number(environmentId)
      await requireEnvironment(context, id)
      return list(context, id, surface)
    },
    viewer: () => ({})
  },
  Viewer: {
    environments: async (_, { first }, context) => ({
      nodes: await context.store.listEnvironments(context.userId, first)
    })
  },
  Environment: {
    environmentId: (environment) => environment.id,
    persistedFolders: (environment, { surface }, context) => list(context, environment.id, surface)
  },
  Mutation: {
    async upsertPersistedFolder (_, { input }, context) {
      const environmentId = Number(input.environmentId)
      await requireEnvironment(context, environmentId)
      const id = randomUUID()
      const stored = await context.store.upsert({
        environmentId,
        id,
        userId: context.userId,
        surface: input.surface.toLowerCase(),
        type: input.type.toLowerCase(),
        protocol: input.protocol,
        path: input.path,
        now: Date.now() * 1000
      })
      return { created: stored.id === id, persistedFolder: folder(stored), userErrors: [] }
    }
  }
}
