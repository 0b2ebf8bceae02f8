"""A ledger in PostgreSQL: the same roles, the same rules and the same results as in a file.

    place = place_in(url, "news", "48")
    ledger = PostgresLedger.open(place, job="news", edition="48", message_id_domain="example.com")
    ledger.plan.reconcile(columns, recipients, group_by=(), recipients_per_transaction=100)
    (delivery,) = await ledger.leases.lease(1, now=now)
    await ledger.records.record((), [CommitPoint(delivery.id, digest)])   # before the dot

Theory of operation. Each edition has a schema of its own (`schema.sql`). A process that writes is a
*worker*: one connection, a number that is never given twice, and the advisory lock of that number,
which PostgreSQL frees with the connection. The rules:

P1. A lock is tried, and never waited for. One run at a time holds the lock of the plan; workers
without a plan (`PostgresLedger.join`) claim beside the run, and beside each other.

P2. All that a worker writes goes through its one connection, and is recorded only while the row of
the worker is live. So a connection that is gone writes nothing, whatever its process believes.

P3. The primary key of `point` is the promise: an attempt has one commit point, in all processes.

P4. A worker whose lock can be taken is gone; its burial, by any worker, is one transaction. Its
leases behind a commit point are in doubt, the others are pending. Time proves nothing.

P5. Standing is derived: the view `standing` shows a doubt before the next run records it.

P6. A record is acknowledged with `synchronous_commit` on, or the ledger is not opened.

P7. A plan, a decision and a burial of refusals change recipients while no worker claims, and a plan
changes only while nothing is leased.

P8. A plan is merged by the rules of the file (`ledger.plan`), in a file of the moment; only rows
that differ travel back. A first plan travels by COPY, row by row as it is read.

P9. A connection that is lost makes a process another worker, once the lock of the old one is free;
the leases move over in the transaction that buries the old worker (`rejoining`). A call whose
answer was lost looks first whether it was recorded, and is made again where it was not.

P10. A database that may lack an acknowledged commit is refused: by where the ledger was made
(`continuity`), and by what each machine has seen, kept outside of the database (`witness`).

Modules: `address` the URL, `editions` those of a job; `link`, `streaming`, `failing`, `rejoining`
the connections; `locks`, `opening` schema and worker, `continuity` and `witness` the proof against
copies, `burial`; `planning` and `snapshot` the plan, `leasing` and `recording` the hot path,
`standing` and `doubts` the questions, `store` the ledger; `roles` who may, `archiving` the end.
Only this room imports asyncpg.
"""
