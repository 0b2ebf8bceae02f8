"""Reports of providers and mail servers about accepted messages, kept beside the ledger.

A ledger holds the certain: the replies of the server. A report is a statement of others that comes
later, repeatedly and in any order, and never changes a status:

    early = Report(event=Event.DELIVERED, source=Source.INFOBIP, recipients=("ada@example.org",))
    late = Report(event=Event.COMPLAINED, source=Source.ARF, recipients=("ada@example.org",))
    standing_of([late, early]).report       # the complaint: the strongest stands, not the last

`store` keeps the bodies and makes reports of them (`report`) or refusals (`refusal`), `mailboxes`
finds bodies in files. `mailed` indexes the deliveries of an edition, `standings` joins the reports
with these, and `suppression` writes a list of those who shall get no more mail.

This room must never open a ledger, send anything, or take an address alone for a recipient.
"""
