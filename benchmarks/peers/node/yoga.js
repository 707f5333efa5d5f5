// GraphQL Yoga on Node's own HTTP server; it keeps parsed and validated documents by itself.
import { createServer } from 'node:http'
import { createSchema, createYoga } from 'graphql-yoga'
import { openContext, resolvers, schema } from './folders.js'
import { openStore } from './postgresql.js'

const store = openStore()
const yoga = createYoga({
  schema: createSchema({ typeDefs: schema, resolvers }),
  context: ({ request }) => openContext(store, request.headers.get('authorization')),
  logging: false
})
createServer(yoga).listen(Number(process.env.PEER_PORT), '127.0.0.1')
