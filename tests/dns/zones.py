"""Answers for the judges without a network: a port that looks into a mapping."""

from mailbatch.dns.answers import Absent, Records, Unanswered


def port(zone, *, broken=()):
    """Return the port that asks a zone: {(name, kind): values}, and names that give no answer."""
    names = {name for name, _ in zone}

    def ask(name, kind):
        if name in broken:
            return Unanswered("SERVFAIL")
        if (name, kind) in zone:
            return Records(tuple(zone[name, kind]))
        known = any(other == name or other.endswith(f".{name}") for other in names)
        return Absent(name_exists=known)

    return ask


def txt(**records):
    """Return a zone of TXT records alone; `__` in a name stands for a dot, `_` for itself."""
    return {(name, "TXT"): values for name, values in records.items()}


def codes(judgement):
    return [finding.code for finding in judgement.findings]


def details(judgement):
    return [finding.detail for finding in judgement.findings]
