"""The recipient table: rows, addresses, groups. Streams; never opens the ledger.

    plan = plan_recipients(job, edition="2026-48", variables=job.variables)
    for recipient in plan:
        recipient.line, recipient.address, recipient.status  # 2, "ann@example.com", "pending"

Each iteration reads the table anew.
"""
