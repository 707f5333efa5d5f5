// PostGraphile 5: the schema comes from the tables, access from the policies of postgraphile.sql.
import './with_resolvers.js'
import { createHash } from 'node:crypto'
import { createServer } from 'node:http'
import pg from 'pg'
import { postgraphile } from 'postgraphile'
import { makePgService } from 'postgraphile/adaptors/pg'
import { grafserv } from 'postgraphile/grafserv/node'
import { PostGraphileAmberPreset } from 'postgraphile/presets/amber'

const pool = new pg.Pool({ host: process.env.PEER_HOST, database: process.env.PEER_DATABASE, user: 'postgres' })

async function findUser (authorization) {
  const key = authorization?.startsWith('Bearer ') ? authorization.slice(7) : ''
  const found = await pool.query({
    name: 'user',
    text: `SELECT u.id FROM api_keys k JOIN users u ON u.id = k.user_id
      WHERE k.hash = $1 AND k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > $2) AND u.is_active`,
    values: [createHash('sha256').update(key).digest('hex'), Date.now() * 1000]
  })
  if (found.rows.length === 0) throw new Error('The key is invalid.')
  return found.rows[0].id
}

const instance = postgraphile({
  extends: [PostGraphileAmberPreset],
  pgServices: [makePgService({ pool, schemas: ['public'] })],
  grafast: {
    async context (requestContext) {
      const userId = await findUser(requestContext.node.req.headers.authorization)
      return { pgSettings: { role: 'postgraphile_reader', 'viewer.id': userId } }
    }
  },
  grafserv: { graphqlPath: '/graphql', graphiql: false, watch: false }
})
const server = createServer()
await instance.createServ(grafserv).addTo(server)
server.listen(Number(process.env.PEER_PORT), '127.0.0.1')
