"""The codes of the checks as a table for people; `codes.py` reads it.

A block is a code, its severity and its title; `why` it matters; and how to `mend` it.
"""

from __future__ import annotations

TABLE = """
MB101 error The job file is wrong
why   Nothing is read beyond a job that is not understood as it was meant.
mend  Go to the line that is named; `mailbatch schema` gives editors completion for the job file.

MB102 error The recipient table is wrong
why   A file that is not a table as a whole could mail the wrong values to the wrong people.
mend  Go to the line that is named: a missing column, a ragged row, an open quote, the encoding.

MB103 error A template is wrong
why   A template that cannot be compiled, or uses a name that nothing defines, fails for
      everybody.
mend  Go to the line that is named. A name that may be absent wants `is defined` or
      `default(...)`.

MB104 error The message cannot be built
why   A file that the message is made of is missing, too big, or may not be read.
mend  Name a file below the folder of the job, and see that it is there.

MB111 warning A row cannot be mailed
why   Its address is no address, or its message cannot be rendered. `run` records it as `invalid`,
      mails the others and ends with 3.
mend  Mend the cell that is named, or make the template cope with it.

MB112 warning Nobody would be mailed
why   Every row is invalid, suppressed or left out, or the table has no rows: an export that came
      out empty, or a template that fails for everybody.
mend  Look at the other findings: a template or an attachment that fails for every row, addresses
      that are none, an export without rows. Then at `recipients.where` and the suppression lists.

MB113 info An address stands in several rows
why   Without `group_by` the first row gets the message, the others are recorded as `duplicate`.
mend  Remove the rows, or group them (`group_by: [email]`) and use `rows` in the template.

MB114 info Recipients are suppressed
why   They stand on one of the lists of `recipients.suppress` and get nothing.
mend  Nothing, if that is meant.

MB115 info Rows are left out by `where`
why   `recipients.where` is false for them; they are recorded as `filtered`.
mend  Nothing, if that is meant.

MB116 info Recipients per domain
why   Large providers limit what one sender may send them in an hour.
mend  Nothing, or set `server.rate`.

MB117 info A column is never used
why   No template, header or rule of the job reads it: perhaps a name is misspelt somewhere.
mend  Use it, or leave it: an unused column does no harm.

MB118 info A part of a template is shown to nobody
why   No recipient takes this branch, so nobody has seen how it looks, either.
mend  Add a row that takes it to a copy of the table, or remove the branch.

MB119 warning A value looks like a placeholder
why   `test`, `FNAME`, `nan`, `#N/A` and the like are what exports write where they know nothing.
mend  Mend the cells, or leave the rows out with `where`.

MB120 info A column that templates read has empty cells
why   "Hello ," is the most frequent mistake in newsletters.
mend  Give the name a default in the template: `{{ first_name or 'friend' }}`.

MB121 info The address column was found by another spelling
why   `recipients.address` names no column, but one differs from it in capitals or spaces alone.
mend  Nothing, or write the name in the job as the table has it.

MB122 warning A value is a formula
why   `=HYPERLINK(...)` in a CSV is what somebody typed, not what a spreadsheet showed: readers
      would see the formula.
mend  Let the program that writes the table write values, or mend the cells.

MB201 info There is no text part of its own
why   One is made from the HTML part. Some people and most filters read the text part.
mend  Write `message.text`, or read the Text tab of the preview and be content with it.

MB202 warning The text part is empty
why   Who reads text sees nothing; filters take it for spam.
mend  Write `message.text`, or put text rather than pictures into the HTML part.

MB203 warning A link has no scheme
why   In a mail there is no page that `www.example.com` or `/news` could be relative to: the link
      is dead.
mend  Write `https://` before it.

MB204 warning A link leads into a private network
why   `localhost`, private addresses and names without a dot mean another machine at each
      reader's.
mend  Write the public address.

MB205 warning A link leads nowhere
why   An empty address, `#` and `javascript:` do nothing in a mail.
mend  Give the link an address, or take it out.

MB206 warning An image has no alt text
why   Most programs show no images until they are asked to; screen readers never do.
mend  Write `alt="..."`, and `alt=""` for mere decoration.

MB207 warning An image cannot be loaded
why   In a mail there is no folder that its address could be relative to.
mend  Write an `https://` address, or put the file into `message.inline` and write `cid:name`.

MB208 warning A `cid:` names no inline file
why   Readers would see a broken image, so the row cannot be mailed.
mend  Add the name to `message.inline`.

MB209 info An inline file is not shown
why   It is sent with every message, and some programs show it as an attachment.
mend  Show it with `cid:name`, or make it an attachment.

MB210 warning Template markup is left in the message
why   `{{ name }}` or `*|NAME|*` in the finished message was meant to be replaced.
mend  Look at where it comes from: values of the table are never read as templates.

MB211 warning The message would be clipped
why   Gmail cuts an HTML part of more than 102 KB: the end, often with the unsubscribe link, is
      hidden.
mend  Shorten it; styles that are repeated in every element weigh most.

MB212 warning Something that mail programs take out
why   Scripts, forms, frames, embedded media and linked style sheets do not work in mail.
mend  Replace them: a link to a page with the form, styles in a `style` element.

MB301 warning The subject is empty
why   Nobody opens such a message, and filters take it for spam.
mend  Look at the columns that `message.subject` uses.

MB302 warning The subject is long
why   Over 78 characters; lists of messages show 40 to 60 of them.
mend  Shorten it, and put what matters first.

MB303 warning A header is very long
why   Over 998 characters. It is folded correctly, but some servers and programs unfold and refuse
      it.
mend  Shorten the value; long tokens in URLs are the usual reason.

MB304 warning The envelope sender is not aligned with From
why   Their organisational domains differ: SPF does not count for DMARC, and Infobip checks the
      same.
mend  Use one domain, or subdomains of it, in `sender.from` and `sender.envelope_from`.

MB305 info There is no List-Unsubscribe header
why   Gmail and Yahoo want one from everybody who sends newsletters; invoices and notices need
      none.
mend  Write `message.unsubscribe`.

MB306 warning Unsubscribing takes more than one click
why   Gmail and Yahoo want the pair of RFC 8058 from bulk senders: an https URL and one-click.
mend  Write `unsubscribe: {url: https://..., one_click: true}` if the URL takes a POST.

MB307 info The body does not show the unsubscribe link
why   Gmail and Yahoo want a visible link in the body besides the header.
mend  Show the URL of `message.unsubscribe` at the foot of the templates.

MB308 info There is no List-Id header
why   With it readers can sort the newsletter, and providers tell one list from another.
mend  Write `message.list_id`.

MB401 warning The bulk id is too long
why   Infobip takes at most 100 characters in X-IB-Bulk-Id; the row cannot be mailed.
mend  Shorten `callbacks.bulk_id`.

MB402 warning The callback data are too long
why   Infobip takes at most 4000 characters in X-IB-Callback-Data; the row cannot be mailed.
mend  Shorten `callbacks.data`: an id is enough to find the rest again.

MB403 warning There are more links than the provider tracks
why   With `callbacks.tracking_url` Infobip tracks at most 150 links in a message.
mend  Use fewer links, or leave out `callbacks.tracking_url`.

MB501 warning The server's certificate expires soon
why   Within three weeks. After that no run can begin, because certificates are always verified.
mend  Tell whoever runs the server.

MB502 warning A message is bigger than the server takes
why   The server announces its limit with SIZE; the row would be recorded as `invalid`.
mend  Make attachments or images smaller, or link to them.

MB503 info The server does not announce PIPELINING
why   Every command then waits for its reply: the run takes several times as long.
mend  Nothing, or use more `server.sessions`.

MB504 warning Addresses need SMTPUTF8, which the server does not announce
why   Addresses with letters beyond ASCII before the @ cannot be mailed through this server.
mend  Ask these recipients for another address.
"""
