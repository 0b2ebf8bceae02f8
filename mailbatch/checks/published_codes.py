"""The codes about what DNS publishes for a mailing's domains: MB506 to MB519, of `check --connect`.

The rules for all codes are in `codes`.

Tests: tests/checks/test_codes.py, tests/dns/test_published.py.
"""

from __future__ import annotations

from mailbatch.checks.code import Code, Severity

#: The codes, in the order of the numbers.
PUBLISHED_CODES = (
    Code(
        "MB506",
        Severity.WARNING,
        "DNS gave no answer",
        why="The record may be there or not: a server failure, a refusal or a lost network says "
        "nothing about it, and nothing was concluded. Receivers that meet the same failure put "
        "messages off.",
        mend="Try again; ask another resolver with `--resolver`; if a name server of your domain "
        "fails, tell those who run it.",
    ),
    Code(
        "MB507",
        Severity.WARNING,
        "The envelope sender's domain has no SPF record",
        why="SPF (RFC 7208) is looked up at the domain of the envelope sender. Gmail, Yahoo and "
        "Outlook want SPF and DKIM from senders of many messages.",
        mend="Publish one TXT record at that domain, with what your provider's page says: "
        "`v=spf1 include:... ~all`.",
    ),
    Code(
        "MB508",
        Severity.WARNING,
        "The SPF record cannot be evaluated",
        why="Two records, a term that is none, or an include without a record end with permerror "
        "(RFC 7208 4.5, 4.6, 5.2): SPF counts for nothing then.",
        mend="Correct the record: one TXT record that begins with v=spf1, all terms in it.",
    ),
    Code(
        "MB509",
        Severity.WARNING,
        "The SPF record needs too many look-ups",
        why="At most ten terms of a record and all that it includes may ask DNS, two of these "
        "questions may find nothing, and an `mx` may have ten hosts (RFC 7208 4.6.4). A receiver "
        "that comes to the limit before a match refuses the record with permerror.",
        mend="Take out the providers that no longer send, and names without a record; write "
        "networks as ip4 and ip6.",
    ),
    Code(
        "MB510",
        Severity.WARNING,
        "The SPF record says other than it seems",
        why="Terms behind `all`, a redirect beside it and names with the wrong sign have no effect "
        "(RFC 7208 5.1, 6); without `all` or with `+all` a record keeps nobody out.",
        mend="Write the terms first, and ~all or -all at the end.",
    ),
    Code(
        "MB511",
        Severity.WARNING,
        "There is no valid key at the DKIM selector",
        why="Signatures with `message.dkim` cannot be verified: the record is missing, is no key, "
        "or is revoked by an empty p= (RFC 6376 3.6.1). A wildcard record may answer in its place.",
        mend="Publish the public half of the key as a TXT record at SELECTOR._domainkey.DOMAIN.",
    ),
    Code(
        "MB512",
        Severity.WARNING,
        "DNS has another DKIM key than the one that signs",
        why="Every signature fails: the key in `message.dkim.private_key` is not the other half of "
        "the key at the selector.",
        mend="Publish the public half of this key, best at a new selector, or sign with the key "
        "that is published.",
    ),
    Code(
        "MB513",
        Severity.WARNING,
        "Not every verifier takes the DKIM key as it is published",
        why="RFC 6376 3.6.1 has a form for the record, and verifiers forgive different things: the "
        "same signature passes at one receiver and fails at another.",
        mend="Write `v=DKIM1; k=rsa; p=...`, in one TXT record, and nothing that is not needed.",
    ),
    Code(
        "MB514",
        Severity.INFO,
        "The DKIM key is short",
        why="Signers should use RSA keys of 2048 bits and more (RFC 8301 3.2).",
        mend="Make a new key at a new selector: openssl genrsa -out dkim.pem 2048.",
    ),
    Code(
        "MB515",
        Severity.WARNING,
        "The From domain has no DMARC record",
        why="Gmail, Yahoo and Outlook want one from senders of many messages; without one, others' "
        "messages in your name are judged by guesses.",
        mend="Publish `v=DMARC1; p=none` as a TXT record at _dmarc.DOMAIN, of the organisation's "
        "domain at best (RFC 9989 4.10).",
    ),
    Code(
        "MB516",
        Severity.WARNING,
        "Receivers read the DMARC record differently",
        why="RFC 9989 4.7 says how a record is written. What is not written so is forgiven by some "
        "and refused by others; of several records at one name, none counts (4.10).",
        mend="Keep one record, `v=DMARC1` first and letter by letter, each tag once.",
    ),
    Code(
        "MB517",
        Severity.WARNING,
        "Nothing in the job is aligned with From",
        why="DMARC passes where SPF or DKIM passes for a domain aligned with that of From (RFC "
        "9989 4.4): the same organisation, or, with adkim=s or aspf=s, the same domain. What is "
        "left is a signature that the provider makes in the name of your domain.",
        mend="Let `sender.envelope_from` or `message.dkim.domain` be of From's domain; or see at "
        "the provider that it signs for your domain.",
    ),
    Code(
        "MB518",
        Severity.WARNING,
        "Receivers of two kinds see two organisations",
        why="Some find the organisation of a domain by a walk up the DNS (RFC 9989 4.10.2), others "
        "by the public suffix list (RFC 7489 3.2). Here the two ways end in different answers.",
        mend="Publish a DMARC record at the organisation's domain, too, and psd= only where a "
        "registry is meant.",
    ),
    Code(
        "MB519",
        Severity.WARNING,
        "Bounces may not arrive",
        why="Bounces go to the mail hosts of the envelope sender's domain (RFC 5321 5.1), and a "
        "null MX takes none (RFC 7505). Some receivers refuse senders that take no bounces.",
        mend="Publish an MX record there, or use an envelope sender whose domain has one.",
    ),
)
