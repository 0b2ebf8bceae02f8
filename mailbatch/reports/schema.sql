-- The store of reports: the bodies as they came, and the reports that the readers made of them.
--
-- Read it with any SQLite tool (`sqlite3 -readonly FILE`); write it with mailbatch only.
-- Times are seconds since the epoch (UTC). Nothing here changes a ledger. Bodies are never changed;
-- reports can be made of them again by newer readers. The table `pull` says how far an unfinished
-- pull has come; the module `cursor` has its layout.

-- A body as it came: a webhook, an answer of a provider, a mail.
CREATE TABLE body (
  id       INTEGER PRIMARY KEY,
  received REAL    NOT NULL,
  origin   TEXT    NOT NULL CHECK (origin IN ('serve', 'pull', 'read')),
  place    TEXT    NOT NULL,           -- a file, or a part of one; a path or a URL without secrets
  content  BLOB    NOT NULL,
  digest   BLOB UNIQUE,                -- of a body that counts once; NULL: every arrival counts
  readers  INTEGER NOT NULL DEFAULT 0  -- the version of the readers that read it; 0: not read yet
);
CREATE INDEX body_by_readers ON body (readers, id);

-- A statement about one recipient of one message; empty text where it says nothing.
CREATE TABLE report (
  id                INTEGER PRIMARY KEY,
  identity          BLOB    NOT NULL UNIQUE,  -- a repetition of the statement has the same
  body_id           INTEGER NOT NULL REFERENCES body (id),
  received          REAL    NOT NULL,
  event             TEXT    NOT NULL CHECK (event IN (
                      'queued', 'sent', 'delivered', 'deferred', 'bounced', 'rejected', 'failed',
                      'complained', 'unsubscribed', 'opened', 'clicked')),
  kind              TEXT CHECK (kind IN ('hard', 'soft', 'late', 'unknown')),
  source            TEXT    NOT NULL,
  recipients        TEXT    NOT NULL,         -- addresses, one a line, the most telling first
  token             TEXT    NOT NULL,         -- ours: the beginning of the delivery's Message-ID
  message_id        TEXT    NOT NULL,         -- the provider's
  header_message_id TEXT    NOT NULL,         -- ours
  bulk_id           TEXT    NOT NULL,
  at                REAL,                     -- NULL: the report has no time
  code              TEXT    NOT NULL,
  text              TEXT    NOT NULL,
  about_address     INTEGER NOT NULL,         -- 1: the code speaks of the address itself
  said              TEXT    NOT NULL
);
CREATE INDEX report_by_body ON report (body_id);

-- A body, or a part of one, that makes no report.
CREATE TABLE refusal (
  body_id INTEGER NOT NULL REFERENCES body (id),
  number  INTEGER NOT NULL,
  place   TEXT    NOT NULL,
  reason  TEXT    NOT NULL,
  cause   TEXT    NOT NULL CHECK (cause IN ('unreadable', 'no report', 'not genuine')),
  PRIMARY KEY (body_id, number)
) WITHOUT ROWID;
