"""The titles and words in suppression lists of other tools.

    >>> address_columns(["First Name", "E-Mail Address"]), standing_columns(["Opt-Out", "Town"])
    (['E-Mail Address'], ['Opt-Out'])

The table has the titles of columns with addresses, the titles of columns that tell whether a
recipient left, and the words for it: facts from the export forms of list managers and sending
services. Titles are compared by letters alone: `E-Mail Address` is `emailaddress`. The stems are
for titles of many words: `Unsubscribed from all email` leans towards having left. The cells decide
whether a column with such a title tells anything (`standing.py`).

Tests: tests/recipients/test_suppress.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import Enum, auto

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
there:   subscribed neversubscribed optedin optin active aktiv angemeldet confirmed enabled granted
         abonniert eingewilligt
yes:     yes true y 1 x t on ja j wahr an oui vrai si sí sim tak
no:      no false n 0 f off nein falsch aus non faux não nao nie

leaving: unsub optout optedout optsout abgemeldet abmeldung abbestellt ausgetragen abbestellung
         widerspr widerruf gesperrt désabonn desabonn désinscri desinscri suppress bounced
         donotmail donotemail donotcontact blocked blacklist blocklist cleaned revoked
         inactive inaktiv disabled
staying: accept subscri optin optedin newsletter active aktiv consent einwillig zugestimmt
         zustimmung angemeldet anmeldung abonn marketing permission allowed enabled confirmed
         bestätigt mailing werbung receive erhält wantsemail gdpr dsgvo rgpd agreed
negated: no not non nicht kein keine keinen never pas sans without ohne
aside:   reason grund comment kommentar note notiz count anzahl sms phone telefon push whatsapp
"""
_ROW = re.compile(r"(\w+):((?:\s+\w+\b(?!:))+)")
_WORDS = {name: frozenset(words.split()) for name, words in _ROW.findall(_TABLE)}
_NEGATED = re.compile(rf"(?:{'|'.join(sorted(_WORDS['negated'], key=len, reverse=True))})\b")
_STANDING = _WORDS["left"] | _WORDS["stayed"] | _WORDS["status"]
# A reply or an enhanced status that ended a delivery (RFC 5321 4.2, RFC 3463), and a time.
_REFUSAL = re.compile(r"[45](?:[0-9]{2}|\.[0-9]{1,3}\.[0-9]{1,3})\b")
_TIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}|[0-9]{1,2}[./][0-9]{1,2}[./][0-9]{2,4}|[0-9]{9,13}\Z"
)


class Leaning(Enum):
    """The answer `yes` in a column, as far as the title of the column tells."""

    LEFT = auto()
    STAYED = auto()
    UNKNOWN = auto()
    ASIDE = auto()  # a reason, a number, or another medium than mail


class Word(Enum):
    """The kind of text in a cell."""

    YES = auto()
    NO = auto()
    BLANK = auto()
    TIME = auto()
    GONE = auto()  # unsubscribed, bounced and the like
    THERE = auto()  # subscribed, active and the like
    OTHER = auto()


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


def leaning(title: str) -> Leaning:
    """Return the meaning of `yes` below a title, by the stems of the words.

    A negated title such as `No newsletter` is never guessed.

    >>> leaning("Unsubscribed from all email").name, leaning("Accepts Email Marketing").name
    ('LEFT', 'STAYED')
    """
    letters = _letters(title)
    if any(stem in letters for stem in _WORDS["aside"]):
        return Leaning.ASIDE
    if any(stem in letters for stem in _WORDS["leaving"]):
        return Leaning.LEFT
    if _NEGATED.match(_APART.sub(" ", title).strip().casefold()):
        return Leaning.UNKNOWN
    if any(stem in letters for stem in _WORDS["staying"]):
        return Leaning.STAYED
    return Leaning.UNKNOWN


def word(cell: str) -> Word:
    """Return the kind of text in a cell.

    >>> word("nein").name, word("2026-11-29").name, word("asked by phone").name
    ('NO', 'TIME', 'OTHER')
    """
    text = cell.strip()
    if not text:
        return Word.BLANK
    letters = _letters(text)
    for name, kind in _KINDS.items():
        if letters in _WORDS[name]:
            return kind
    return Word.TIME if _TIME.match(text) else Word.OTHER


_KINDS = {"yes": Word.YES, "no": Word.NO, "gone": Word.GONE, "there": Word.THERE}


def _letters(text: str) -> str:
    return _APART.sub("", text).casefold()
