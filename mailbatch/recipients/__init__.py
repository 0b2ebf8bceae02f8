"""The recipient table: rows, addresses, groups. Streams; never opens the ledger."""
