"""The bundle of a mailing: the job and all files of its messages, for a worker on another machine.

    bundle = bundle_of(job, composer, edition="48", now=now, variables={}, columns=plan.columns)
    data = bundle.pack()
    ...
    with unpacked(data, name_of(data)) as (bundle, job): ...

A bundle has the text of the job file, the values that the environment gave the job, templates,
includes, attachments, images and the file of trust anchors. No bundle has the table of the
recipients, nor a secret: the job names the place of a secret, and each worker looks there. The same
inputs give the same bytes. Archive and refusals are in `archive`, the choice of the files in
`contents`. This room knows no ledger.
"""
