-- note {"pid": 0, "host": "here", "started": "2026-11-30T13:57:43Z", "boot": "boot-1", "running": true, "lots": 3, "seal": null, "run": 1, "ledger": "369343ccf89aa6264c8af8774b2325c7", "ran": "boot-1", "file": "1796047063.786086722", "mount": "65024 2147483676", "home": "here", "birth": "1796047063.762086721", "writes": 8, "lower": 1, "upper": 2}
-- points 0000000001 00000000000000000003
PRAGMA application_id=1835166823;
PRAGMA user_version=5;
BEGIN TRANSACTION;
CREATE TABLE ballast (filling BLOB);
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
INSERT INTO "delivery" VALUES(1,1,1,NULL,'4b52e2656d1efd3f0f154c1466bc325b@example.com',1700000000,0,NULL);
INSERT INTO "delivery" VALUES(2,2,1,1700000060.0,'c8b51ddadc793d171cd193199c2fe5c7@example.com',1700000000,1,1700000000.0);
INSERT INTO "delivery" VALUES(3,1,2,NULL,'24b55dd510ccdc1320256b7c829db826@example.com',1700000000,0,NULL);
INSERT INTO "delivery" VALUES(4,2,2,NULL,'b3b0df8a97a3d09ff99a788a44821501@example.com',1700000000,0,NULL);
CREATE TABLE elsewhere (
  recipient_id INTEGER PRIMARY KEY,
  server       TEXT    NOT NULL       -- host and port
);
CREATE TABLE fact (
  name  TEXT PRIMARY KEY,
  value TEXT NOT NULL
) WITHOUT ROWID;
INSERT INTO "fact" VALUES('boot_id','boot-1');
INSERT INTO "fact" VALUES('edition','48');
INSERT INTO "fact" VALUES('header','1');
INSERT INTO "fact" VALUES('id','369343ccf89aa6264c8af8774b2325c7');
INSERT INTO "fact" VALUES('job','news');
INSERT INTO "fact" VALUES('layer','2');
INSERT INTO "fact" VALUES('lots','3');
INSERT INTO "fact" VALUES('plan','dba664bb08939e53e1bd6f4d9f0661facf1c3dd69329c91fa1f01b35dd745edb');
INSERT INTO "fact" VALUES('points','3');
INSERT INTO "fact" VALUES('run','1');
INSERT INTO "fact" VALUES('seed','c932aa74549bd98326e3cb256e9c2be3');
CREATE TABLE header (
  id      INTEGER PRIMARY KEY,
  columns TEXT NOT NULL UNIQUE
);
INSERT INTO "header" VALUES(1,'["email","country"]');
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
INSERT INTO "lease" VALUES(1,1,1700000000.0,NULL,0,1,3,0,1,X'0000000000000000000000000000000000000000000000000000000000000000',1700000000.0,1,250,'2.6.0','Message queued as <0b3f-0001>');
INSERT INTO "lease" VALUES(3,1,1700000000.0,NULL,1,1,2,0,3,X'0000000000000000000000000000000000000000000000000000000000000000',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "lease" VALUES(4,1,1700000000.0,NULL,0,1,3,0,0,NULL,NULL,NULL,NULL,NULL,NULL);
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
  mailbox          TEXT               -- the address in lower case; NULL: `key` is that
);
INSERT INTO "recipient" VALUES(2,2,'a@example.org',NULL,'own',1,1,1,'de',1,'pending',NULL,0,0.0,NULL,NULL,NULL,0,NULL,NULL);
INSERT INTO "recipient" VALUES(3,3,'b@example.org',NULL,'own',1,1,1,'de',1,'pending',NULL,0,0.0,NULL,NULL,NULL,0,NULL,NULL);
INSERT INTO "recipient" VALUES(4,4,'c@example.org',NULL,'own',1,1,1,'de',1,'pending',NULL,0,0.0,NULL,NULL,NULL,0,NULL,NULL);
INSERT INTO "recipient" VALUES(5,5,'d@example.org',NULL,'own',1,2,1,'at',2,'accepted',NULL,1,NULL,1700000000.0,1700000000.0,2,0,X'0000000000000000000000000000000000000000000000000000000000000000',NULL);
INSERT INTO "recipient" VALUES(6,6,'e@example.org',NULL,'own',1,2,1,'at',2,'rejected',NULL,1,NULL,1700000000.0,1700000000.0,3,0,NULL,NULL);
INSERT INTO "recipient" VALUES(7,7,'f@example.org',NULL,'own',1,2,1,'at',2,'deferred',NULL,1,1700000060.0,1700000000.0,NULL,4,0,NULL,NULL);
INSERT INTO "recipient" VALUES(8,8,'g@example.org',NULL,'own',1,1,1,'de',3,'pending',NULL,0,0.0,NULL,NULL,NULL,0,NULL,NULL);
INSERT INTO "recipient" VALUES(9,9,'h@example.org',NULL,'own',1,1,1,'de',3,'pending',NULL,0,0.0,NULL,NULL,NULL,0,NULL,NULL);
INSERT INTO "recipient" VALUES(10,10,'i@example.org',NULL,'own',1,1,1,'de',3,'pending',NULL,0,0.0,NULL,NULL,NULL,0,NULL,NULL);
INSERT INTO "recipient" VALUES(11,11,'j@example.org',NULL,'own',1,2,1,'at',4,'pending',NULL,0,0.0,NULL,NULL,NULL,0,NULL,NULL);
INSERT INTO "recipient" VALUES(12,12,'k@example.org',NULL,'own',1,2,1,'at',4,'pending',NULL,0,0.0,NULL,NULL,NULL,0,NULL,NULL);
INSERT INTO "recipient" VALUES(13,13,'l@example.org',NULL,'own',1,2,1,'at',4,'pending',NULL,0,0.0,NULL,NULL,NULL,0,NULL,NULL);
CREATE TABLE recipient_group (
  id    INTEGER PRIMARY KEY,
  cells TEXT    NOT NULL UNIQUE,
  parts INTEGER NOT NULL DEFAULT 0
);
INSERT INTO "recipient_group" VALUES(1,'["de"]',2);
INSERT INTO "recipient_group" VALUES(2,'["at"]',2);
CREATE TABLE reply (
  id         INTEGER PRIMARY KEY,
  code       INTEGER NOT NULL,
  enhanced   TEXT,
  text       TEXT    NOT NULL,
  message_id TEXT                     -- the server's name for the message, out of the text; NULL: none
);
INSERT INTO "reply" VALUES(2,250,'2.6.0','Message queued as <0b3f-0002>','0b3f-0002');
INSERT INTO "reply" VALUES(3,550,'5.1.1','no such user',NULL);
INSERT INTO "reply" VALUES(4,451,'4.7.1','try again',NULL);
CREATE TABLE tally (
  status     TEXT PRIMARY KEY,
  recipients INTEGER NOT NULL
) WITHOUT ROWID;
INSERT INTO "tally" VALUES('accepted',1);
INSERT INTO "tally" VALUES('deferred',1);
INSERT INTO "tally" VALUES('duplicate',0);
INSERT INTO "tally" VALUES('filtered',0);
INSERT INTO "tally" VALUES('in_doubt',0);
INSERT INTO "tally" VALUES('invalid',0);
INSERT INTO "tally" VALUES('pending',9);
INSERT INTO "tally" VALUES('rejected',1);
INSERT INTO "tally" VALUES('skipped',0);
INSERT INTO "tally" VALUES('suppressed',0);
INSERT INTO "tally" VALUES('withdrawn',0);
CREATE INDEX recipient_by_mailbox ON recipient (mailbox) WHERE mailbox IS NOT NULL;
CREATE INDEX delivery_by_due ON delivery (due, id) WHERE due IS NOT NULL;
CREATE UNIQUE INDEX delivery_by_group ON delivery (group_id, part) WHERE group_id IS NOT NULL;
CREATE TRIGGER recipient_changes_status AFTER UPDATE OF status ON recipient
WHEN old.status <> new.status AND NOT EXISTS (
  SELECT 1 FROM lease WHERE delivery_id = new.delivery_id AND accepted_at IS NOT NULL)
BEGIN
  UPDATE tally SET recipients = recipients - 1 WHERE status = old.status;
  UPDATE tally SET recipients = recipients + 1 WHERE status = new.status;
END;
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
  r.mailbox
FROM recipient AS r
LEFT JOIN outcome AS o ON o.recipient_id = r.id
LEFT JOIN lease AS l ON l.delivery_id = o.delivery_id
LEFT JOIN lease AS a ON a.delivery_id = r.delivery_id AND a.accepted_at IS NOT NULL
  AND r.status IN ('pending', 'deferred');
CREATE UNIQUE INDEX recipient_by_key ON recipient (key) WHERE claim = 'own';
CREATE INDEX recipient_by_delivery ON recipient (delivery_id) WHERE delivery_id IS NOT NULL;
COMMIT;
