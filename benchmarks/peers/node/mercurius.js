// Mercurius with its JIT compiler, on Fastify.
import Fastify from 'fastify'
import mercurius from 'mercurius'
import { openContext, resolvers, schema } from './folders.js'

const { openStore } = await import(process.env.PEER_SQLITE ? './sqlite.js' : './postgresql.js')
const store = openStore()
const app = Fastify()
app.register(mercurius, {
  schema,
  resolvers,
  jit: 1,
  context: (request) => openContext(store, request.headers.authorization)
})
await app.listen({ port: Number(process.env.PEER_PORT), host: '127.0.0.1' })
