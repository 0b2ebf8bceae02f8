"""What every ledger keeps, asked through the ports alone (`mailbatch.ledger.ports`).

    backends.py       the kinds of ledger; a further kind is a class and an entry
    talk.py           the words of the conversations
    test_promises.py  the docstring of the ports, line by line, as facts
    test_roles.py     the rules of plan, leases, records, standing and doubts, as facts
    test_model.py     any sequence of plans, runs, deaths and decisions, beside a model

Nothing here knows a file, a statement or a row of a table.
"""
