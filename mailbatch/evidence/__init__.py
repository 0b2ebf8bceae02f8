"""Evidence: a folder of files that prove one message, checked without mailbatch or a ledger.

    chain = Chain(stream, job="letter", edition="2026-W48")     # chain.py: blocks and heads
    for row in rows:
        chain.add(line_of(row.key, row.digest, row.status, row.code, row.settled_at))
    write(out, facts, message, block)                           # folder.py: the files
    verify(out)                                                 # verifying.py: raises what is wrong

A row of the edition is one line with a keyed name, so that no file tells of another person. This
room must never open a ledger, compose a message, or read a clock.
"""
