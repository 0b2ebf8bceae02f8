-- note {"pid": 0, "host": "here", "started": "2026-11-30T01:50:45Z", "boot": "boot-1", "running": true, "lots": 3, "seal": null, "run": 1, "ledger": "646b3be0f70eb352bb94572aea1667eb", "ran": "boot-1", "file": "1796003445.353126541", "mount": "65024 2147483676", "home": "here", "birth": "1796003445.333126541", "writes": 8, "lower": 1, "upper": 2}
-- points 0000000001 00000000000000000003
PRAGMA application_id=1835166823;
PRAGMA user_version=3;
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
INSERT INTO "delivery" VALUES(1,1,1,NULL,'d8dd58074e179f4a8ed90986508a31ff@example.com',1700000000,0,NULL);
INSERT INTO "delivery" VALUES(2,2,1,1700000060.0,'c39ed1c070ac33c58ff6d6e4805992c4@example.com',1700000000,1,1700000000.0);
INSERT INTO "delivery" VALUES(3,1,2,NULL,'4ada988742c3bfaa18eb9a100d255557@example.com',1700000000,0,NULL);
INSERT INTO "delivery" VALUES(4,2,2,NULL,'0099c35e3c03d310358f2e5931b8c536@example.com',1700000000,0,NULL);
CREATE TABLE fact (
  name  TEXT PRIMARY KEY,
  value TEXT NOT NULL
) WITHOUT ROWID;
INSERT INTO "fact" VALUES('boot_id','boot-1');
INSERT INTO "fact" VALUES('edition','48');
INSERT INTO "fact" VALUES('header','1');
INSERT INTO "fact" VALUES('id','646b3be0f70eb352bb94572aea1667eb');
INSERT INTO "fact" VALUES('job','news');
INSERT INTO "fact" VALUES('layer','2');
INSERT INTO "fact" VALUES('lots','3');
INSERT INTO "fact" VALUES('plan','ae1b63b8d577ae97205bb3ecccbba862aadcdc1f8f0c9fbcd5dcb811df8c4f62');
INSERT INTO "fact" VALUES('points','3');
INSERT INTO "fact" VALUES('run','1');
INSERT INTO "fact" VALUES('seed','8d5c5e2537c0bd2afb4ea8c36862837a');
CREATE TABLE header (
  id      INTEGER PRIMARY KEY,
  columns TEXT NOT NULL UNIQUE
);
INSERT INTO "header" VALUES(1,'["email","country"]');
CREATE TABLE lease (
  delivery_id INTEGER PRIMARY KEY,
  run         INTEGER NOT NULL,       -- the run that has it: no other may commit or settle it
  leased_at   REAL    NOT NULL,
  address_key TEXT,                   -- the attempt goes to this address alone; NULL: to all that are due
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
  address_key      TEXT    NOT NULL,  -- the address in lower case: the identity of a recipient
  claim            TEXT CHECK (claim IN ('own', 'shared')),
                                      -- own: this row is why the address is mailed, one per address;
                                      -- shared: another row of the same delivery and address;
                                      -- NULL: a row that never asks for a delivery
  wanted           INTEGER NOT NULL,  -- own: 1 if the last plan asks for a mail to this address
  group_id         INTEGER,           -- NULL: no group_by
  header_id        INTEGER NOT NULL,
  cells            TEXT    NOT NULL,  -- the row's cells, as a JSON list
  delivery_id      INTEGER,           -- NULL: nothing to deliver
  status           TEXT    NOT NULL CHECK (status IN (
                     'pending', 'accepted', 'rejected', 'deferred', 'in_doubt', 'invalid',
                     'suppressed', 'duplicate', 'filtered', 'withdrawn', 'skipped')),
  reason           TEXT,
  attempts         INTEGER NOT NULL DEFAULT 0 CHECK (attempts >= 0),
  due              REAL,              -- pending, deferred: when to try; 0: at once; NULL: not in
                                      -- this run
  first_attempt_at REAL,
  settled_at       REAL,
  reply_id         INTEGER,
  resend           INTEGER NOT NULL DEFAULT 0,  -- 1: was in doubt, and somebody asked for a resend
  digest           BLOB               -- SHA-256 of the content that may have arrived
);
INSERT INTO "recipient" VALUES(2,2,'a@example.org','a@example.org','own',1,1,1,'["a@example.org","de"]',1,'pending',NULL,0,0.0,NULL,NULL,NULL,0,NULL);
INSERT INTO "recipient" VALUES(3,3,'b@example.org','b@example.org','own',1,1,1,'["b@example.org","de"]',1,'pending',NULL,0,0.0,NULL,NULL,NULL,0,NULL);
INSERT INTO "recipient" VALUES(4,4,'c@example.org','c@example.org','own',1,1,1,'["c@example.org","de"]',1,'pending',NULL,0,0.0,NULL,NULL,NULL,0,NULL);
INSERT INTO "recipient" VALUES(5,5,'d@example.org','d@example.org','own',1,2,1,'["d@example.org","at"]',2,'accepted',NULL,1,NULL,1700000000.0,1700000000.0,2,0,NULL);
INSERT INTO "recipient" VALUES(6,6,'e@example.org','e@example.org','own',1,2,1,'["e@example.org","at"]',2,'rejected',NULL,1,NULL,1700000000.0,1700000000.0,3,0,NULL);
INSERT INTO "recipient" VALUES(7,7,'f@example.org','f@example.org','own',1,2,1,'["f@example.org","at"]',2,'deferred',NULL,1,1700000060.0,1700000000.0,NULL,4,0,NULL);
INSERT INTO "recipient" VALUES(8,8,'g@example.org','g@example.org','own',1,1,1,'["g@example.org","de"]',3,'pending',NULL,0,0.0,NULL,NULL,NULL,0,NULL);
INSERT INTO "recipient" VALUES(9,9,'h@example.org','h@example.org','own',1,1,1,'["h@example.org","de"]',3,'pending',NULL,0,0.0,NULL,NULL,NULL,0,NULL);
INSERT INTO "recipient" VALUES(10,10,'i@example.org','i@example.org','own',1,1,1,'["i@example.org","de"]',3,'pending',NULL,0,0.0,NULL,NULL,NULL,0,NULL);
INSERT INTO "recipient" VALUES(11,11,'j@example.org','j@example.org','own',1,2,1,'["j@example.org","at"]',4,'pending',NULL,0,0.0,NULL,NULL,NULL,0,NULL);
INSERT INTO "recipient" VALUES(12,12,'k@example.org','k@example.org','own',1,2,1,'["k@example.org","at"]',4,'pending',NULL,0,0.0,NULL,NULL,NULL,0,NULL);
INSERT INTO "recipient" VALUES(13,13,'l@example.org','l@example.org','own',1,2,1,'["l@example.org","at"]',4,'pending',NULL,0,0.0,NULL,NULL,NULL,0,NULL);
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
  r.id, r.line, r.address, r.address_key, r.claim, r.group_id, r.header_id, r.cells, r.delivery_id,
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
    THEN coalesce(a.reply_id, r.reply_id) ELSE o.reply_id END AS reply_id
FROM recipient AS r
LEFT JOIN outcome AS o ON o.recipient_id = r.id
LEFT JOIN lease AS l ON l.delivery_id = o.delivery_id
LEFT JOIN lease AS a ON a.delivery_id = r.delivery_id AND a.accepted_at IS NOT NULL
  AND r.status IN ('pending', 'deferred');
CREATE UNIQUE INDEX recipient_by_address ON recipient (address_key) WHERE claim = 'own';
CREATE INDEX recipient_by_delivery ON recipient (delivery_id) WHERE delivery_id IS NOT NULL;
COMMIT;
