"""The codes about the mailing as a whole (MB1): refused files, the recipients, the edition.

The rules for all codes are in `codes`.

Tests: tests/checks/test_codes.py.
"""

from __future__ import annotations

from mailbatch.checks.code import Code, Severity

MAILING_CODES = (
    Code(
        "MB101",
        Severity.ERROR,
        "The job file is wrong",
        why="Nothing is read beyond a job that is not understood as it was meant.",
        mend="Go to the line that is named; `mailbatch schema` gives editors completion for the "
        "job file.",
    ),
    Code(
        "MB102",
        Severity.ERROR,
        "The recipient table is wrong",
        why="A file that is not a table as a whole could mail the wrong values to the wrong "
        "people.",
        mend="Go to the line that is named: a missing column, a ragged row, an open quote, the "
        "encoding.",
    ),
    Code(
        "MB103",
        Severity.ERROR,
        "A template is wrong",
        why="A template that cannot be compiled, or uses a name that nothing defines, fails for "
        "everybody.",
        mend="Go to the line that is named. A name that may be absent wants `is defined` or "
        "`default(...)`.",
    ),
    Code(
        "MB104",
        Severity.ERROR,
        "The message cannot be built",
        why="A file that the message is made of is missing, too big, or may not be read.",
        mend="Name a file below the folder of the job, and see that it is there.",
    ),
    Code(
        "MB105",
        Severity.ERROR,
        "A template takes a text for a number",
        why="Every cell of a table is a text. `amount == 5` is never true, and `amount > 5` and "
        "`price - 2` fail for every row.",
        mend="Make a number of it first, as in `amount | float == 5` and `price | float - 2`, or "
        "compare it with a text: `amount == '5'`.",
    ),
    Code(
        "MB111",
        Severity.WARNING,
        "A row cannot be mailed",
        why="Its address is no address, or its message cannot be rendered. `run` records it as "
        "`invalid`, mails the others and ends with 3.",
        mend="Mend the row that is named, or make the template cope with it.",
    ),
    Code(
        "MB112",
        Severity.ERROR,
        "Nobody would be mailed",
        why="Every row is invalid, suppressed or left out, or the table has no rows: an export "
        "that came out empty, or a template that fails for everybody.",
        mend="Look at the other findings: a template or an attachment that fails for every row, "
        "addresses that are none, an export without rows. Then at `recipients.where` and the "
        "suppression lists.",
    ),
    Code(
        "MB113",
        Severity.INFO,
        "A recipient stands in several rows",
        why="Rows with one key (`recipients.key`, by default the address) are one recipient. The "
        "first of them gets the message, the others are recorded as `duplicate`.",
        mend="Remove the rows, or group them (`group_by: [email]`) and use `rows` in the template.",
    ),
    Code(
        "MB114",
        Severity.INFO,
        "Recipients are suppressed",
        why="They stand on one of the lists of `recipients.suppress` and get nothing.",
        mend="Nothing, if that is meant.",
    ),
    Code(
        "MB115",
        Severity.INFO,
        "Rows are left out by `where`",
        why="`recipients.where` is false for them; they are recorded as `filtered`.",
        mend="Nothing, if that is meant.",
    ),
    Code(
        "MB116",
        Severity.INFO,
        "Recipients per domain",
        why="Large providers limit what one sender may send them in an hour.",
        mend="Nothing, or set `server.rate`.",
    ),
    Code(
        "MB117",
        Severity.INFO,
        "A column is never used",
        why="No template, header or rule of the job reads it: perhaps a name is misspelt "
        "somewhere.",
        mend="Use it, or leave it: an unused column does no harm.",
    ),
    Code(
        "MB118",
        Severity.INFO,
        "A part of a template is shown to nobody",
        why="No recipient takes this branch, so nobody has seen how it looks, either.",
        mend="Add a row that takes it to a copy of the table, or remove the branch.",
    ),
    Code(
        "MB119",
        Severity.WARNING,
        "A value looks like a placeholder",
        why="`test`, `FNAME`, `nan`, `#N/A` and the like are what exports write where they know "
        "nothing, `4.91701E+12` and `####` what a sheet shows of a long number.",
        mend="Mend the cells (a column of numbers such as phones as text, in the sheet), or leave "
        "the rows out with `where`.",
    ),
    Code(
        "MB120",
        Severity.INFO,
        "A column that templates read has empty cells",
        why='"Hello ," is the most frequent mistake in newsletters.',
        mend="Give the name a default in the template: `{{ first_name or 'friend' }}`.",
    ),
    Code(
        "MB121",
        Severity.INFO,
        "The address column was found by another spelling",
        why="`recipients.address` names no column, but one differs from it in capitals or spaces "
        "alone.",
        mend="Nothing, or write the name in the job as the table has it.",
    ),
    Code(
        "MB122",
        Severity.WARNING,
        "A value is a formula",
        why="`=HYPERLINK(...)` in a CSV is what somebody typed, not what a spreadsheet showed: "
        "readers would see the formula.",
        mend="Let the program that writes the table write values, or mend the cells.",
    ),
    Code(
        "MB123",
        Severity.WARNING,
        "Rows that the sheet hides are left out",
        why="A filter, or somebody's hand, hides them: people who look at the sheet do not see "
        "them. They are recorded as `filtered`.",
        mend="Nothing, if that is meant. To mail them, show them in the sheet, or write "
        "`hidden_rows: mail` under `recipients:`.",
    ),
    Code(
        "MB124",
        Severity.WARNING,
        "A number is written otherwise than the sheet shows it",
        why="The format of the cell (a fraction, an exponent, short names of months in "
        "another language) is not followed: the number stands without it, a date as 2026-11-29.",
        mend="Give the cells a format without it, or make texts of them: `=TEXT(B2, ...)`.",
    ),
    Code(
        "MB125",
        Severity.INFO,
        "A number or a date is written in the English form",
        why="A workbook does not tell the language of the computer: `1,234.50` in the letter may "
        "be `1.234,50` in the sheet. A date of the system's form is written as 2026-11-29.",
        mend="Nothing, if that is meant. Otherwise make texts of the cells: `=TEXT(B2, ...)`, or "
        "give dates a format such as dd.mm.yyyy.",
    ),
    Code(
        "MB126",
        Severity.WARNING,
        "A value is written for HTML",
        why="`O&#039;Brien` and `Tom &amp; Jerry` come from the database of a web page. Values are "
        "escaped when a letter is made, so readers would see the marks.",
        mend="Let the export write plain text, or mend the cells.",
    ),
    Code(
        "MB127",
        Severity.WARNING,
        "A value was damaged by a wrong encoding",
        why="`J\u00c3\u00b6rg` is `J\u00f6rg`, saved as UTF-8 and read as something else; `\ufffd` "
        "stands where a letter is lost for good.",
        mend="Export the table again, as UTF-8, from the program that still shows the names right.",
    ),
    Code(
        "MB128",
        Severity.INFO,
        "An address gets several letters",
        why="Rows of one address are several recipients here, by `recipients.key` or by a "
        "`group_by` with the address and more. Each of them gets a message.",
        mend="Nothing, if that is meant. `key: email` under `recipients:` (the column of the "
        "addresses) makes one recipient of them.",
    ),
    Code(
        "MB129",
        Severity.WARNING,
        "A letter that would be another one is left out",
        why="The row is a `duplicate`, and its cells would have made another letter than that of "
        "the row which is mailed: another order, another child. Nobody gets that letter.",
        mend="Name the column that tells the letters apart (`key: order_id` under `recipients:`), "
        "or put them into one letter (`group_by: [email]`, with `rows` in the template). Where one "
        "letter is enough, remove the rows.",
    ),
    Code(
        "MB130",
        Severity.WARNING,
        "A row gets nothing: its key was mailed at another address",
        why="A recipient is known by its key and has the message, or may have it, at the address "
        "that the table had then. The new address gets nothing.",
        mend="Nothing, if the address was corrected and the message has arrived. Where the new "
        "address shall have a letter, give the row a new key. Where the keys of two rows were "
        "exchanged, put them back.",
    ),
    Code(
        "MB131",
        Severity.ERROR,
        "The new message would go to nobody",
        why="The edition is over: everybody was mailed by an earlier run, and an edition is sent "
        "once, ever. The message changed since, which nobody would see.",
        mend="Give the new mailing an edition of its own, as the date makes it: "
        "`edition: \"{{ now.strftime('%G-W%V') }}\"`. Or put the message back as it was sent.",
    ),
    Code(
        "MB132",
        Severity.INFO,
        "The edition is over",
        why="Everybody has the message as it is, or was refused it. A run from cron finds nothing "
        "to do, and ends with 0.",
        mend="Nothing, if that is meant. The next mailing wants an edition of its own.",
    ),
    Code(
        "MB133",
        Severity.INFO,
        "The job names no edition",
        why="An edition is sent once, ever. Without a name of its own, the second newsletter of "
        "this job would go to nobody.",
        mend="Write `edition: 2026-W48`, or let the date make it: "
        "`edition: \"{{ now.strftime('%G-W%V') }}\"`. A mailing that is sent once needs none.",
    ),
    Code(
        "MB134",
        Severity.ERROR,
        "The message changed while the edition is being sent",
        why="Some recipients have the message as it was. The others would get another one under "
        "the same edition, so `run` refuses.",
        mend="Put the message back, send the new one to the rest with `run --accept-changes`, or "
        "give the new mailing an edition of its own.",
    ),
    Code(
        "MB135",
        Severity.WARNING,
        "The ledger of the edition cannot be read",
        why="It knows who has the message: without it `run` sends nothing, and ends with 74.",
        mend="See that the folder may be read, that `--state-dir` is that of the runs, and that "
        "the ledger is no older copy.",
    ),
    Code(
        "MB136",
        Severity.ERROR,
        "The recipients seem to have the message already",
        why="Another ledger says that most of them, three at least, had this edition, or the "
        "results say so. A job that was renamed, or copied without its state directory, would "
        "mail them twice, so `run` refuses.",
        mend="Give the job its name back, or put the state directory in its place. If this is "
        "another mailing, `run --new-mailing` sends it.",
    ),
    Code(
        "MB137",
        Severity.ERROR,
        "The edition was begun with another key",
        why="Somebody was mailed when `recipients.key`, or its default, said otherwise who a "
        "recipient is. Whether a row has its message already cannot be told for certain, or an "
        "address would get another one, so `run` refuses.",
        mend="Put the key back as the hint says, mail the others with `run --accept-changes`, or "
        "give the new mailing an edition of its own.",
    ),
    Code(
        "MB138",
        Severity.ERROR,
        "The keys of rows seem to have been exchanged",
        why="A row would be mailed at an address that has a message of this edition already, and "
        "the key of that message stands in the row of another address now: as after a column was "
        "sorted alone. One would be mailed twice and the other never, so `run` refuses.",
        mend="Put the keys back, or mail as the table says now with `run --accept-changes`.",
    ),
    Code(
        "MB139",
        Severity.ERROR,
        "A corrected cell would make a second letter",
        why="A recipient is an address together with the other columns of `group_by`, since the "
        "job has no `recipients.key`. A row that has such cells as no row had before would be "
        "mailed at an address whose mailed row has left the table, so `run` refuses.",
        mend="Put the cells back, or write `recipients.key`: with all of these columns each is a "
        "letter, with that of the address alone an address gets one. `run --accept-changes` "
        "mails such rows this once.",
    ),
    Code(
        "MB140",
        Severity.INFO,
        "A suppression list has no entry",
        why="An export that failed leaves an empty file, or titles alone. Then everybody who "
        "unsubscribed is mailed.",
        mend="Nothing, if nobody unsubscribed yet. Otherwise export the list again.",
    ),
    Code(
        "MB141",
        Severity.INFO,
        "There is no edition before this one",
        why="`message.thread` puts each message behind the one of the edition before, and no other "
        "edition of the job was begun in the state folder: nothing is added to the messages.",
        mend="Nothing, if this is the first edition. Otherwise put the ledger of the one before "
        "into the state folder, or give the job the name back that it had.",
    ),
    Code(
        "MB142",
        Severity.WARNING,
        "No message stands behind one of the edition before",
        why="`message.thread` is set, and none of the recipients was accepted in the edition "
        "before: another list, or keys that are not the same ones as in that edition.",
        mend="Look whether `recipients.key` names cells that stay the same from edition to "
        "edition. Leave `message.thread` out where the lists have nobody in common.",
    ),
    Code(
        "MB143",
        Severity.ERROR,
        "The messages cannot stand in a thread",
        why="`message.thread` puts each message behind the one that the same recipient has of the "
        "edition before. A message that several addresses share has no such one, and a recipient "
        "cannot be found among those of an edition that had another `recipients.key`.",
        mend="Do as the hint says, or leave `message.thread` out.",
    ),
    Code(
        "MB144",
        Severity.WARNING,
        "The service writes Message-IDs of its own",
        why="`message.thread` names the Message-IDs that mailbatch wrote in the edition before. In "
        "place of these, the service writes others: programs do not find the first message of the "
        "thread. Those of later editions still stand together, since all of them name the same.",
        mend="Postmark keeps Message-IDs where `message.headers` has `X-PM-KeepID: 'true'`. Amazon "
        "SES has no such setting.",
    ),
    Code(
        "MB145",
        Severity.ERROR,
        "The edition was stopped, and its correction took over",
        why="`mailbatch correct` has stopped this edition: recipients who had no letter get the "
        "mended one by an edition of its own, and a letter of this job would be one too many.",
        mend="Go on with `mailbatch correct JOB --edition E --with OTHER`, E being this edition. A "
        "new mailing wants an edition of its own.",
    ),
    Code(
        "MB146",
        Severity.ERROR,
        "The edition is a correction",
        why="Who gets which letter of a correction follows from the ledger of the edition that is "
        "corrected. `run` does not look there.",
        mend="Send it with `mailbatch correct JOB --edition E --with OTHER`, E being the edition "
        "that is corrected.",
    ),
    Code(
        "MB147",
        Severity.ERROR,
        "The letters cannot be compared for a correction",
        why="`mailbatch correct` sends a correction to those whose letter differs from the mended "
        "one, and makes the letters again as they were sent. That cannot be where recipients of a "
        "group share a message, where the job is another one than the edition was sent with, "
        "where recipients have other keys, or where the edition is no mailing of its own.",
        mend="Do as the hint says. JOB names the files as they were sent, OTHER the mended copies.",
    ),
    Code(
        "MB148",
        Severity.WARNING,
        "The second server is the first one",
        why="`server.fallback` takes over where a run cannot go on at `server`. The same host and "
        "port are away when the first one is.",
        mend="Name another server, or leave `server.fallback` out.",
    ),
    Code(
        "MB149",
        Severity.INFO,
        "The second server has no daily number",
        why="Where `server.cap` or `server.warmup` is reached, the rest goes to `server.fallback` "
        "in the same run, in one day.",
        mend="Nothing, if that is wanted. Otherwise give `server.fallback` a `cap` or a `warmup`.",
    ),
    Code(
        "MB150",
        Severity.INFO,
        "The provider reports nothing of the second server",
        why="The job asks a provider for a report of every message, by `callbacks` or by "
        "`reports.base_url`. Of a message that a server of another name took the provider knows "
        "nothing, and the row stays without a report.",
        mend="Nothing: the column `server` of the results says which rows these are.",
    ),
    Code(
        "MB151",
        Severity.INFO,
        "A run that begins now would be held",
        why="`server.window` is closed, or the recipients of the last 24 hours have reached "
        "`server.cap` or the number of `server.warmup`. `run` sends nothing until "
        "then, and ends with 75.",
        mend="Run the job later, or have it wait with `run --wait`.",
    ),
    Code(
        "MB152",
        Severity.ERROR,
        "A row has no time of sending",
        why="`message.send_at` gives neither a time such as `09:00 Europe/Zagreb` for the row nor "
        "`now`, or names a zone that the time zone database has not. The row is `invalid`, and "
        "gets nothing.",
        mend="Correct the cell. Where a zone may be missing, give a default in the template: "
        "`09:00 {{ zone or 'Europe/Zagreb' }}`.",
    ),
    Code(
        "MB153",
        Severity.ERROR,
        "Rows of one message have several times of sending",
        why="Rows of a group share a message, which is sent once, and `message.send_at` gives them "
        "different times.",
        mend="Write one time for all rows of a group, or add the column of the zone to "
        "`recipients.group_by`: then each zone has a message of its own.",
    ),
    Code(
        "MB154",
        Severity.WARNING,
        "A day of `send_at` is over",
        why="The day and the time lie behind: a run sends to the row at once, as does a run that "
        "comes late. A year of a table may be wrong.",
        mend="Correct the day, or leave the row out with `recipients.where`. Nothing, if the row "
        "is late and wanted all the same.",
    ),
    Code(
        "MB155",
        Severity.INFO,
        "Rows have times of sending",
        why="The first plan of a row fixes its instant by `message.send_at`, and each run sends "
        "what is due. These are the instants of rows that are planned first now.",
        mend="Nothing. Let cron run the job often enough, or have one run wait: `run --wait`.",
    ),
)
