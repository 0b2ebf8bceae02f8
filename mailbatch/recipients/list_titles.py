"""The titles and words in suppression lists of other tools.

    >>> address_columns(["First Name", "E-Mail Address"]), standing_columns(["Opt-Out", "Town"])
    (['E-Mail Address'], ['Opt-Out'])

The table has the titles of columns with addresses, the titles of columns that tell whether a
recipient left, and the words for it: facts from the export forms of list managers and sending
services. A title or a word that is not in the table is never guessed. Titles are compared by
letters alone: `E-Mail Address` is `emailaddress`.

Tests: tests/recipients/test_suppress.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_APART = re.compile(r"[\W_]+")

_TABLE = """
email:   email emailaddress emailaddresses mailaddress mail emails subscriberemail contactemail
         useremail recipientemail bouncedemail emailid emailadresse mailadresse epost epostadresse
         adresseemail adressemail courriel correo correoelectronico indirizzoemail email1value
address: address addresses recipient recipients adresse subscriber contact

left:    unsubscribed optout optedout optedoutofemail emailoptout hasoptedoutofemail suppressed
         bounced donotemail donotmail donotcontact blocked blacklisted cleaned
stayed:  subscribed optin optedin emailoptin active consent enabled confirmed
status:  status state subscriptionstatus subscriberstatus memberstatus emailstatus contactstatus
         mailstatus marketingstatus emailmarketingstatus subscription liststatus

gone:    unsubscribed unsubscribe optout optedout bounced bounce hardbounce hardbounced softbounce
         softbounced cleaned complained complaint complaints spam spamcomplaint spamreport abuse
         invalid blocked blacklisted blocklisted suppressed inactive deleted removed left rejected
         failed nonsubscribed donotmail donotcontact abgemeldet ausgetragen
yes:     yes true y 1 x t ja wahr oui si
no:      no false n 0 f nein falsch non
"""
_ROW = re.compile(r"(\w+):((?:\s+\w+\b(?!:))+)")
_WORDS = {name: frozenset(words.split()) for name, words in _ROW.findall(_TABLE)}
_STANDING = _WORDS["left"] | _WORDS["stayed"] | _WORDS["status"]
# A reply or an enhanced status that ended a delivery (RFC 5321 4.2, RFC 3463), and a time.
_REFUSAL = re.compile(r"[45](?:[0-9]{2}|\.[0-9]{1,3}\.[0-9]{1,3})\b")
_TIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}|[0-9]{1,2}[./][0-9]{1,2}[./][0-9]{2,4}|[0-9]{9,13}\Z"
)


def address_columns(columns: Iterable[str]) -> list[str]:
    """Return the columns with a title of addresses: one, unless there is a choice."""
    names = list(columns)
    for kind in ("email", "address"):  # the plainer ones first
        found = [name for name in names if _letters(name) in _WORDS[kind]]
        if found:
            return found
    return []


def standing_columns(columns: Iterable[str]) -> list[str]:
    """Return the columns that tell whether a recipient left."""
    return [name for name in columns if _letters(name) in _STANDING]


def stays(title: str, cell: str) -> bool:
    """Tell whether a cell of a standing column leaves open that the recipient left.

    >>> stays("Status", "Unsubscribed"), stays("Opt-Out", "no")
    (False, True)
    """
    kind, word, text = _letters(title), _letters(cell), cell.strip()
    if kind in _WORDS["stayed"]:
        return word not in _WORDS["no"]
    if word in _WORDS["gone"]:
        return False
    if kind in _WORDS["left"]:
        return word not in _WORDS["yes"] and _TIME.match(text) is None
    return _REFUSAL.match(text) is None


def _letters(text: str) -> str:
    return _APART.sub("", text).casefold()
