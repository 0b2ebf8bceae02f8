"""Letters of mailbatch as programs of other authors take them: readers, a filter, a verifier.

`letters` makes drafts by dry runs, `programs` runs what is unpacked, `readers` and `filters` are
its tables, `reading` is what a reader says. `observed.json` has what was seen, for
docs/explanation/mime.md.
"""
