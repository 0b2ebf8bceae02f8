"""The run: where plan, rendering, protocol and ledger meet.

    summary = run(load_job(Path("job.yaml")), RunOptions(sandbox=True))
    print(summary.exit_code, summary.counts[Status.ACCEPTED])

`runner` is the whole of a run, `sender` one worker with the order of every delivery, `work` the two
ports between a worker and a ledger, `ledgers` the place where a ledger is opened.
"""
