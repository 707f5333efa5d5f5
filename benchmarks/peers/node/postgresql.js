// The statements on PostgreSQL. They are named, so that `pg` prepares each once for a connection.
import pg from 'pg'

export function openStore () {
  const pool = new pg.Pool({
    host: process.env.PEER_HOST,
    database: process.env.PEER_DATABASE,
    user: 'postgres'
  })
  const rows = async (name, text, values) => (await pool.query({ name, text, values })).rows

  return {
    async findUser (hash, now) {
      const found = await rows('user', `
        SELECT u.id FROM api_keys k JOIN users u ON u.id = k.user_id
        WHERE k.hash = $1 AND k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > $2) AND u.is_active`,
      [hash, now])
      return found[0]?.id
    },

    async findEnvironments (userId, ids) {
      return rows('environments', `
        SELECT e.id::int AS id FROM environments e JOIN projects p ON p.id = e.project_id
        JOIN memberships m ON m.organization_id = p.organization_id
        WHERE e.id = ANY($2::bigint[]) AND m.user_id = $1`,
      [userId, ids])
    },

    async listEnvironments (userId, first) {
      return rows('viewer', `
        SELECT e.id::int AS id FROM environments e JOIN projects p ON p.id = e.project_id
        JOIN memberships m ON m.organization_id = p.organization_id
        WHERE m.user_id = $1 ORDER BY e.id LIMIT $2`,
      [userId, first])
    },

    async findFolders (userId, ids, surfaces) {
      return rows('folders', `
        SELECT environment_id::int AS environment_id, id, surface, type, protocol, path, created_at, updated_at
        FROM persisted_folders
        WHERE user_id = $1 AND environment_id = ANY($2::bigint[]) AND surface = ANY($3) ORDER BY type`,
      [userId, ids, surfaces])
    },

    async upsert (folder) {
      const [stored] = await rows('upsert', `
        INSERT INTO persisted_folders
          (environment_id, id, user_id, surface, type, protocol, path, created_at, updated_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8)
        ON CONFLICT (environment_id, user_id, surface, type) DO UPDATE
          SET protocol = excluded.protocol, path = excluded.path, updated_at = excluded.updated_at
        RETURNING id, type, protocol, path, created_at, updated_at`,
      [folder.environmentId, folder.id, folder.userId, folder.surface, folder.type, folder.protocol, folder.path,
        folder.now])
      return stored
    }
  }
}
