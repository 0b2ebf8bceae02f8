"""The recipient table: rows, addresses, groups. Streams; never opens the ledger.

    plan = plan_recipients(job, edition="2026-W48", variables={})
    for recipient in plan:          # Recipient(line=2, address="ann@example.com", values=...)
        ...                         # pending, or filtered, invalid, suppressed with a reason

`plan.py` and `address.py` are the face of the room. A reader of its own makes records of each form
of table: CSV, JSON lines, workbooks, the output of a program.
"""
