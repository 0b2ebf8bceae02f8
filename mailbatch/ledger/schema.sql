-- The ledger of one edition of one job: what is certain about every recipient.
--
-- Read it with any SQLite tool (`sqlite3 -readonly FILE`); write it with mailbatch only.
-- Times are seconds since the epoch (UTC). Statuses are the words of the results CSV.
-- A run changes a delivery in this order:
--   intend   a row in `lease`, synced to the disk, before MAIL
--   commit   `lease.committed`, before the last bytes of the end of data leave
--   settle   after the reply: `lease.accepted_at` if everybody has the message, else rows in `outcome`
-- and later a run folds what was settled into `recipient`, many rows at once. So the hot path writes
-- two small pages, and what a dead run left open stands in `lease` alone. Ask the view `standing`
-- where a recipient stands: `recipient` does not say what is not folded.
--
-- Needs SQLite 3.33 (UPDATE ... FROM).

-- What is true of the whole edition: job, edition, id (of this ledger), seed (a secret in every Message-ID that
-- is fixed here, so that nobody can work one out; a ledger of an earlier mailbatch has none), boot_id, run (how often it was
-- opened), lots (how often deliveries were leased), points (commit points of this run), layer (how often
-- the journal was begun anew), put_away (the last run that ended in order), plan (digest of the planned
-- rows), plan_head (digest of the first 16,384 of them), header (of the last plan), identity (the columns of `recipient.key` as a JSON list, null for the
-- address; missing: the address alone), content_digests (JSON), finished_at,
-- doubted_at (when a dead run was last found to have left doubts), resent (JSON: when how many doubts were to be
-- sent again), waiting_behind (the recipient behind which the next one without a delivery is looked for),
-- message_id_domain (of Message-IDs that stand in 16 bytes), thread (JSON: the editions before this one, the last one first, each with the id of its
-- ledger and the instant before which a recipient has to be accepted there),
-- corrects (the edition that this one corrects, which is the first one of the thread), corrected_by (the edition that
-- took over: nothing of this one is sent any more), server (where the run is that has the ledger; missing: at the first
-- server of the job; what is not folded yet is of that server).
CREATE TABLE fact (
  name  TEXT PRIMARY KEY,
  value TEXT NOT NULL
) WITHOUT ROWID;

-- The columns of the recipient table, as a JSON list: one row for every layout it has had.
CREATE TABLE header (
  id      INTEGER PRIMARY KEY,
  columns TEXT NOT NULL UNIQUE
);

-- The values of `group_by`, as a JSON list. `parts` counts the deliveries the group ever had: a part
-- number, and with it a Message-ID, is never given twice.
CREATE TABLE recipient_group (
  id    INTEGER PRIMARY KEY,
  cells TEXT    NOT NULL UNIQUE,
  parts INTEGER NOT NULL DEFAULT 0
);

-- One row of the recipient table.
CREATE TABLE recipient (
  id               INTEGER PRIMARY KEY,
  line             INTEGER,           -- where the record starts; NULL: the row left the table
  address          TEXT    NOT NULL,  -- as it goes on the wire, or the cell where it is not valid
  own_key          TEXT,              -- the key where it is not the very address
  key              TEXT    GENERATED ALWAYS AS (coalesce(own_key, address)) VIRTUAL,
                                      -- the identity of a recipient: the address in lower case, or
                                      -- the cells that `recipients.key` names; '': of no recipient
  claim            TEXT CHECK (claim = 'own' OR claim = 'shared'),
                                      -- own: this row is why the recipient is mailed, one per key;
                                      -- shared: another row of the same delivery and key;
                                      -- NULL: a row that never asks for a delivery
  wanted           INTEGER NOT NULL,  -- own: 1 if the last plan asks for a mail to this recipient
  group_id         INTEGER,           -- NULL: no group_by
  header_id        INTEGER NOT NULL,
  cells            TEXT    NOT NULL,  -- apart by U+001F, with U+001E in place of the address; a JSON
                                      -- list where a cell needs escapes: `standing` has lists only
  delivery_id      INTEGER,           -- NULL: nothing to deliver, or pending without a group and
                                      -- never leased yet
  status           TEXT    NOT NULL CHECK (
                     -- No IN: SQLite would build a table of the words for each row that is written.
                     status = 'pending' OR status = 'accepted' OR status = 'rejected'
                     OR status = 'deferred' OR status = 'in_doubt' OR status = 'invalid'
                     OR status = 'suppressed' OR status = 'duplicate' OR status = 'filtered'
                     OR status = 'withdrawn' OR status = 'skipped'),
  reason           TEXT,
  attempts         INTEGER NOT NULL DEFAULT 0 CHECK (attempts >= 0),
  due              REAL,              -- pending, deferred: when to try; 0: at once; NULL: not in
                                      -- this run
  first_attempt_at REAL,
  settled_at       REAL,
  reply_id         INTEGER,
  resend           INTEGER NOT NULL DEFAULT 0,  -- 1: was in doubt, and somebody asked for a resend
  digest           BLOB,              -- SHA-256 of the content that arrived, or may have
  mailbox          TEXT,              -- the address in lower case; NULL: `key` is that
  message_id       BLOB,              -- of an accepted row whose delivery is not kept: 16 bytes,
                                      -- before `@` and the fact message_id_domain, or a text; its
                                      -- date is the second of first_attempt_at
  named            TEXT               -- the server's name for the message, at U+001E in the text
                                      -- of the reply
);
CREATE UNIQUE INDEX recipient_by_key ON recipient (key) WHERE claim = 'own';
CREATE INDEX recipient_by_mailbox ON recipient (mailbox) WHERE mailbox IS NOT NULL;
CREATE INDEX recipient_by_delivery ON recipient (delivery_id) WHERE delivery_id IS NOT NULL;

-- One group's message to one envelope. That to a recipient without a group comes with the first lease, and
-- is not kept in a large ledger that is finished, where that recipient was accepted without copies: the view
-- `message` has all of them.
CREATE TABLE delivery (
  id          INTEGER PRIMARY KEY,
  group_id    INTEGER,                -- NULL: a message for one recipient
  part        INTEGER NOT NULL,
  due         REAL,                   -- that of its first recipient; NULL: leased, or nothing to do
  message_id  TEXT,                   -- fixed by the first lease, as is the date
  date        INTEGER,
  tries       INTEGER NOT NULL DEFAULT 0,  -- attempts that ended deferred since the run began
  tries_since REAL
);
CREATE INDEX delivery_by_due ON delivery (due, id) WHERE due IS NOT NULL;
CREATE UNIQUE INDEX delivery_by_group ON delivery (group_id, part) WHERE group_id IS NOT NULL;

-- What is under way, or settled and not folded yet; the note of a crowd that was accepted as a whole may
-- stay for good. After a run that died, the rows without `accepted_at` and without an outcome are what it
-- left open.
CREATE TABLE lease (
  delivery_id INTEGER PRIMARY KEY,
  run         INTEGER NOT NULL,       -- the run that has it: no other may commit or settle it
  leased_at   REAL    NOT NULL,
  mailbox     TEXT,                   -- the attempt goes to this address alone; NULL: to all that are due
  partial     INTEGER NOT NULL,       -- 1: other unsettled recipients stay behind
  first       INTEGER NOT NULL,       -- 1: this lease fixed the delivery's Message-ID and Date
  recipients  INTEGER NOT NULL,       -- how many rows of `recipient` the attempt is for
  deferred    INTEGER NOT NULL,       -- how many of them were deferred; the others were pending
  committed   INTEGER NOT NULL DEFAULT 0,  -- the number of its commit point in this run; 0: none
  digest      BLOB,
  accepted_at REAL,                   -- all of them were accepted then, by one reply; only where
                                      -- nobody unsettled stays behind
  reply_id    INTEGER,
  code        INTEGER,
  enhanced    TEXT,
  reply       TEXT
);

-- What attempts came to where not everybody was accepted, until it is folded into `recipient`.
CREATE TABLE outcome (
  recipient_id INTEGER PRIMARY KEY,
  delivery_id  INTEGER NOT NULL,
  status       TEXT    NOT NULL,
  counted      INTEGER NOT NULL,      -- 0: no attempt was used up
  reply_id     INTEGER,
  code         INTEGER,               -- with the first outcome of a reply only
  enhanced     TEXT,
  reply        TEXT,
  reason       TEXT,
  due          REAL,
  settled_at   REAL
);

-- The server's replies that decided something; one for all recipients that it decided together.
CREATE TABLE reply (
  id         INTEGER PRIMARY KEY,     -- below 0: the form of many replies, with U+001E in place of
                                      -- `recipient.named`
  code       INTEGER NOT NULL,
  enhanced   TEXT,
  text       TEXT    NOT NULL,
  message_id TEXT                     -- the server's name for the message, out of the text; NULL: none
);

-- Cc and Bcc addresses of a delivery: they never change the status of its recipients.
CREATE TABLE copy (
  delivery_id INTEGER NOT NULL,
  address     TEXT    NOT NULL,
  status      TEXT    NOT NULL,
  code        INTEGER,
  enhanced    TEXT,
  reply       TEXT,
  reason      TEXT,
  settled_at  REAL,
  server      TEXT,                   -- NULL: the first server of the job
  PRIMARY KEY (delivery_id, address)
) WITHOUT ROWID;

-- The recipients (claim: own) whose last answer came from another server than the first one of the job.
CREATE TABLE elsewhere (
  recipient_id INTEGER PRIMARY KEY,
  server       TEXT    NOT NULL       -- host and port
);

-- Empty. A run fills and clears it, to have pages to write on when the disk is full.
CREATE TABLE ballast (filling BLOB);

-- How many rows of `recipient` have each status, so that nobody has to count a million of them.
CREATE TABLE tally (
  status     TEXT PRIMARY KEY,
  recipients INTEGER NOT NULL
) WITHOUT ROWID;
INSERT INTO tally VALUES
  ('pending', 0), ('accepted', 0), ('rejected', 0), ('deferred', 0), ('in_doubt', 0), ('invalid', 0),
  ('suppressed', 0), ('duplicate', 0), ('filtered', 0), ('withdrawn', 0), ('skipped', 0);
-- A delivery that was accepted as a whole is counted as one when it is folded, not row by row.
CREATE TRIGGER recipient_changes_status AFTER UPDATE OF status ON recipient
WHEN old.status <> new.status AND NOT EXISTS (
  SELECT 1 FROM lease WHERE delivery_id = new.delivery_id AND accepted_at IS NOT NULL)
BEGIN
  UPDATE tally SET recipients = recipients - 1 WHERE status = old.status;
  UPDATE tally SET recipients = recipients + 1 WHERE status = new.status;
END;

-- Where everybody stands, what is not folded yet included.
CREATE VIEW standing AS
SELECT
  r.id, r.line, r.address, r.key, r.claim, r.group_id, r.header_id,
  CASE WHEN instr(r.cells, '"') THEN r.cells ELSE
    '["' || replace(replace(r.cells, char(31), '","'), char(30), r.address) || '"]' END AS cells,
  r.delivery_id,
  CASE WHEN a.accepted_at IS NOT NULL THEN 'accepted' ELSE coalesce(o.status, r.status) END
    AS status,
  CASE WHEN a.accepted_at IS NOT NULL THEN NULL WHEN o.recipient_id IS NULL THEN r.reason
    ELSE o.reason END AS reason,
  r.attempts + coalesce(o.counted, a.accepted_at IS NOT NULL) AS attempts,
  CASE WHEN o.counted OR a.accepted_at IS NOT NULL
    THEN coalesce(r.first_attempt_at, l.leased_at, a.leased_at) ELSE r.first_attempt_at END
    AS first_attempt_at,
  CASE WHEN o.recipient_id IS NULL THEN coalesce(a.accepted_at, r.settled_at)
    ELSE o.settled_at END AS settled_at,
  CASE WHEN o.status = 'in_doubt' AND o.counted THEN l.digest
    WHEN a.accepted_at IS NULL THEN r.digest END AS digest,
  CASE WHEN o.recipient_id IS NULL OR (o.reply_id IS NULL AND NOT o.counted)
    THEN coalesce(a.reply_id, r.reply_id) ELSE o.reply_id END AS reply_id,
  r.mailbox, r.message_id, r.named
FROM recipient AS r
LEFT JOIN outcome AS o ON o.recipient_id = r.id
LEFT JOIN lease AS l ON l.delivery_id = o.delivery_id
LEFT JOIN lease AS a ON a.delivery_id = r.delivery_id AND a.accepted_at IS NOT NULL
  AND r.status IN ('pending', 'deferred');

-- The message of every row that was tried: our Message-ID, its date, and the last reply.
CREATE VIEW message AS
SELECT
  s.id AS recipient_id, s.address,
  coalesce(d.message_id, CASE typeof(s.message_id) WHEN 'blob' THEN lower(hex(s.message_id))
    || '@' || (SELECT value FROM fact WHERE name = 'message_id_domain') ELSE s.message_id END)
    AS message_id,
  coalesce(d.date, CAST(s.first_attempt_at AS INTEGER)) AS date,
  p.code, p.enhanced,
  CASE WHEN p.id < 0 AND s.named IS NOT NULL THEN replace(p.text, char(30), s.named)
    ELSE p.text END AS reply,
  coalesce(s.named, p.message_id) AS server_message_id
FROM standing AS s
LEFT JOIN delivery AS d ON d.id = s.delivery_id
LEFT JOIN (
  SELECT id, code, enhanced, text, message_id FROM reply
  UNION ALL
  SELECT reply_id, code, enhanced, reply, NULL FROM outcome WHERE code IS NOT NULL
  UNION ALL
  SELECT reply_id, code, enhanced, reply, NULL FROM lease WHERE accepted_at IS NOT NULL) AS p
  ON p.id = s.reply_id
WHERE s.attempts > 0;
