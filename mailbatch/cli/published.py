"""`check --connect`: the records of the domains of a job in DNS.

Tests: tests/dns/test_published.py.
"""

from __future__ import annotations

import os

from mailbatch.delivery.descriptors import check_descriptors
from mailbatch.delivery.preparation import private_key
from mailbatch.dns.asking import Resolver, resolver_address
from mailbatch.dns.judgement import Judgement
from mailbatch.dns.published import AT_ONCE, Domains, look_up
from mailbatch.job.model import Job
from mailbatch.render.dkim import public_key


def published(job: Job, server: str | None) -> list[Judgement]:
    """Ask DNS about the domains of a job, and judge the answers.

    `server` is the text of `--resolver`, None: the resolver of the system.

    Raises:
        UsageError: `server` is no address.
        JobError: the private key is missing, or is none.
        TooManyOpenFiles: the system has no descriptors left for the questions.
    """
    check_descriptors(AT_ONCE)
    address = resolver_address(server) if server is not None else None
    public, dkim = None, job.message.dkim
    if dkim is not None:
        public = public_key(job, private_key(job, dkim, os.environ))
    return look_up(Domains.of(job, public), Resolver(address).ask)
