"""The pull: a provider asked for the reports about a mailing, and each answer kept in the store.

A provider that cannot post, or whose posts were lost, still answers for two days:

    asking = Asking(Access("https://xxxxx.api.infobip.com", key), tell=print)
    with ReportStore(Path("reports.sqlite3")) as store:
        Pull(asking, store, now=time.time, warn=print).logs("letter-48")
        store.read_kept()

`access` is the HTTP: one GET, with TLS, time limits and a most of bytes. `asking` keeps the pace of
the provider and tries again, `endpoints` has the facts of each endpoint, `pulling` asks for page
behind page and keeps each.

This room must never open a ledger, decide where a recipient stands, or ask for the next answer of
an endpoint that gives each report once before the last one is on the disk.
"""
