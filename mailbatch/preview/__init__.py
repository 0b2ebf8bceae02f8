"""The gallery: a mailing as static pages, for a look in a browser before anything is sent.

    with Gallery(out, number) as gallery:            # gallery.py writes the pages
        for entry in entries:                        # entry.py: a message and its findings
            gallery.add(replace(entry, change=earlier.change_of(entry)))    # compare.py
        gallery.finish(overview)

`rebuilding.py` makes the gallery again when an input changed, `serving.py` serves the files on the
loopback, and `chromium.py` draws one message with an installed browser. These modules are the face
of the room; the pages are its own, in the frame and the style of `look/`, and `assets/` draws the
list in the browser.
"""
