-- The functions of a ledger, beside its tables (`schema.sql`): made with these, and made anew where a
-- ledger of an earlier version is brought to this one.

-- Deliveries that were settled, released or recovered are due when their first recipient is.
CREATE OR REPLACE FUNCTION set_due(deliveries bigint[]) RETURNS void LANGUAGE sql AS $$
  UPDATE delivery AS d SET due = (
    SELECT min(r.due) FROM recipient AS r
    WHERE r.delivery_id = d.id AND r.status IN ('pending', 'deferred'))
  WHERE d.id = ANY (deliveries);
$$;

-- The same for deliveries that another worker may have leased: those are due when it has settled.
CREATE OR REPLACE FUNCTION set_due_behind_leases(deliveries bigint[]) RETURNS void LANGUAGE sql AS $$
  UPDATE lease SET partial = true WHERE delivery_id = ANY (deliveries);
  SELECT set_due(ARRAY (
    SELECT d.id FROM delivery AS d WHERE d.id = ANY (deliveries)
    AND NOT EXISTS (SELECT 1 FROM lease AS l WHERE l.delivery_id = d.id)));
$$;

-- Raises where a worker may not write any more: it was buried, or has left.
CREATE OR REPLACE FUNCTION check_live(me bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  PERFORM 1 FROM worker WHERE id = me AND live;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'worker % is not live', me USING ERRCODE = 'MB001';
  END IF;
END $$;

-- Settle attempts and pass the commit points of others, all or none: one outcome for each row of the
-- recipient table. An array that has nothing but nulls may be empty. Returns when the next deferred
-- delivery is due, a position of the log that the commit is behind of, and the attempt of the last
-- point. All that most records need is one statement, since a statement costs more than its rows; the
-- plan of it is made once in a session, mostly while the tables are small: without these settings it
-- would read whole tables for ever, or be made anew for every call. Fewer nodes are quicker: that the
-- worker is live is asked once, in the snapshot of the statement.
CREATE OR REPLACE FUNCTION record(
  me bigint, settled bigint[],
  recipients bigint[], deliveries bigint[], statuses text[], counted boolean[], replies bigint[],
  reasons text[], dues double precision[], times double precision[],
  reply_ids bigint[], codes integer[], enhanced text[], texts text[], names text[],
  points bigint[], digests bytea[],
  OUT next_due double precision, OUT seen_at pg_lsn, OUT last_attempt integer
) LANGUAGE plpgsql
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
SET enable_memoize = off SET plan_cache_mode = force_generic_plan AS $$
DECLARE
  ended bigint;
  changed bigint;
  passed bigint;
  left_behind bigint[];
  left_over boolean := statuses && ARRAY['pending', 'deferred'];
  relies boolean;
  is_live boolean;
BEGIN
  IF left_over THEN
    UPDATE delivery AS d SET tries = d.tries + 1, tries_since = coalesce(d.tries_since, l.leased_at)
    FROM lease AS l
    WHERE l.delivery_id = d.id AND d.id IN (
      SELECT s.delivery_id
      FROM unnest(deliveries, statuses, counted) AS s (delivery_id, status, counted)
      WHERE s.counted AND s.status IN ('pending', 'deferred'));
  END IF;
  WITH replied AS (
    INSERT INTO reply (id, code, enhanced, text, message_id, worker)
    SELECT *, me FROM unnest(reply_ids, codes, enhanced, texts, names)),
  gone AS (
    DELETE FROM lease AS l WHERE l.delivery_id = ANY (settled) AND l.worker = me
    RETURNING l.delivery_id, l.partial),
  done AS (
    UPDATE recipient AS r SET
      status = s.status, reason = s.reason, due = s.due, settled_at = s.at,
      attempts = r.attempts + s.counted::integer,
      first_attempt_at = CASE WHEN s.counted THEN coalesce(r.first_attempt_at, l.leased_at)
        ELSE r.first_attempt_at END,
      reply_id = CASE WHEN s.reply IS NULL AND NOT s.counted THEN r.reply_id ELSE s.reply END,
      resend = CASE WHEN s.status IN ('pending', 'deferred', 'rejected') THEN r.resend ELSE 0 END,
      digest = CASE WHEN s.status IN ('accepted', 'in_doubt') AND s.counted THEN p.digest
        WHEN s.status NOT IN ('accepted', 'skipped') THEN r.digest END
    FROM unnest(recipients, deliveries, statuses, counted, replies, reasons, dues, times)
      AS s (recipient_id, delivery_id, status, counted, reply, reason, due, at)
    JOIN lease AS l ON l.delivery_id = s.delivery_id AND l.worker = me
    LEFT JOIN point AS p ON p.delivery_id = l.delivery_id AND p.attempt = l.attempt
    WHERE r.id = s.recipient_id AND r.delivery_id = s.delivery_id
    RETURNING 1),
  ahead AS (
    INSERT INTO point (delivery_id, attempt, worker, digest)
    SELECT l.delivery_id, l.attempt, me, p.digest
    FROM unnest(points, digests) AS p (delivery_id, digest)
    JOIN lease AS l ON l.delivery_id = p.delivery_id AND l.worker = me
    RETURNING delivery_id, attempt)
  SELECT g.number, g.partial, d.number, a.number, a.attempt,
    (SELECT replicated FROM origin WHERE id), (SELECT live FROM worker WHERE id = me),
    (SELECT min(due) FROM delivery WHERE due > 0)
  INTO ended, left_behind, changed, passed, last_attempt, relies, is_live, next_due
  FROM
    (SELECT count(*) AS number, array_agg(delivery_id) FILTER (WHERE partial) AS partial
     FROM gone) AS g,
    (SELECT count(*) AS number FROM done) AS d,
    (SELECT count(*) AS number,
       max(attempt) FILTER (WHERE delivery_id = points[cardinality(points)]) AS attempt
     FROM ahead) AS a;
  IF is_live IS NOT TRUE OR ended <> cardinality(settled) OR changed <> cardinality(recipients)
    OR passed <> cardinality(points) THEN
    RAISE EXCEPTION 'worker % has lost a lease', me USING ERRCODE = 'MB001';
  END IF;
  -- The standbys may change at any time, and a later failover must not rely on one of before.
  IF relies AND current_setting('synchronous_standby_names') = '' THEN
    UPDATE origin SET replicated = false WHERE id AND replicated;
  END IF;
  IF left_over OR left_behind IS NOT NULL THEN
    PERFORM set_due(ARRAY (
      SELECT s.delivery_id FROM unnest(deliveries, statuses) AS s (delivery_id, status)
      WHERE s.status IN ('pending', 'deferred')
      UNION SELECT unnest(left_behind)));
    next_due := (SELECT min(due) FROM delivery WHERE due > 0);
  END IF;
  -- The next plan asks for invalid rows again.
  IF 'invalid' = ANY (statuses) THEN
    DELETE FROM fact WHERE name = 'plan';
  END IF;
  seen_at := pg_current_wal_insert_lsn();
END $$;

-- End leases that came to nothing. A first lease takes Message-ID and Date along: no server has seen
-- them, and a mail that leaves days later must not carry the old Date.
CREATE OR REPLACE FUNCTION end_leases(deliveries bigint[]) RETURNS void LANGUAGE sql AS $$
  UPDATE delivery AS d SET date = NULL, message_id = NULL FROM lease AS l
  WHERE l.delivery_id = d.id AND l.first AND d.id = ANY (deliveries) AND NOT EXISTS (
    SELECT 1 FROM point AS p WHERE p.delivery_id = l.delivery_id AND p.attempt = l.attempt);
  DELETE FROM lease WHERE delivery_id = ANY (deliveries);
  SELECT set_due(deliveries);
$$;
