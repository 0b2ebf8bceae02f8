-- What a worker may do with the ledger of one edition: send its mailing, and nothing else. It plans
-- nothing, drops nothing, and changes neither table, bundle nor the facts of the edition; of `fact`
-- the policies in schema.sql let it change when the edition was finished.
GRANT USAGE ON SCHEMA {schema} TO {worker};
GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO {worker};
GRANT USAGE ON SEQUENCE delivery_number, reply_number TO {worker};
GRANT INSERT (pid, host, version, role, suspected_since, after), UPDATE (live, suspected_since)
  ON worker TO {worker};
GRANT UPDATE (next_slot, stop, stop_code) ON mailing TO {worker};
GRANT UPDATE (free) ON allowance TO {worker};
GRANT UPDATE (timeline, replicated, behind) ON origin TO {worker};
GRANT INSERT, DELETE ON fact TO {worker};
GRANT UPDATE (next), DELETE ON block TO {worker};
GRANT INSERT (id, part, message_id, date, attempt), UPDATE (due, message_id, date, tries, tries_since, attempt)
  ON delivery TO {worker};
GRANT UPDATE (delivery_id, status, reason, attempts, due, first_attempt_at, settled_at, reply_id,
  resend, digest) ON recipient TO {worker};
GRANT INSERT, UPDATE, DELETE ON lease, copy TO {worker};
GRANT INSERT ON point TO {worker};
GRANT INSERT, UPDATE (worker) ON reply TO {worker};
