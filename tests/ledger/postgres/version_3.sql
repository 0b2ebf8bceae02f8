-- What a ledger of version 3 has in place of the function `record`, and without a table of its successor.
DROP TABLE allowance;
DROP FUNCTION record;
CREATE INDEX lease_by_worker ON lease (worker);
-- Pass the commit points of leased deliveries, all or none. Returns a position of the log that the
-- commit of this statement is behind of, and the attempt of the last delivery. The plan of a statement
-- is made once in a session, mostly while the tables are small: without these settings it would read
-- whole tables for ever.
CREATE FUNCTION pass_points(
  me bigint, deliveries bigint[], digests bytea[], OUT seen_at pg_lsn, OUT last_attempt integer
) LANGUAGE plpgsql
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE number bigint;
BEGIN
  INSERT INTO point (delivery_id, attempt, worker, digest)
  SELECT l.delivery_id, l.attempt, me, p.digest
  FROM unnest(deliveries, digests) AS p (delivery_id, digest)
  JOIN lease AS l ON l.delivery_id = p.delivery_id AND l.worker = me
  JOIN worker AS w ON w.id = me AND w.live;
  GET DIAGNOSTICS number = ROW_COUNT;
  IF number <> cardinality(deliveries) THEN
    RAISE EXCEPTION 'worker % has lost a lease', me USING ERRCODE = 'MB001';
  END IF;
  -- The standbys may change at any time, and a later failover must not rely on one of before.
  IF current_setting('synchronous_standby_names') = '' THEN
    UPDATE origin SET replicated = false WHERE id AND replicated;
  END IF;
  seen_at := pg_current_wal_insert_lsn();
  last_attempt := (
    SELECT l.attempt FROM lease AS l WHERE l.delivery_id = deliveries[cardinality(deliveries)]);
END $$;

-- Settle attempts, all or none: one outcome for each row of the recipient table. Returns when the
-- next deferred delivery is due.
CREATE FUNCTION settle(
  me bigint, settled bigint[],
  recipients bigint[], deliveries bigint[], statuses text[], counted boolean[], replies bigint[],
  reasons text[], dues double precision[], times double precision[],
  reply_ids bigint[], codes integer[], enhanced text[], texts text[], names text[]
) RETURNS double precision LANGUAGE plpgsql
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE
  number bigint;
  left_behind bigint[];
  left_over boolean;
BEGIN
  PERFORM check_live(me);
  INSERT INTO reply (id, code, enhanced, text, message_id, worker)
  SELECT *, me FROM unnest(reply_ids, codes, enhanced, texts, names);
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
  WHERE r.id = s.recipient_id AND r.delivery_id = s.delivery_id;
  GET DIAGNOSTICS number = ROW_COUNT;
  IF number <> cardinality(recipients) THEN
    RAISE EXCEPTION 'worker % has lost a lease', me USING ERRCODE = 'MB001';
  END IF;
  left_over := statuses && ARRAY['pending', 'deferred'];
  IF left_over THEN
    UPDATE delivery AS d SET tries = d.tries + 1, tries_since = coalesce(d.tries_since, l.leased_at)
    FROM lease AS l
    WHERE l.delivery_id = d.id AND d.id IN (
      SELECT s.delivery_id
      FROM unnest(deliveries, statuses, counted) AS s (delivery_id, status, counted)
      WHERE s.counted AND s.status IN ('pending', 'deferred'));
  END IF;
  WITH gone AS (
    DELETE FROM lease WHERE delivery_id = ANY (settled) AND worker = me
    RETURNING delivery_id, partial)
  SELECT count(*), array_agg(delivery_id) FILTER (WHERE partial)
  INTO number, left_behind FROM gone;
  IF number <> cardinality(settled) THEN
    RAISE EXCEPTION 'worker % has lost a lease', me USING ERRCODE = 'MB001';
  END IF;
  IF left_over OR left_behind IS NOT NULL THEN
    PERFORM set_due(ARRAY (
      SELECT s.delivery_id FROM unnest(deliveries, statuses) AS s (delivery_id, status)
      WHERE s.status IN ('pending', 'deferred')
      UNION SELECT unnest(left_behind)));
  END IF;
  -- The next plan asks for invalid rows again.
  IF 'invalid' = ANY (statuses) THEN
    DELETE FROM fact WHERE name = 'plan';
  END IF;
  RETURN (SELECT min(due) FROM delivery WHERE due > 0);
END $$;

UPDATE fact SET value = '3' WHERE name = 'version';
