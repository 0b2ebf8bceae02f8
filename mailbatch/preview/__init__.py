"""The gallery: a mailing as static pages, for a look in a browser before anything is sent.

    with Gallery(out, number) as gallery:            # gallery.py writes the pages
        for entry in entries:                        # entry.py: a message and its findings
            gallery.add(replace(entry, change=earlier.change_of(entry)))    # compare.py
        gallery.finish(overview)

`serving.py` serves the same files on the loopback. These four modules are the face of the room;
the pages are its own, in the frame and the style of `look/`, and `assets/` draws the list in the
browser.
"""
