"""The DNS of a mailing: SPF, DKIM key, DMARC and mail hosts of its domains, as findings with codes.

    for judgement in look_up(Domains.of(job, public_key), Resolver().ask):
        judgement.line        # "spf: example.com: v=spf1 a -all (1 of 10 look-ups)"
        judgement.findings    # (Finding("MB515", "neither example.com nor ..."), ...)

`answers` holds the answers that DNS can give to a question. `asking` alone speaks DNS, by
dnspython. The judges are functions of records or of a port that asks: `spf` with `spf_terms`,
`dkim_key`, `dmarc` with `dmarc_record`, `mail_hosts`. `organisations` finds the organisational
domain, `tags` reads the form that the records of DKIM and DMARC share. `published` asks and judges
all of a job's domains side by side; `judgement` is the result of each.

This room must never read an unanswered question as an absent record, say whether a server passes
SPF (the outgoing address is the provider's), or fetch anything but DNS.
"""
