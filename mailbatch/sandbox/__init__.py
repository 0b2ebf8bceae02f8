"""A local server that answers like the provider, keeps the messages, and tells what became of them.

A rehearsal in one process, with the second recipient deferred:

    async with await Sandbox.start(answers=[parse_answer("RCPT:1:1=451 4.7.1 Later")]) as sandbox:
        await session_with(sandbox.port)

`server`, `conversation`, `addresses` and `answers` speak SMTP, `outbox` keeps the messages. Behind
them `provider` plays the fates of the messages (`fates`), in the bodies of `wire`, to an outlet:
`posting` or `gathering`. `records` and `api` are what the provider can be asked for.
"""
