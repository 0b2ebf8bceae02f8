r"""The results of an edition: one row for every row of the recipient table, as CSV and as JSON.

`columns.COLUMNS` is the only list of the columns: header, lines, objects, JSON Schema and the page
of the reference derive from that list. The room reads a ledger through `file.EditionLedger` and
changes nothing in the ledger.

    >>> from mailbatch.ledger.standing import ResultRow
    >>> from mailbatch.outcome import Status
    >>> from mailbatch.results.lines import as_line, header_line
    >>> row = ResultRow(2, "ann@example.com", Status.ACCEPTED, "7f-1", 250, "2.6.0",
    ...     "queued as 7f-1", 1, None, "48", "0b3f@example.com", 1.7e9, 1.7e9, None)
    >>> header_line()[:17], as_line(row)[:27]
    ('row,email,status,', '2,ann@example.com,accepted,')
"""
