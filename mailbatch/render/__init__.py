"""Templates to content to message bytes. Never talks to a server, never reads the clock.

    composer = Composer(job, edition="2026-W48", columns=("email", "name"), now=now, variables={})
    rendered = composer.render(delivery)                  # every template once
    message = composer.encode(rendered, eight_bit=True)   # message.content, for the wire
    content = composer.content(rendered)                  # subject, text and html, for people

`composer.py` is the face of the room, `message.py` has the values that leave the room. A `Value` of
`templates.py` is a compiled setting of the job; a header field (`fields.py`) makes bytes of values.
"""
