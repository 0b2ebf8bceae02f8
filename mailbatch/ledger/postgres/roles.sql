-- Two roles for the ledgers of mailbatch in this database. They have no password yet.
DO $$ DECLARE
  here text := quote_ident(current_database());
  known text;
BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{planner}') THEN
    CREATE ROLE {planner} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE;
  END IF;
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{worker}') THEN
    CREATE ROLE {worker} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE;
  END IF;
  EXECUTE 'GRANT CONNECT, CREATE ON DATABASE ' || here || ' TO {planner}';
  EXECUTE 'GRANT CONNECT ON DATABASE ' || here || ' TO {worker}';
  -- The planner gives the worker its rights on each ledger. A role is one for all databases of a
  -- server, so that the comment has the workers of all of them.
  SELECT substring(shobj_description(oid, 'pg_authid') FROM '^mailbatch: its workers? (?:is|are) (.*)$')
    INTO known FROM pg_roles WHERE rolname = '{planner}';
  IF NOT '{worker}' = ANY (string_to_array(coalesce(known, ''), ', ')) THEN
    EXECUTE format('COMMENT ON ROLE {planner} IS %L',
      'mailbatch: its workers are ' || concat_ws(', ', known, '{worker}'));
  END IF;
  -- A commit that is acknowledged is on the disk.
  EXECUTE 'ALTER ROLE {planner} IN DATABASE ' || here || ' SET synchronous_commit = on';
  EXECUTE 'ALTER ROLE {worker} IN DATABASE ' || here || ' SET synchronous_commit = on';
END $$;
