"""The look of the pages that mailbatch writes: one frame, one style, one way into a folder.

    check_place(out, "gallery.json", "an earlier preview")      # folder.py: whose folder it is
    text = page(title=job, base="", bar=bar, main=main, ...)    # markup.py: the frame of a page
    add_assets(made, ASSETS)                                    # look.css and look.js, and the own
    move(made, out, OWN)

`assets/` holds the style and the script of every page. Text of the user becomes HTML through
`markup.text` alone. This room must never know what a page is about.
"""
