"""One module per command: parse, call, report, map to an exit code. No logic of the mailing.

    $ mailbatch status newsletter.yaml
    newsletter (2026-W48): 25 recipients
           24  accepted
            1  pending
    $ echo $?
    0

`arguments` and the modules named after it declare the arguments of the commands, `app` registers
the commands, and the module of a command's name runs the command. This room must never decide
whether a recipient is mailed.
"""
