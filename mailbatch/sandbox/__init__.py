"""A local server that answers like the provider and keeps the messages.

A rehearsal in one process, with the second recipient deferred:

    async with await Sandbox.start(answers=[parse_answer("RCPT:1:1=451 4.7.1 Later")]) as sandbox:
        await session_with(sandbox.port)
"""
