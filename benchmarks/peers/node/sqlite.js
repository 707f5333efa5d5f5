// The same statements on SQLite, with better-sqlite3. UUIDs stand there as 32 hexadecimal digits.
import Database from 'better-sqlite3'

export function openStore () {
  const database = new Database(process.env.PEER_SQLITE)
  for (const pragma of ['journal_mode = WAL', 'synchronous = FULL', 'foreign_keys = ON']) database.pragma(pragma)

  const user = database.prepare(`
    SELECT u.id FROM api_keys k JOIN users u ON u.id = k.user_id
    WHERE k.hash = ? AND k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > ?) AND u.is_active`)
  const environments = database.prepare(`
    SELECT e.id FROM environments e JOIN projects p ON p.id = e.project_id
    JOIN memberships m ON m.organization_id = p.organization_id
    WHERE e.id IN (SELECT value FROM json_each(?)) AND m.user_id = ?`)
  const viewer = database.prepare(`
    SELECT e.id FROM environments e JOIN projects p ON p.id = e.project_id
    JOIN memberships m ON m.organization_id = p.organization_id
    WHERE m.user_id = ? ORDER BY e.id LIMIT ?`)
  const folders = database.prepare(`
    SELECT environment_id, id, surface, type, protocol, path, created_at, updated_at FROM persisted_folders
    WHERE user_id = ? AND environment_id IN (SELECT value FROM json_each(?))
      AND surface IN (SELECT value FROM json_each(?)) ORDER BY type`)
  const upsert = database.prepare(`
    INSERT INTO persisted_folders (environment_id, id, user_id, surface, type, protocol, path, created_at, updated_at)
    VALUES (@environmentId, @id, @userId, @surface, @type, @protocol, @path, @now, @now)
    ON CONFLICT (environment_id, user_id, surface, type) DO UPDATE
      SET protocol = excluded.protocol, path = excluded.path, updated_at = excluded.updated_at
    RETURNING id, type, protocol, path, created_at, updated_at`)

  return {
    findUser: (hash, now) => user.get(hash, now)?.id,
    findEnvironments: (userId, ids) => environments.all(JSON.stringify(ids), userId),
    listEnvironments: (userId, first) => viewer.all(userId, first),
    findFolders: (userId, ids, surfaces) =>
      folders.all(userId, JSON.stringify(ids), JSON.stringify(surfaces)).map(withHyphens),
    upsert: (folder) => withHyphens(upsert.get({ ...folder, id: folder.id.replaceAll('-', '') }))
  }
}

function withHyphens (row) {
  const hex = row.id
  row.id = `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
  return row
}
