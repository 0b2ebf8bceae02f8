"""The codes about the content and the headers of a message: MB2 and MB3.

The rules for all codes are in `codes`.

Tests: tests/checks/test_codes.py.
"""

from __future__ import annotations

from mailbatch.checks.code import Code, Severity

MESSAGE_CODES = (
    Code(
        "MB201",
        Severity.INFO,
        "There is no text part of its own",
        why="One is made from the HTML part. Some people and most filters read the text part.",
        mend="Write `message.text`, or read the Text tab of the preview and be content with it.",
    ),
    Code(
        "MB202",
        Severity.WARNING,
        "The text part is empty",
        why="Readers of the text see nothing, of a letter without HTML all; filters take it for "
        "spam.",
        mend="Look at the file that `message.text` names, and at the conditions in it; or put text "
        "rather than pictures into the HTML part.",
    ),
    Code(
        "MB203",
        Severity.WARNING,
        "A link has no scheme",
        why="In a mail there is no page that `www.example.com` or `/news` could be relative to: "
        "the link is dead.",
        mend="Write `https://` before it.",
    ),
    Code(
        "MB204",
        Severity.WARNING,
        "A link leads into a private network",
        why="`localhost`, private addresses and names without a dot mean another machine at each "
        "reader's.",
        mend="Write the public address.",
    ),
    Code(
        "MB205",
        Severity.WARNING,
        "A link leads nowhere",
        why="An empty address, `#` and `javascript:` do nothing in a mail.",
        mend="Give the link an address, or take it out.",
    ),
    Code(
        "MB206",
        Severity.WARNING,
        "An image has no alt text",
        why="Most programs show no images until they are asked to; screen readers never do.",
        mend='Write `alt="..."`, and `alt=""` for mere decoration.',
    ),
    Code(
        "MB207",
        Severity.WARNING,
        "An image cannot be loaded",
        why="In a mail there is no folder that its address could be relative to.",
        mend="Write `images: embed`, which sends files with the message. Or write an `https://` "
        "address.",
    ),
    Code(
        "MB208",
        Severity.WARNING,
        "A `cid:` names no inline file",
        why="Readers would see a broken image, so the row cannot be mailed.",
        mend="Add the name to `message.inline`.",
    ),
    Code(
        "MB209",
        Severity.INFO,
        "An inline file is not shown",
        why="It is sent with every message, and some programs show it as an attachment.",
        mend="Show it with `cid:name`, or make it an attachment.",
    ),
    Code(
        "MB210",
        Severity.WARNING,
        "Template markup is left in the message",
        why="`{{ name }}` or `*|NAME|*` in the finished message was meant to be replaced.",
        mend="Look at where it comes from: values of the table are never read as templates.",
    ),
    Code(
        "MB211",
        Severity.WARNING,
        "The message would be clipped",
        why="Gmail cuts an HTML part of more than 102 KB: the end, often with the unsubscribe "
        "link, is hidden.",
        mend="Shorten it; styles that are repeated in every element weigh most.",
    ),
    Code(
        "MB212",
        Severity.WARNING,
        "Something that mail programs take out",
        why="Scripts, forms, frames, embedded media and linked style sheets do not work in mail.",
        mend="Replace them: a link to a page with the form, styles in a `style` element.",
    ),
    Code(
        "MB213",
        Severity.WARNING,
        "A merge mark of another tool",
        why="`%%name%%`, `<<name>>`, `${name}`, `{!Contact.Name}`, `<%= name %>`, `[name]`, "
        "`@first_name`, `:first_name` and `__first_name__` mean something to another program; "
        "mailbatch would send them as they are, and leave out `{#name#}`, a comment of Jinja2.",
        mend="Write `{{ name }}`, with the name of the column.",
    ),
    Code(
        "MB214",
        Severity.WARNING,
        "This is MJML, not HTML",
        why="No mail program knows `<mjml>`: readers would see bare text, without the layout.",
        mend="Name the file in `message.mjml`, which compiles it.",
    ),
    Code(
        "MB215",
        Severity.WARNING,
        "An image is written into the HTML",
        why="Gmail and Outlook show no `data:` images, and each message carries their bytes.",
        mend="Write `images: embed`: it makes an inline part of each.",
    ),
    Code(
        "MB216",
        Severity.WARNING,
        "A text is asked whether it is true",
        why="Every cell is a text, and only the empty text is false: `no`, `false` and `0` are "
        "true, so that all readers see what only some should.",
        mend="Compare it with the word of the table: `{% if member == 'yes' %}` (TRUE of a sheet "
        "is `'true'`), or `{% if discount | float > 0 %}`.",
    ),
    Code(
        "MB217",
        Severity.WARNING,
        "Numbers or dates are taken as texts",
        why="`a + b` writes the one behind the other, `price * 2` the price twice, and texts "
        "are ordered by their letters: `9` comes after `10`, `30.11.2026` after `01.12.2026`.",
        mend="Make numbers of them: `{{ a | float + b | float }}`. Let the table write dates as "
        "`2026-11-29`.",
    ),
    Code(
        "MB218",
        Severity.WARNING,
        "An empty cell is taken for one that is not there",
        why="A column is always defined, and an empty cell is an empty text: `default('friend')`, "
        "`is defined` and `is none` do nothing about it.",
        mend="Write `{{ first_name or 'friend' }}` and `{% if first_name %}`.",
    ),
    Code(
        "MB219",
        Severity.WARNING,
        "The charset of a text file is not known",
        why="It is not written in UTF-8, or not in the charset of its type: each program guesses, "
        "and shows wrong letters.",
        mend="Save it in UTF-8, or name its charset: `type: text/csv; charset=windows-1252`.",
    ),
    Code(
        "MB220",
        Severity.WARNING,
        "The text part is written in HTML",
        why="Readers of the text part would see the tags.",
        mend="Name the file in `message.html`: a text part is made of it. Or write the text "
        "without tags.",
    ),
    Code(
        "MB221",
        Severity.WARNING,
        "The HTML part is plain text",
        why="In HTML the ends of lines are blanks: readers would see one long paragraph.",
        mend="Name the file in `message.text`, or in `message.markdown`, which gives both parts.",
    ),
    Code(
        "MB222",
        Severity.WARNING,
        "Text stands outside of the blocks",
        why="Of a template that extends another, Jinja takes the blocks that the other one has. "
        "Text behind `{% extends %}` is left out; an include, a call, and text before it are "
        "written above the page.",
        mend="Put it between `{% block content %}` and `{% endblock %}`, with a block of the other "
        "template. Comments, `{% set %}`, `{% import %}` and macros may stand where they like.",
    ),
    Code(
        "MB223",
        Severity.WARNING,
        "The letter has the first row of a group alone",
        why="With `group_by: email` an address gets one message, and `{{ child }}` is that of the "
        "first row: the other rows count as mailed, and their cells never leave.",
        mend="Read all rows: `{% for row in rows %}{{ row.child }}{% endfor %}`. For a letter to "
        "each row, write `key` in place of `group_by`.",
    ),
    Code(
        "MB224",
        Severity.INFO,
        "A link holds a blank",
        why="Some programs end the link there. Mostly a cell stands in the link as it is, and one "
        "with `&` or `#` changes the rest of the address.",
        mend="Write `{{ first_name | urlencode }}` in links, and `%20` for a blank of your own.",
    ),
    Code(
        "MB225",
        Severity.WARNING,
        "An attachment holds a mark of a template",
        why="An attachment by `path` goes out as the file is: only its path and its name are "
        "templates. The recipient would read `{{ seat }}`.",
        mend="Write `template: ticket.txt.j2` with a `filename` in place of `path`, and each row "
        "gets a file of its own.",
    ),
    Code(
        "MB226",
        Severity.ERROR,
        "A tag or an attribute of MJML is not known",
        why="The compiler would mail an unknown tag as it stands, and leave out an unknown "
        "attribute, without a word.",
        mend="Look at the tags and attributes of MJML 4. What the compiler does not know is in the "
        "reference of `message.mjml`.",
    ),
    Code(
        "MB227",
        Severity.ERROR,
        "The MJML cannot be compiled",
        why="MJML is written as XML: values stand in quotes, every element is closed, and a double "
        "quote between single ones would break the HTML.",
        mend="Mend the template at the place named.",
    ),
    Code(
        "MB228",
        Severity.INFO,
        "An image stays on the web",
        why="`images: embed` takes files and `data:` URIs, and fetches nothing. Until readers ask "
        "for images of the web, they see the alt text, in a box of the size that the element says.",
        mend="Save the image beside the template, and name the file. If it shall stay there, write "
        "`alt`, `width` and `height`.",
    ),
    Code(
        "MB229",
        Severity.WARNING,
        "The recipient is not among the invited",
        why="Gmail and Outlook offer to answer an invitation only where an ATTENDEE is the address "
        "that has the message.",
        mend="Write `ATTENDEE;RSVP=TRUE:mailto:{{ email }}` into the template of the calendar.",
    ),
    Code(
        "MB230",
        Severity.INFO,
        "A preheader is missing",
        why="Lists of messages show the first text of the body behind the subject: here that is "
        "nothing, or the subject once more.",
        mend="Write `message.preheader`: a sentence that goes on where the subject ends.",
    ),
    Code(
        "MB231",
        Severity.WARNING,
        "The preheader says what readers see anyway",
        why="A list of messages shows it beside the subject, and the letter begins with it, too.",
        mend="Write another sentence in `message.preheader`, or leave the key out: then lists "
        "show the first text of the body.",
    ),
    Code(
        "MB232",
        Severity.WARNING,
        "Many servers refuse a message of this size",
        why="A server on the way says how many bytes it takes: Postfix 10,240,000, unless its "
        "administrator set another limit. Files grow by a third on the way.",
        mend="Make the attachments smaller, or link to them. Nothing, if you know that the "
        "recipients' servers take it.",
    ),
    Code(
        "MB235",
        Severity.ERROR,
        "A tag of MJML stands out of its place",
        why="The compiler puts a text without a column into no table, or leaves a part of the "
        "letter out, and says nothing. Readers see these at different places, or not at all.",
        mend="Move the tag: sections stand in mj-body, columns in sections, and all that is to be "
        "read in columns.",
    ),
    Code(
        "MB301",
        Severity.WARNING,
        "The subject is empty",
        why="Nobody opens such a message, and filters take it for spam.",
        mend="Look at the columns that `message.subject` uses.",
    ),
    Code(
        "MB302",
        Severity.WARNING,
        "The subject is long",
        why="Over 78 characters; lists of messages show 40 to 60 of them.",
        mend="Shorten it, and put what matters first.",
    ),
    Code(
        "MB303",
        Severity.WARNING,
        "A header is very long",
        why="Over 998 characters. It is folded correctly, but some servers and programs unfold "
        "and refuse it.",
        mend="Shorten the value; long tokens in URLs are the usual reason.",
    ),
    Code(
        "MB304",
        Severity.WARNING,
        "The envelope sender is not aligned with From",
        why="Their organisational domains differ: SPF does not count for DMARC, and Infobip "
        "checks the same.",
        mend="Use one domain, or subdomains of it, in `sender.from` and `sender.envelope_from`.",
    ),
    Code(
        "MB305",
        Severity.INFO,
        "There is no List-Unsubscribe header",
        why="Gmail and Yahoo want one from everybody who sends newsletters; invoices and notices "
        "need none.",
        mend="Write `message.unsubscribe`.",
    ),
    Code(
        "MB306",
        Severity.WARNING,
        "Unsubscribing takes more than one click",
        why="Gmail and Yahoo want the pair of RFC 8058 from bulk senders: an https URL and "
        "one-click.",
        mend="Write `unsubscribe: {url: https://..., one_click: true}` if the URL takes a POST.",
    ),
    Code(
        "MB307",
        Severity.INFO,
        "The body does not show the unsubscribe link",
        why="Gmail and Yahoo want a visible link in the body besides the header.",
        mend="Show the URL of `message.unsubscribe` at the foot of the templates.",
    ),
    Code(
        "MB308",
        Severity.INFO,
        "There is no List-Id header",
        why="With it readers can sort the newsletter, and providers tell one list from another.",
        mend="Write `message.list_id`.",
    ),
    Code(
        "MB309",
        Severity.WARNING,
        "A value stands in curly quotes",
        why="YAML knows straight quotes only: readers would see the curly ones.",
        mend='Write `"..."`. Nothing, if readers shall see the quotes.',
    ),
    Code(
        "MB310",
        Severity.WARNING,
        "A text ends where a # begins",
        why="In YAML a blank and a # begin a comment: of `subject: Issue #48` readers would see "
        "`Issue`.",
        mend='Put the text into quotes: `subject: "Issue #48"`. A comment that is meant has a '
        "blank behind the #.",
    ),
)
