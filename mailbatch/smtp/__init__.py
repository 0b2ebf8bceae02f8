"""The protocol. I/O, clock and TLS: session, opening, dialogue, network and failures alone.

One session with one message:

    session = await Session.open(Server("smtp.example.com", 587, username="ann", password="..."))
    transaction = session.begin(envelope, size=len(message), eight_bit=False)
    if await session.content_wanted() and await session.send_content(message):
        session.finish()          # the commit point is recorded before
        await session.done()
    transaction.outcomes()        # one for each recipient of the envelope
    await session.quit()
"""
