"""What is certain: a ledger for each edition of each job, in SQLite."""
