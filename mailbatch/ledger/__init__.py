"""All that is certain: a ledger for each edition of each job, in SQLite.

A run, a decision and a reader know a ledger by six roles (`ports`); `store` has them of one
SQLite file:

    with Ledger.open(path, job="news", edition="48", message_id_domain="example.com") as ledger:
        ledger.plan.reconcile(columns, recipients, group_by=(), recipients_per_transaction=100)
        (delivery,) = ledger.leases.lease(1, now=now)             # L2: synced to the disk
        ledger.records.record((), [CommitPoint(delivery.id)])     # L3: before the last bytes leave
        ledger.records.record([Settlement(delivery.id, outcomes, now, None)], ())

Theory of operation. A recipient is certainly not mailed, certainly settled, or in doubt; never a
fourth thing. Ten invariants keep that true, whatever dies and whatever is put back:

L1. One writer. A process writes a ledger only while it holds the lock file (`lock`), and a lock has
no age. Each lease carries the number of a run: the record of another run changes no row
(`under_way`).

L2. Lease before MAIL. A delivery is sent only behind a commit with synchronous=FULL that names the
delivery (`leasing`): a power loss hides no attempt.

L3. Commit point before the last bytes. A delivery is `accepted` or `in_doubt` only behind a commit
point that was recorded before the end of data left, and each attempt has one (`under_way`).

L4. One outcome an address. An attempt is settled once, whole, in one commit; a later record of the
attempt is refused (`under_way`).

L5. Settled is settled. A plan changes no recipient that is accepted, rejected, in doubt or skipped
(`merging`), and no recipient joins a delivery that was leased (`assignment`): Message-ID, Date and
bytes of a delivery are fixed by the first lease.

L6. Doubt by rule. The next run finds each lease that was not settled: in doubt behind a commit
point, pending before. Where the last commits may be lost (another boot, another file, another
mount, no journal), every such lease is in doubt (`recovery`, `continuity`). Doubt ends by a
decision alone.

L7. Folding moves, and decides nothing. An accepted delivery is one note in the lease, any other
outcome a row beside, until many are moved into the recipients at once, the note of a crowd only
where its rows have to change; the view `standing` shows the same before and behind the move
(`folding`, `schema.sql`).

L8. Never behind the notes. Lock file and witness know the runs, lots, commit points and layers
that the ledger had; a ledger with fewer is an older copy and is refused (`memory`, `continuity`,
`layers`). A ledger that was put away is the very bytes of the seal (`damage`).

L9. Nothing is changed before everything is checked. An opening reads, compares and refuses first;
the transaction that begins a run is the first write, and migrates a ledger of an earlier version
(`opening`, `migrations`).

L10. Room before MAIL. A run takes the blocks for all records from the file system before the
first delivery (`space`), and stops before the next commit point where a record fails.
"""
