"""The run: where plan, rendering, protocol and ledger meet."""
