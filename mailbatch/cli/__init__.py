"""One module per command: parse, call, report, map to an exit code. No logic of the mailing."""
