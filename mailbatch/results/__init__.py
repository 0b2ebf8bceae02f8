"""The results of an edition: one row for every row of the recipient table, as CSV and as JSON.

`columns.COLUMNS` is the only list of the columns: header, lines, objects, JSON Schema and the page
of the reference derive from that list. The room reads a ledger through `ledger.ports.OpenLedger`
and the reports through `reports.standings.Standings`, and changes nothing in either.

    >>> from mailbatch.results.lines import as_lines, as_object, header_line
    >>> header_line()[:31]
    'row,email,status,message_id,rep'
    >>> with open_to_read(path) as ledger:  # doctest: +SKIP
    ...     for row in ledger.standing.result_rows():
    ...         print(as_lines([row]), as_object(row))
"""
