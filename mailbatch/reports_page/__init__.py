"""The page of reports: where the recipients of an edition stand, as static files for a browser.

    about = About(job="letter", edition="2026-W48", as_of=time.time())
    index = write_page(out, about, recipients)      # pairs of a result row and a standing, or None

`writing` writes the files, and `figures` counts: events, domains, hours, and the reasons that
`reasons` puts into classes. `listing` makes the data of the list, `index_page` the page. The face
of the room is `figures` and `writing`; the frame and the style are those of `look/`.

This room must never open a ledger or a store, read a report, or decide where a recipient stands.
"""
