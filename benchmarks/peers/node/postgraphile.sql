-- What PostGraphile's users write instead of code: a role, and policies that check access.
CREATE ROLE postgraphile_reader;
GRANT SELECT ON persisted_folders, environments TO postgraphile_reader;

CREATE FUNCTION viewer_id() RETURNS uuid LANGUAGE sql STABLE AS
  $$ SELECT nullif(current_setting('viewer.id', true), '')::uuid $$;
CREATE FUNCTION viewer_environments() RETURNS SETOF bigint LANGUAGE sql STABLE SECURITY DEFINER AS $$
  SELECT e.id FROM environments e JOIN projects p ON p.id = e.project_id
  JOIN memberships m ON m.organization_id = p.organization_id WHERE m.user_id = viewer_id()
$$;
COMMENT ON FUNCTION viewer_id() IS '@behavior -*';
COMMENT ON FUNCTION viewer_environments() IS '@behavior -*';

ALTER TABLE persisted_folders ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON persisted_folders FOR SELECT TO postgraphile_reader
  USING (user_id = (SELECT viewer_id()) AND environment_id IN (SELECT viewer_environments()));
ALTER TABLE environments ENABLE ROW LEVEL SECURITY;
CREATE POLICY reachable ON environments FOR SELECT TO postgraphile_reader
  USING (id IN (SELECT viewer_environments()));

COMMENT ON COLUMN persisted_folders.surface IS '@behavior +attribute:filterBy';
COMMENT ON COLUMN persisted_folders.type IS '@behavior +attribute:orderBy';
