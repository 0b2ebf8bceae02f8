-- The ledger of one edition of one job in PostgreSQL: what is certain about every recipient.
--
-- Each edition has a schema of its own. Read it with any client; write it with mailbatch only.
-- The views `standing` (where every recipient stands) and `workers` (who sends) are made to be read.
-- Times are seconds since the epoch (UTC). Statuses are the words of the results CSV.
--
-- A worker is one connection of one process, with a number that is never given twice, and holds the
-- session's advisory lock (fact `lock_class`, number) as long as the connection lives. It changes a
-- delivery in this order, each step one commit with synchronous_commit = on:
--   claim    rows in `lease`, before MAIL
--   point    a row in `point`, before the last bytes of the end of data leave
--   settle   after the reply: the rows of `recipient`; the row of `lease` goes
-- The primary key of `point` is the promise: no two processes pass the point of one attempt.

-- What is true of the whole edition: version (of this schema), job, edition, seed (a secret in every
-- Message-ID that is fixed here), lock_class, plan (digest of the planned rows), plan_head (digest of
-- the first 16,384 of them), header (of the last plan), identity (the columns of `recipient.key` as a
-- JSON list, null for the address; missing: the address alone), content_digests (JSON), finished_at,
-- doubted_at (when dead workers were last found to have left doubts), resent (JSON:
-- when how many doubts were to be sent again).
CREATE TABLE fact (
  name  text PRIMARY KEY,
  value text NOT NULL
);
-- The owner may change all. A worker with a role of its own (`worker_rights.sql`) may say that the
-- edition is finished, and that the next plan has to be compared.
ALTER TABLE fact ENABLE ROW LEVEL SECURITY;
CREATE POLICY all_is_read ON fact FOR SELECT USING (true);
CREATE POLICY worker_finishes ON fact FOR INSERT WITH CHECK (name = 'finished_at');
CREATE POLICY worker_begins_anew ON fact FOR DELETE USING (name IN ('finished_at', 'plan'));

-- Where the ledger was written, so that a copy of it is refused: one row. `eras` names the ledger, and
-- each time since that a person took a copy as it stood. `behind` says what a process had seen that is
-- not here.
CREATE TABLE origin (
  id         boolean PRIMARY KEY DEFAULT true CHECK (id),
  eras       text[]  NOT NULL,
  system     bigint  NOT NULL,      -- pg_control_system(): a cluster and its physical copies have it
  database   oid     NOT NULL,
  schema     oid     NOT NULL,      -- a dump that is put back has another one
  timeline   integer NOT NULL,
  replicated boolean NOT NULL,      -- a synchronous standby had every commit since
  behind     text
);

-- The mailing, as workers without a job file see it: one row.
CREATE TABLE mailing (
  id        boolean PRIMARY KEY DEFAULT true CHECK (id),
  bundle    text,                   -- SHA-256 of the bundle that workers compose of, and the terms
                                    -- that they keep; NULL: no worker but the run's own sends
  published text,                   -- JSON: messages that a worker must be able to make, by digest
  rate      double precision,       -- recipients per second of all workers together; NULL: no limit
  next_slot timestamptz,            -- when the next recipient may have a turn of the rate
  stop      text,                   -- the trouble that ended the sending of all workers; NULL: none
  stop_code integer                 -- its exit code
);
INSERT INTO mailing DEFAULT VALUES;

-- What `server.cap` and `server.warmup` leave, where the job has such a number: one row. A claim locks
-- the row until its commit, and takes its recipients off. `free` is never more than the numbers permit,
-- and rises only where a claim counts again: all that servers took, and all that is leased.
CREATE TABLE allowance (
  id   boolean PRIMARY KEY DEFAULT true CHECK (id),
  free bigint                       -- recipients that may be claimed; NULL: nobody has counted yet
);
INSERT INTO allowance DEFAULT VALUES;

-- Job, templates and files of a mailing in one archive, named by its SHA-256.
CREATE TABLE bundle (
  sha256  text  PRIMARY KEY,
  archive bytea NOT NULL
);

-- The connections that write or wrote. `live` ends with the connection: in order, or by the burial
-- that takes the lock of a connection that is gone. Nothing of a worker that is not live is recorded.
CREATE TABLE worker (
  id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  pid     integer     NOT NULL,
  host    text        NOT NULL,
  version text        NOT NULL,     -- of mailbatch
  since   timestamptz NOT NULL DEFAULT now(),
  live    boolean     NOT NULL DEFAULT true,
  role    text        NOT NULL,     -- run: holds the plan; work: has no job file; decide: sends nothing
  suspected_since double precision, -- since when its refusals may be trouble of the account
  after   bigint                    -- the worker that the process was before it lost a connection
);
CREATE INDEX worker_by_life ON worker (id) WHERE live;

-- The columns of the recipient table, as a JSON list: one row for every layout it has had.
CREATE TABLE header (
  id      bigint PRIMARY KEY,
  columns text NOT NULL UNIQUE
);

-- The values of `group_by`, as a JSON list. `parts` counts the deliveries the group ever had.
CREATE TABLE recipient_group (
  id    bigint PRIMARY KEY,
  cells text    NOT NULL UNIQUE,
  parts integer NOT NULL DEFAULT 0
);

-- One row of the recipient table; the columns mean what those of the SQLite ledger mean.
CREATE TABLE recipient (
  id               bigint   NOT NULL, -- unique; the first plan makes the indexes
  line             bigint,            -- where the record starts; NULL: the row left the table
  address          text     NOT NULL, -- as it goes on the wire, or the cell where it is not valid
  key              text     NOT NULL, -- the identity: the address in lower case, or cells of the row
  claim            text,              -- own: this row is why the recipient is mailed; shared: another
                                      -- row of the same delivery and key; NULL: never asks for mail
  wanted           smallint NOT NULL, -- own: 1 if the last plan asks for a mail to this recipient
  group_id         bigint,
  header_id        bigint   NOT NULL,
  cells            text     NOT NULL, -- apart by U+001F, with U+001E in place of the address; a JSON
                                      -- list where a cell needs escapes
  delivery_id      bigint,            -- NULL: nothing to deliver, or pending and never leased yet
  status           text     NOT NULL,
  reason           text,
  attempts         integer  NOT NULL DEFAULT 0,
  due              double precision,  -- pending, deferred: when to try; 0: at once; NULL: not now
  first_attempt_at double precision,
  settled_at       double precision,
  reply_id         bigint,
  resend           smallint NOT NULL DEFAULT 0,  -- 1: was in doubt, and somebody asked for a resend
  digest           bytea,             -- SHA-256 of the content that arrived, or may have
  mailbox          text               -- the address in lower case; NULL: `key` is that
);

-- One group's message to one envelope. That to a recipient without a group comes with the first lease.
CREATE TABLE delivery (
  id          bigint PRIMARY KEY,
  group_id    bigint,                 -- NULL: a message for one recipient
  part        integer NOT NULL,
  due         double precision,       -- that of its first recipient; NULL: leased, or nothing to do
  message_id  text,                   -- fixed by the first lease, as is the date
  date        bigint,
  tries       integer NOT NULL DEFAULT 0,  -- attempts that ended deferred since the run began
  tries_since double precision,
  attempt     integer NOT NULL DEFAULT 0   -- the number of its last lease
);
CREATE SEQUENCE delivery_number;
CREATE INDEX delivery_by_due ON delivery (due, id) WHERE due IS NOT NULL;
CREATE UNIQUE INDEX delivery_by_group ON delivery (group_id, part) WHERE group_id IS NOT NULL;

-- Neighbouring recipients that never had a lease, from `next` to `last`, all of `recipient.id`.
-- Workers claim from different blocks at the same time (FOR UPDATE SKIP LOCKED).
CREATE TABLE block (
  id   bigint PRIMARY KEY,
  next bigint NOT NULL,
  last bigint NOT NULL
);

-- What is under way.
CREATE TABLE lease (
  delivery_id bigint PRIMARY KEY,
  attempt     integer          NOT NULL,
  worker      bigint           NOT NULL,
  leased_at   double precision NOT NULL,
  mailbox     text,                   -- the attempt goes to this address alone; NULL: to all due
  partial     boolean          NOT NULL,  -- other unsettled recipients stay behind
  first       boolean          NOT NULL   -- this lease fixed the Message-ID and the Date
);

-- The commit points: inserted, and never changed.
CREATE TABLE point (
  delivery_id bigint  NOT NULL,
  attempt     integer NOT NULL,
  worker      bigint  NOT NULL,
  digest      bytea,
  PRIMARY KEY (delivery_id, attempt)
);

-- The commit points of deliveries that a later plan dissolved: those numbers may be given again. A
-- machine that has passed one asks whether its commit is here (`continuity`).
CREATE TABLE past_point (
  delivery_id bigint  NOT NULL,
  attempt     integer NOT NULL,
  worker      bigint  NOT NULL
);

-- The server's replies that decided something; one for all recipients that it decided together.
CREATE TABLE reply (
  id         bigint PRIMARY KEY,
  code       integer NOT NULL,
  enhanced   text,
  text       text    NOT NULL,
  worker     bigint,                  -- whose session had the reply
  message_id text                     -- the server's name for the message, out of the text
);
-- A worker takes the numbers of a million replies at once.
CREATE SEQUENCE reply_number INCREMENT 1000000;

-- Cc and Bcc addresses of a delivery: they never change the status of its recipients.
CREATE TABLE copy (
  delivery_id bigint NOT NULL,
  address     text   NOT NULL,
  status      text   NOT NULL,
  code        integer,
  enhanced    text,
  reply       text,
  reason      text,
  settled_at  double precision,
  PRIMARY KEY (delivery_id, address)
);

-- The workers, and whether each is alive: its lock is held, so its connection is there. Locks are of
-- this moment, and rows of the beginning of a transaction: a worker that settled all and left meanwhile
-- would look like a dead one. So a long reader finds out before its transaction begins who is gone, and
-- says so in the setting mailbatch.gone, an array.
CREATE VIEW workers AS
SELECT w.id, w.pid, w.host, w.version, w.since, w.role, w.live AND NOT coalesce(
  w.id = ANY (nullif(current_setting('mailbatch.gone', true), '')::bigint[]),
  NOT EXISTS (
    SELECT 1 FROM pg_locks AS l
    WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 2
    AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND l.classid = (SELECT value::bigint::oid FROM fact WHERE name = 'lock_class')
    AND l.objid = w.id::oid)) AS alive
FROM worker AS w;

-- The recipients whose message may have left by a worker that is gone: no reply was recorded.
CREATE VIEW doubtful AS
SELECT r.id, l.delivery_id, l.leased_at, coalesce(p.digest, r.digest) AS digest
FROM lease AS l
JOIN point AS p ON p.delivery_id = l.delivery_id AND p.attempt = l.attempt
JOIN workers AS w ON w.id = l.worker AND NOT w.alive
JOIN recipient AS r ON r.delivery_id = l.delivery_id
WHERE r.status IN ('pending', 'deferred') AND r.due <= l.leased_at
AND (l.mailbox IS NULL OR l.mailbox = coalesce(r.mailbox, r.key));

-- Where every recipient stands. A doubt is derived, and recorded by the next opening.
CREATE VIEW standing AS
SELECT
  r.id, r.line, r.address, r.key, r.claim, r.wanted, r.group_id, r.header_id, r.cells,
  r.delivery_id, CASE WHEN q.id IS NULL THEN r.due END AS due,
  CASE WHEN q.id IS NULL THEN r.status ELSE 'in_doubt' END AS status,
  CASE WHEN q.id IS NULL THEN r.reason ELSE
    'the run died after the end of data was sent and before its reply was read' END AS reason,
  r.attempts + (q.id IS NOT NULL)::integer AS attempts,
  coalesce(r.first_attempt_at, q.leased_at) AS first_attempt_at,
  coalesce(q.leased_at, r.settled_at) AS settled_at,
  CASE WHEN q.id IS NULL THEN r.reply_id END AS reply_id,
  CASE WHEN q.id IS NULL THEN r.resend ELSE 0 END AS resend,
  CASE WHEN q.id IS NULL THEN r.digest ELSE q.digest END AS digest,
  r.mailbox
FROM recipient AS r LEFT JOIN doubtful AS q ON q.id = r.id;
