"""The table of the codes: a row for each, by its number.

    MB206 warning  An image has no alt text

A row has the code, the severity, the title, the reason and the way to mend the cause; codes.py
makes the values. A code keeps its meaning for ever, and the number of a code that is gone is never
given again. This module must never hold a rule: the checks have these.

Tests: tests/checks/test_codes.py.
"""

from __future__ import annotations

TABLE = (
    ("MB101", "error", "The job file is wrong",
     "Nothing is read beyond a job that is not understood as it was meant.",
     "Go to the line that is named; `mailbatch schema` gives editors completion for the job file."),
    ("MB102", "error", "The recipient table is wrong",
     "A file that is not a table as a whole could mail the wrong values to the wrong people.",
     "Go to the line that is named: a missing column, a ragged row, an open quote, the encoding."),
    ("MB103", "error", "A template is wrong",
     ("A template that cannot be compiled, or uses a name that nothing defines, fails for "
      "everybody."),
     ("Go to the line that is named. A name that may be absent wants `is defined` or "
      "`default(...)`.")),
    ("MB104", "error", "The message cannot be built",
     "A file that the message is made of is missing, too big, or may not be read.",
     "Name a file below the folder of the job, and see that it is there."),
    ("MB111", "warning", "A row cannot be mailed",
     ("Its address is no address, or its message cannot be rendered. `run` records it as "
      "`invalid`, mails the others and ends with 3."),
     "Mend the cell that is named, or make the template cope with it."),
    ("MB112", "error", "Nobody would be mailed",
     ("Every row is invalid, suppressed or left out, or the table has no rows: an export that came "
      "out empty, or a template that fails for everybody."),
     ("Look at the other findings: a template or an attachment that fails for every row, "
      "addresses that are none, an export without rows. Then at `recipients.where` and the "
      "suppression lists.")),
    ("MB113", "info", "An address stands in several rows",
     "Without `group_by` the first row gets the message, the others are recorded as `duplicate`.",
     "Remove the rows, or group them (`group_by: [email]`) and use `rows` in the template."),
    ("MB114", "info", "Recipients are suppressed",
     "They stand on one of the lists of `recipients.suppress` and get nothing.",
     "Nothing, if that is meant."),
    ("MB115", "info", "Rows are left out by `where`",
     "`recipients.where` is false for them; they are recorded as `filtered`.",
     "Nothing, if that is meant."),
    ("MB116", "info", "Recipients per domain",
     "Large providers limit what one sender may send them in an hour.",
     "Nothing, or set `server.rate`."),
    ("MB117", "info", "A column is never used",
     "No template, header or rule of the job reads it: perhaps a name is misspelt somewhere.",
     "Use it, or leave it: an unused column does no harm."),
    ("MB118", "info", "A part of a template is shown to nobody",
     "No recipient takes this branch, so nobody has seen how it looks, either.",
     "Add a row that takes it to a copy of the table, or remove the branch."),
    ("MB119", "warning", "A value looks like a placeholder",
     "`test`, `FNAME`, `nan`, `#N/A` and the like are what exports write where they know nothing.",
     "Mend the cells, or leave the rows out with `where`."),
    ("MB120", "info", "A column that templates read has empty cells",
     '"Hello ," is the most frequent mistake in newsletters.',
     "Give the name a default in the template: `{{ first_name or 'friend' }}`."),
    ("MB121", "info", "The address column was found by another spelling",
     "`recipients.address` names no column, but one differs from it in capitals or spaces alone.",
     "Nothing, or write the name in the job as the table has it."),
    ("MB122", "warning", "A value is a formula",
     ("`=HYPERLINK(...)` in a CSV is what somebody typed, not what a spreadsheet showed: readers "
      "would see the formula."),
     "Let the program that writes the table write values, or mend the cells."),
    ("MB123", "warning", "Rows that the sheet hides are left out",
     ("A filter, or somebody's hand, hides them: people who look at the sheet do not see them. "
      "They are recorded as `filtered`."),
     ("Nothing, if that is meant. To mail them, show them in the sheet, or write `hidden_rows: "
      "mail` under `recipients:`.")),
    ("MB124", "warning", "A number is written otherwise than the sheet shows it",
     ("The format of the cell (a fraction, an exponent, short names of months in another language) "
      "is not followed: the number stands without it, a date as 2026-11-29."),
     "Give the cells a format without it, or make texts of them: `=TEXT(B2, ...)`."),
    ("MB125", "info", "A number or a date is written in the English form",
     ("A workbook does not tell the language of the computer: `1,234.50` in the letter may be "
      "`1.234,50` in the sheet. A date of the system's form is written as 2026-11-29."),
     ("Nothing, if that is meant. Otherwise make texts of the cells: `=TEXT(B2, ...)`, or give "
      "dates a format such as dd.mm.yyyy.")),
    ("MB126", "warning", "A value is written for HTML",
     ("`O&#039;Brien` and `Tom &amp; Jerry` come from the database of a web page. Values are "
      "escaped when a letter is made, so readers would see the marks."),
     "Let the export write plain text, or mend the cells."),
    ("MB127", "warning", "A value was damaged by a wrong encoding",
     ("`J\u00c3\u00b6rg` is `J\u00f6rg`, saved as UTF-8 and read as something else; `\ufffd` "
      "stands where a letter is lost for good."),
     "Export the table again, as UTF-8, from the program that still shows the names right."),
    ("MB131", "error", "The new message would go to nobody",
     ("The edition is over: everybody was mailed by an earlier run, and an edition is sent once, "
      "ever. The message changed since, which nobody would see."),
     ('Give the new mailing an edition of its own, as the date makes it: `edition: "{{ '
      "now.strftime('%G-W%V') }}\"`. Or put the message back as it was sent.")),
    ("MB132", "info", "The edition is over",
     ("Everybody has the message as it is, or was refused it. A run from cron finds nothing to do, "
      "and ends with 0."),
     "Nothing, if that is meant. The next mailing wants an edition of its own."),
    ("MB133", "info", "The job names no edition",
     ("An edition is sent once, ever. Without a name of its own, the second newsletter of this job "
      "would go to nobody."),
     ("Write `edition: 2026-W48`, or let the date make it: `edition: \"{{ now.strftime('%G-W%V') "
      '}}"`. A mailing that is sent once needs none.')),
    ("MB134", "error", "The message changed while the edition is being sent",
     ("Some recipients have the message as it was. The others would get another one under the same "
      "edition, so `run` refuses."),
     ("Put the message back, send the new one to the rest with `run --accept-changes`, or give "
      "the new mailing an edition of its own.")),
    ("MB135", "warning", "The ledger of the edition cannot be read",
     "It knows who has the message: without it `run` sends nothing, and ends with 74.",
     ("See that the folder may be read, that `--state-dir` is that of the runs, and that the "
      "ledger is no older copy.")),
    ("MB136", "error", "The recipients seem to have the message already",
     ("Another ledger, or the results, say that most of them had this edition. A job  that was "
      "renamed, or copied without its state directory, would mail them twice, so `run` refuses."),
     ("Give the job its name back, or put the state directory in its place. If this is another "
      "mailing, `run --new-mailing` sends it.")),
    ("MB201", "info", "There is no text part of its own",
     "One is made from the HTML part. Some people and most filters read the text part.",
     "Write `message.text`, or read the Text tab of the preview and be content with it."),
    ("MB202", "warning", "The text part is empty",
     "Who reads text sees nothing; filters take it for spam.",
     "Write `message.text`, or put text rather than pictures into the HTML part."),
    ("MB203", "warning", "A link has no scheme",
     ("In a mail there is no page that `www.example.com` or `/news` could be relative to: the link "
      "is dead."),
     "Write `https://` before it."),
    ("MB204", "warning", "A link leads into a private network",
     ("`localhost`, private addresses and names without a dot mean another machine at each "
      "reader's."),
     "Write the public address."),
    ("MB205", "warning", "A link leads nowhere",
     "An empty address, `#` and `javascript:` do nothing in a mail.",
     "Give the link an address, or take it out."),
    ("MB206", "warning", "An image has no alt text",
     "Most programs show no images until they are asked to; screen readers never do.",
     'Write `alt="..."`, and `alt=""` for mere decoration.'),
    ("MB207", "warning", "An image cannot be loaded",
     "In a mail there is no folder that its address could be relative to.",
     "Write an `https://` address, or put the file into `message.inline` and write `cid:name`."),
    ("MB208", "warning", "A `cid:` names no inline file",
     "Readers would see a broken image, so the row cannot be mailed.",
     "Add the name to `message.inline`."),
    ("MB209", "info", "An inline file is not shown",
     "It is sent with every message, and some programs show it as an attachment.",
     "Show it with `cid:name`, or make it an attachment."),
    ("MB210", "warning", "Template markup is left in the message",
     "`{{ name }}` or `*|NAME|*` in the finished message was meant to be replaced.",
     "Look at where it comes from: values of the table are never read as templates."),
    ("MB211", "warning", "The message would be clipped",
     ("Gmail cuts an HTML part of more than 102 KB: the end, often with the unsubscribe link, is "
      "hidden."),
     "Shorten it; styles that are repeated in every element weigh most."),
    ("MB212", "warning", "Something that mail programs take out",
     "Scripts, forms, frames, embedded media and linked style sheets do not work in mail.",
     "Replace them: a link to a page with the form, styles in a `style` element."),
    ("MB213", "warning", "A merge mark of another tool",
     ("`%%name%%`, `<<name>>`, `${name}`, `%recipient.name%` and `[name]` mean something to "
      "another program; mailbatch would send them as they are."),
     "Write `{{ name }}`, with the name of the column."),
    ("MB214", "warning", "This is MJML, not HTML",
     "No mail program knows `<mjml>`: readers would see bare text, without the layout.",
     ("Compile it first (`mjml letter.mjml -o letter.html.j2`), and name the result in "
      "`message.html`.")),
    ("MB215", "warning", "An image is written into the HTML",
     "Gmail and Outlook show no `data:` images, and each message carries their bytes.",
     "Put the file into `message.inline`, and write `cid:name`."),
    ("MB301", "warning", "The subject is empty",
     "Nobody opens such a message, and filters take it for spam.",
     "Look at the columns that `message.subject` uses."),
    ("MB302", "warning", "The subject is long",
     "Over 78 characters; lists of messages show 40 to 60 of them.",
     "Shorten it, and put what matters first."),
    ("MB303", "warning", "A header is very long",
     ("Over 998 characters. It is folded correctly, but some servers and programs unfold and "
      "refuse it."),
     "Shorten the value; long tokens in URLs are the usual reason."),
    ("MB304", "warning", "The envelope sender is not aligned with From",
     ("Their organisational domains differ: SPF does not count for DMARC, and Infobip checks the "
      "same."),
     "Use one domain, or subdomains of it, in `sender.from` and `sender.envelope_from`."),
    ("MB305", "info", "There is no List-Unsubscribe header",
     ("Gmail and Yahoo want one from everybody who sends newsletters; invoices and notices need "
      "none."),
     "Write `message.unsubscribe`."),
    ("MB306", "warning", "Unsubscribing takes more than one click",
     "Gmail and Yahoo want the pair of RFC 8058 from bulk senders: an https URL and one-click.",
     "Write `unsubscribe: {url: https://..., one_click: true}` if the URL takes a POST."),
    ("MB307", "info", "The body does not show the unsubscribe link",
     "Gmail and Yahoo want a visible link in the body besides the header.",
     "Show the URL of `message.unsubscribe` at the foot of the templates."),
    ("MB308", "info", "There is no List-Id header",
     "With it readers can sort the newsletter, and providers tell one list from another.",
     "Write `message.list_id`."),
    ("MB309", "warning", "A value stands in curly quotes",
     "YAML knows straight quotes only: readers would see the curly ones.",
     'Write `"..."`. Nothing, if readers shall see the quotes.'),
    ("MB401", "warning", "The bulk id is too long",
     "Infobip takes at most 100 characters in X-IB-Bulk-Id; the row cannot be mailed.",
     "Shorten `callbacks.bulk_id`."),
    ("MB402", "warning", "The callback data are too long",
     "Infobip takes at most 4000 characters in X-IB-Callback-Data; the row cannot be mailed.",
     "Shorten `callbacks.data`: an id is enough to find the rest again."),
    ("MB403", "warning", "There are more links than the provider tracks",
     "With `callbacks.tracking_url` Infobip tracks at most 150 links in a message.",
     "Use fewer links, or leave out `callbacks.tracking_url`."),
    ("MB404", "warning", "Complaints and late bounces are not reported",
     ("Infobip posts delivery reports to `callbacks.notify_url`. Complaints, unsubscriptions and "
      "bounces that come behind a delivery go to `callbacks.tracking_url` only."),
     "Write `callbacks.tracking_url`, too: it may be the same address."),
    ("MB405", "warning", "The bulk id does not name the edition",
     ("Editions with one bulk id cannot be told apart at the provider: a report or a log entry of "
      "one may be taken for that of another."),
     'Write `bulk_id: "{{ job.name }}-{{ edition }}"`.'),
    ("MB406", "warning", "The callback data leave no place for the token",
     ("mailbatch adds its name of the message, `mb`, to X-IB-Callback-Data, which may have at most "
      "4000 characters. The message goes without, and its reports have to be found by the server's "
      "id or the bulk id."),
     "Shorten `callbacks.data`: an id is enough to find the rest again."),
    ("MB407", "warning", "`reports pull` cannot name the messages",
     ("The provider's logs are asked by the bulk id. Without one in the job, or where it differs "
      "from recipient to recipient, `reports pull` ends with an error."),
     'Write `bulk_id: "{{ job.name }}-{{ edition }}"`.'),
    ("MB408", "warning", "Nothing in the job brings the reports that the guard waits for",
     ("Without callbacks no provider posts reports, and without an envelope sender of their own "
      "bounces come back among the answers. A guard that hears of no bounce stops nothing."),
     ("Write `callbacks.notify_url` and `callbacks.tracking_url`, or `reports.base_url` for "
      "`reports pull`, or `sender.envelope_from` with a mailbox for `reports read`.")),
    ("MB501", "warning", "The server's certificate expires soon",
     "Within three weeks. After that no run can begin, because certificates are always verified.",
     "Tell whoever runs the server."),
    ("MB502", "warning", "A message is bigger than the server takes",
     "The server announces its limit with SIZE; the row would be recorded as `invalid`.",
     "Make attachments or images smaller, or link to them."),
    ("MB503", "info", "The server does not announce PIPELINING",
     "Every command then waits for its reply: the run takes several times as long.",
     "Nothing, or use more `server.sessions`."),
    ("MB504", "warning", "Addresses need SMTPUTF8, which the server does not announce",
     "Addresses with letters beyond ASCII before the @ cannot be mailed through this server.",
     "Ask these recipients for another address."),
    ("MB505", "info", "The server does not announce DSN",
     ("`reports.dsn` asks it for delivery status notifications, and it takes no such wish: nothing "
      "is asked for. Servers bounce what fails to the envelope sender all the same."),
     ("Nothing, or leave `reports.dsn` out. With `{{ delivery.token }}` in `sender.envelope_from` "
      "a bounce names its message at any server.")),
)  # fmt: skip
