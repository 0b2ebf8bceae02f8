"""A local server that answers like the provider and keeps the messages.

    async with await Sandbox.start(outbox=Path("box"), answers=[answer]) as sandbox:
        sandbox.host, sandbox.port  # the server of a job that rehearses

Mail never leaves this room: no message is passed on, and no name is looked up.
"""
