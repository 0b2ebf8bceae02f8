"""The receiver of reports: an HTTP server that keeps what providers post, and answers behind that.

Behind a 200 a provider never posts a report again. So a body is on the disk before the answer, and
nothing else is done before: readers make reports of the body later.

    intake = Intake(Path("reports.sqlite3"), tell=print)
    intake.start()
    app = application(Receiver(Door(token), intake, Proving(), tell=print))
    await Serving(app, listening("127.0.0.1", 8025)).run()

`door` knows the credentials, `proving` the proofs of origin, `requests` takes a body off the
network, `intake` puts many bodies into one commit, `application` answers, and `serving` listens.

This room must never read a report, open a ledger, or send mail. The only URLs that this room
fetches are those of Amazon SNS in the region of a topic that the caller trusts.
"""
