"""The records of the domains of a job in DNS: asked side by side, judged one by one.

    judgements = look_up(Domains.of(job, public_key), Resolver().ask)
    [finding.code for judgement in judgements for finding in judgement.findings]

This module must never speak DNS itself: the port that asks is given.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from mailbatch.dns.answers import Ask
from mailbatch.dns.dkim_key import SigningKey, judge_dkim
from mailbatch.dns.dmarc import judge_dmarc
from mailbatch.dns.judgement import Judgement
from mailbatch.dns.mail_hosts import judge_mail_hosts
from mailbatch.dns.spf import judge_spf
from mailbatch.errors import Location
from mailbatch.frozen import frozen
from mailbatch.host_names import a_labels
from mailbatch.job.fields import is_template
from mailbatch.render.dkim import PublicKey, wire_domain

if TYPE_CHECKING:
    from mailbatch.job.model import Job

#: Of more domains only the first are asked for.
MOST_DOMAINS = 10
#: The questions that are asked at one time, each with a socket.
AT_ONCE = 6


@frozen
class Domains:
    """The domains of a job that DNS is asked about, in ASCII and lower case.

    `author` are those of From addresses, `envelope` those of envelope senders: the domain of a
    template is known where it stands there as it is, else the job's `sender.domains` are meant.
    `places` are the keys of the job that name them: author, envelope, signature.
    """

    author: tuple[str, ...]
    envelope: tuple[str, ...]
    signing: SigningKey | None
    places: tuple[Location, Location, Location]

    @classmethod
    def of(cls, job: Job, public: PublicKey | None) -> Domains:
        """Return the domains of a job; `public` is the public half of its signing key."""
        author = _ascii(job.sender.own_domains)
        envelope, dkim = job.sender.envelope_from, job.message.dkim
        signing = None
        if dkim is not None and public is not None:
            signing = SigningKey(wire_domain(dkim.domain), dkim.selector, public)
        written = "sender.from" if envelope is None else "sender.envelope_from"
        key = "message.dkim" if dkim is not None else "message"
        places = job.locate("sender.from"), job.locate(written), job.locate(key)
        return cls(author, _envelope(job, author), signing, places)


def _envelope(job: Job, author: tuple[str, ...]) -> tuple[str, ...]:
    envelope = job.sender.envelope_from
    if envelope is None:
        return author
    domain = envelope.rpartition("@")[2].strip("<> ")
    if is_template(domain) or (is_template(envelope) and "}" in domain):
        return _ascii(job.sender.domains) or author
    return _ascii((domain,)) if domain else ()


def _ascii(domains: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(a_labels(one).lower().rstrip(".") for one in domains))


def look_up(domains: Domains, ask: Ask) -> list[Judgement]:
    """Ask about all domains at once; the first ten of each kind, in their order."""
    author, envelope = domains.author[:MOST_DOMAINS], domains.envelope[:MOST_DOMAINS]
    key = domains.signing
    from_, sender, signature = domains.places
    signing = key.domain if key is not None else None
    work: list[tuple[Location, Callable[[], Judgement]]] = []
    work += [(sender, partial(judge_spf, one, ask)) for one in envelope]
    work += [(signature, partial(judge_dkim, key, ask))] if key is not None else []
    for one in author:
        own = (one,) if domains.envelope == domains.author else envelope
        judge = partial(judge_dmarc, one, ask, envelope=own, signing=signing)
        work.append((from_, judge))
    work += [(sender, partial(judge_mail_hosts, one, ask)) for one in envelope]
    with ThreadPoolExecutor(AT_ONCE, "dns") as pool:
        judgements = list(pool.map(lambda one: one[1](), work))
    return [
        replace(found, findings=tuple(replace(one, location=place) for one in found.findings))
        for found, (place, _) in zip(judgements, work, strict=True)
    ]
