"""What a job's messages are made of, as digests by the names that the user knows.

A run compares them with those of the first run of an edition: a changed input means that not
everybody would get the same mailing. Files that only a row names (an invoice for each customer)
are not in them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from mailbatch.render.assets import Asset
from mailbatch.render.fields import HeaderField
from mailbatch.render.loader import FolderLoader
from mailbatch.render.pages import PageChoice
from mailbatch.render.templates import Value

if TYPE_CHECKING:
    from mailbatch.job import model


def digest_texts(*texts: str) -> str:
    """Return the SHA-256 of some texts, kept apart."""
    digest = hashlib.sha256()
    for text in texts:
        data = text.encode(errors="surrogatepass")
        digest.update(b"%d:" % len(data) + data)
    return digest.hexdigest()


def job_digests(
    job: model.Job, fields: Iterable[HeaderField], values: Iterable[Value]
) -> dict[str, str]:
    """Return the digests of what stands in the job file itself."""
    sender = job.sender
    found = {
        "sender.from": digest_texts(sender.from_),
        "sender.reply_to": digest_texts(*sender.reply_to),
        "sender.envelope_from": digest_texts(sender.envelope_from or ""),
        "message.css": digest_texts(job.message.css),
    }
    if (dkim := job.message.dkim) is not None:  # the key may be renewed in between
        found["message.dkim"] = digest_texts(dkim.domain, dkim.selector)
    found |= {value.key: digest_texts(value.source) for value in values}
    found |= {field.key: digest_texts(field.source) for field in fields}
    return found


def variable_digests(variables: Mapping[str, Any]) -> dict[str, str]:
    """Return the digests of the variables, also of those set on the command line."""
    return {
        f"variables.{name}": digest_texts(json.dumps(value, sort_keys=True, default=str))
        for name, value in variables.items()
    }


def page_digests(
    choices: Iterable[PageChoice], followed: Mapping[str, frozenset[str]], loader: FolderLoader
) -> dict[str, str]:
    """Return the digest of every template file, together with the files that it includes."""
    found = {}
    for choice in choices:
        if choice.value.constant is None:
            found[choice.value.key] = digest_texts(choice.value.source)
        for name in choice.pages:
            files = sorted(followed.get(name, frozenset((name,))))
            texts = [text for file in files for text in (file, loader.text(file) or "")]
            found[f"{choice.value.key}: {name}"] = digest_texts(*texts)
    return found


def asset_digests(key: str, assets: Iterable[Asset]) -> dict[str, str]:
    """Return the digest of every file that goes with the message."""
    return {f"{key}: {asset.path.source}": asset.digest() for asset in assets}
