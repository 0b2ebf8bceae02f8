"""The commonest slips in a job file: each has its place, and a remedy that works.

Each case is a line of the job, as people write it, in place of the line that is right.
"""

import pytest

from mailbatch.errors import InputErrors
from mailbatch.job.loader import load_job

JOB = """version: 1
name: news
edition: one
server: {host: localhost, port: 2525, security: plaintext}
sender: {from: News <news@example.com>}
recipients: {file: people.csv}
message:
  subject: Hello
  text: letter.txt.j2
"""
NO_FILE = "must be the name of a file, not the text itself"
A_FILE = "Put the text into a file beside the job, such as letter.txt.j2, and write that name here."
ENDED = "the text in quotes has ended here, and more follows"
DOUBLE = 'Inside of "..." use \' for the inner quotes, as in "{{ name or \'friend\' }}".'
SINGLE = "Inside of '...' write '' for an apostrophe, or put the text into \"...\"."
WHOLE = "Put the whole text into one pair of quotes."
MAPPING = "must be a mapping of keys"
NO_DASHES = "Leave the dashes out: the keys stand below, indented."
CURLY = "Write straight quotes, or none: these are part of the text."
HOST = "must be a host name or an IP address"
SPACE = "Write a space behind the colon."

#: the line that is right, the slip, the place and the message, the remedy
SLIPS = [
    # Quotes
    ("edition: one", 'edition: "{{ now.strftime("%G-W%V") }}"', f"3:28: {ENDED}", DOUBLE),
    ("  subject: Hello", '  subject: "{{ x or "friend" }}"', f"8:22: {ENDED}", DOUBLE),
    ("  subject: Hello", "  subject: 'Here's what is new'", f"8:18: {ENDED}", SINGLE),
    ("  subject: Hello", '  subject: "Hello" {{ x }}', f"8:20: {ENDED}", WHOLE),
    ("  subject: Hello", '  subject: "Hello",', f"8:19: {ENDED}",
     "Leave the , out: one line is one value."),
    ("  subject: Hello", '  subject: "Hello', "8:12: this quote is not closed",
     "Write the same quote at the end of the text."),
    ("  subject: Hello", "  subject: [News] Hello",
     "8:19: a text cannot begin with [ unless it is quoted", WHOLE),
    ("  subject: Hello", "  subject: [News]", "8:3: message.subject: must be text",
     "Put a text that begins with [ into quotes."),
    ("  subject: Hello", "  subject: *New* offers", "8:16: a text cannot begin with * or & here",
     WHOLE),
    ("  subject: Hello", "  subject: > News",
     "8:14: a text cannot begin with > or | unless it is quoted",
     "Put the text into quotes, or begin it on the next line, indented."),
    ("  subject: Hello", "  subject: Hello {{ x }}: news", "8:25: a colon that cannot stand here",
     "Put a text with a colon and a space in it into quotes, or check the indentation."),
    ("  subject: Hello", "  subject: {{ x }}: news",
     "8:19: a colon that cannot stand here",
     'Put a text that begins with {{ into quotes: "{{ ... }}".'),
    ("sender: {from: News <news@example.com>}", "sender: {from: News [Club] <news@example.com>}",
     "5:21: a comma or } is missing here",
     "Put a text with [ ] { } or a comma in it into quotes, or write the missing one."),
    ("  subject: Hello", "  subject: ? what", "8:12: a text cannot begin with ? here", WHOLE),
    ("  subject: Hello", "  subject: - what", "8:12: a list cannot begin here",
     "Put a text that begins with - into quotes, or check the indentation."),
    ("  subject: Hello", "  subject: !News", "8:12: message.subject: tags are not read",
     "Leave it out, or put a text that begins with ! into quotes."),
    ("  subject: Hello", "  subject: {% if x %}y{% endif %}",
     "8:13: a text cannot begin with % unless it is quoted",
     'Put a text that begins with {{ into quotes: "{{ ... }}".'),
    # The text in place of a file
    ("  text: letter.txt.j2", "  text: |\n    Hello {{ x }},\n\n    news.",
     f"9:9: message.text: {NO_FILE}", A_FILE),
    ("  text: letter.txt.j2", "  text: >-\n    Hello {{ x }},\n    news.",
     f"9:9: message.text: {NO_FILE}", A_FILE),
    ("  text: letter.txt.j2", "  text: Hello dear {{ x }}", f"9:9: message.text: {NO_FILE}",
     A_FILE),
    ("  text: letter.txt.j2", "  text: Hello dear reader, news.",
     "9:9: message.text: there is no file Hello dear reader, news.", A_FILE),
    ("  text: letter.txt.j2", '  html: "<p>Hello {{ x }}</p>"', f"9:9: message.html: {NO_FILE}",
     A_FILE),
    ("  text: letter.txt.j2", "  markdown: |\n    # Hello", f"9:13: message.markdown: {NO_FILE}",
     A_FILE),
    ("  text: letter.txt.j2", '  text: "mails\\new.txt"', f"9:9: message.text: {NO_FILE}",
     r"Put the name into single quotes: \n and \t are no letters inside of double ones."),
    ("  text: letter.txt.j2", "  text: ~/letter.txt", ("9:9: message.text: there is no file "
     "~/letter.txt"), "Write the whole path: ~ is no folder here."),
    ("recipients: {file: people.csv}", "recipients: {file: people.csv, suppress: a@example.org}",
     "6:42: recipients.suppress: there is no file a@example.org",
     "An address is no file: write it into a file of addresses, one a line."),
    ("  text: letter.txt.j2", "  text: letter.txt.j2\n  attachments: a.pdf, b.pdf",
     "10:16: message.attachments: there is no file a.pdf, b.pdf", "Write a list: [a.pdf, b.pdf]."),
    # Blanks, colons, brackets
    ("  text: letter.txt.j2", "\ttext: letter.txt.j2", "9:1: a TAB cannot indent",
     "Indent with spaces."),
    ("  text: letter.txt.j2", "  text:\tletter.txt.j2", "9:8: a TAB cannot stand here",
     "Write a space in its place."),
    ("  text: letter.txt.j2", "  text:letter.txt.j2", "9:3: a key without its colon", SPACE),
    ("version: 1", "version:1", "1:1: a key without its colon", SPACE),
    ("recipients: {file: people.csv}", "recipients: {file:people.csv}",
     "6:14: recipients.file:people.csv: unknown key", "Write a space behind the colon of file."),
    ("  text: letter.txt.j2", "  text = letter.txt.j2", "9:3: a key without its colon",
     "Write it as key: value, with a colon and a space."),
    ("  text: letter.txt.j2", "  text\uff1aletter.txt.j2", "9:3: a key without its colon",
     "Write the colon : of ASCII, and a space behind it."),
    ("edition: one", "edition: one\n// a note", "4:1: a key without its colon",
     "A comment begins with #."),
    ("recipients: {file: people.csv}", "recipients: {file: people.csv",
     "6:13: this bracket is not closed", "Write the other bracket behind the last value."),
    ("  text: letter.txt.j2", "  text: letter.txt.j2\n  text: b.txt",
     "10:3: message.text: is given twice, first on line 9",
     "Keep one of the two. Several values are a list, each behind a dash."),
    # Lists and texts in place of mappings
    ("sender: {from: News <news@example.com>}", "sender:\n  - from: a@example.com",
     f"5:1: sender: {MAPPING}", NO_DASHES),
    ("sender: {from: News <news@example.com>}", "sender: a@example.com",
     f"5:9: sender: {MAPPING}",
     "Write it as sender: {from: Example News <news@example.com>}"),
    ("recipients: {file: people.csv}", "recipients: [a@example.org]",
     f"6:1: recipients: {MAPPING}", "Write it as recipients: {file: recipients.csv}"),
    ("recipients: {file: people.csv}", "recipients: people.csv",
     f"6:13: recipients: {MAPPING}", "Write it as recipients: {file: recipients.csv}"),
    # Words, numbers, durations
    ("port: 2525", 'port: "2525"', "4:33: server.port: must be a number from 1 to 65535",
     "Write it without quotes."),
    ("port: 2525", "port: 0587", "4:33: server.port: must be a number from 1 to 65535",
     "Write it without quotes and without a zero before it."),
    ("port: 2525", "port: 2525, insecure: yes", "4:49: server.insecure: must be true or false",
     "Write true, without quotes."),
    ("port: 2525", "port: 2525, insecure: off", "4:49: server.insecure: must be true or false",
     "Write false, without quotes."),
    ("port: 2525", "port: 2525, rate: 600 per minute",
     "4:45: server.rate: must be recipients per s, min, h or day, such as 600/min",
     "Write 600/min."),
    ("port: 2525", "port: 2525, rate: 600",
     "4:45: server.rate: must be recipients per s, min, h or day, such as 600/min",
     "Write 600/min, 600/s or 600/h."),
    ("edition: one", "edition: one\nretry: {initial: 1:30}",
     "4:18: retry.initial: must be a duration such as 30s, 5m or 1h",
     "Write 90s for minutes and seconds."),
    ("edition: one", "edition: one\nretry: {initial: 5 minutes}",
     "4:18: retry.initial: must be a duration such as 30s, 5m or 1h", "Write 5m."),
    ("edition: one", "edition: one\nretry: {give_up_after: 1d}",
     "4:24: retry.give_up_after: must be a duration such as 30s, 5m or 1h", "Write 24h."),
    ("name: news", "name: My News",
     "2:7: name: must be lower-case letters, digits and hyphens, at most 64",
     "Write it as autumn-newsletter: people never see it."),
    ("edition: one", "edition: 1.10", "3:10: edition: must be text", "Put it into quotes."),
    ("edition: one", "edition: ~", "3:10: edition: has no value",
     "Give it one, or leave the key out."),
    # Addresses
    ("sender: {from: News <news@example.com>}", "sender: {from: Doe, Jane <a@example.com>}",
     "5:21: sender.'Jane <a@example.com>': unknown key",
     "Put a text with a comma in it into quotes."),
    ("sender: {from: News <news@example.com>}", "sender: {from: a@example.com, name: News}",
     "5:31: sender.name: unknown key",
     "Write sender: {from: Example News <news@example.com>}."),
    # The quotes of a word processor, which YAML takes for letters
    ("host: localhost", "host: \u201clocalhost\u201d", f"4:16: server.host: {HOST}", CURLY),
    ("port: 2525", "port: \u201e2525\u201c", "4:33: server.port: must be a number from 1 to 65535",
     CURLY),
    ("security: plaintext", "security: \u00abplaintext\u00bb",
     "4:49: server.security: must be starttls, tls or plaintext", CURLY),
    ("name: news", "name: \u2018news\u2019",
     "2:7: name: must be lower-case letters, digits and hyphens, at most 64", CURLY),
    ("sender: {from: News <news@example.com>}", "sender: {from: \u201cnews@example.com\u201d}",
     "5:16: sender.from: must be one address", CURLY),
    ("file: people.csv", "file: \u201cpeople.csv\u201d",
     "6:20: recipients.file: there is no file \u201cpeople.csv\u201d", CURLY),
    # Rates of other units, a command as a shell has it, words of other programs
    *[
        ("port: 2525", f"port: 2525, rate: {slip}",
         "4:45: server.rate: must be recipients per s, min, h or day, such as 600/min", hint)
        for slip, hint in (
            ("0.5 per second", "Write 0.5/s."), ("1/5s", "Write 12/min."),
            ("500 a day", "Write 500/day."), ("2000/d", "Write 2000/day."),
            ("100/10min", "Write 10/min."), ("1/week", None), ("0/s", None), ("0.0/day", None),
            ("1/0s", None),
        )
    ],
    ("recipients: {file: people.csv}", "recipients: {command: cat people.csv}",
     "6:23: recipients.command: must be a list of words: no shell reads it",
     "Write [cat, people.csv]."),
    ("recipients: {file: people.csv}", "recipients: {command: db -c 'select 1' 2 true}",
     "6:23: recipients.command: must be a list of words: no shell reads it",
     'Write [db, -c, "select 1", "2", "true"].'),
    ("security: plaintext", "security: ssl",
     "4:49: server.security: must be starttls, tls or plaintext",
     "Write tls: from the first byte, mostly port 465. On port 587, write starttls."),
    ("security: plaintext", "security: SSL/TLS",
     "4:49: server.security: must be starttls, tls or plaintext",
     "Write tls: from the first byte, mostly port 465. On port 587, write starttls."),
    ("security: plaintext", "security: none",
     "4:49: server.security: must be starttls, tls or plaintext",
     "Write plaintext, on the loopback only; elsewhere, leave the key out."),
    # Several names in one text
    ("recipients: {file: people.csv}", "recipients: {file: people.csv, suppress: 'b.csv, c.csv'}",
     "6:42: recipients.suppress: there is no file b.csv, c.csv", "Write a list: [b.csv, c.csv]."),
    ("sender: {from: News <news@example.com>}",
     "sender: {from: News <news@example.com>, domains: 'example.com, example.org'}",
     "5:50: sender.domains: must be a domain", "Write a list: [example.com, example.org]."),
    ("edition: one", "edition: one\nreports: {dsn: 'failure, delay'}",
     "4:16: reports.dsn: must be failure, delay or success", "Write a list: [failure, delay]."),
    ("sender: {from: News <news@example.com>}",
     "sender: {from: News <news@example.com>, reply_to: 'a@example.com, b@example.com'}",
     "5:51: sender.reply_to: must be one address",
     "Write a list: [a@example.com, b@example.com]."),
]  # fmt: skip


@pytest.mark.parametrize(("right", "slip", "told", "hint"), SLIPS)
def test_a_slip_has_its_place_and_a_remedy(tmp_path, monkeypatch, right, slip, told, hint):
    monkeypatch.chdir(tmp_path)
    assert right in JOB
    for name, text in (("people.csv", "email\n"), ("letter.txt.j2", "hi"), ("b.txt", "hi")):
        (tmp_path / name).write_text(text, encoding="utf-8")
    path = tmp_path / "job.yaml"
    path.write_text(JOB.replace(right, slip), encoding="utf-8")
    with pytest.raises(InputErrors) as caught:
        load_job(path, environ={})
    found = [(str(error).partition("job.yaml:")[2], error.hint) for error in caught.value.errors]
    assert (told, hint) in found


@pytest.mark.parametrize("key", ["text", "html", "mjml", "markdown"])
@pytest.mark.parametrize(
    "name", ["my letter.{{ plan }}.txt", "letters/{{ plan }} one", "{{ plan }}"]
)
def test_a_name_that_each_row_completes_is_no_text(tmp_path, key, name):
    """A blank is no mistake where a file fits, or where the name has an ending."""
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters/pro one").write_text("hi", encoding="utf-8")
    (tmp_path / "people.csv").write_text("email\n", encoding="utf-8")
    path = tmp_path / "job.yaml"
    path.write_text(JOB.replace("text: letter.txt.j2", f'{key}: "{name}"'), encoding="utf-8")
    assert load_job(path, environ={}).find(f"message.{key}").text == name
