"""Digests of the inputs of a job's messages, by the names that the user knows.

A run compares these digests with those of the first run of an edition: after a change, some
recipients would get another mailing than the rest. Files that only a row names (an invoice for each
customer) have no digest.

Tests: tests/render/test_composer.py.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from mailbatch.render.assets import Asset
from mailbatch.render.fields import HeaderField
from mailbatch.render.pages import PageChoice
from mailbatch.render.template_loader import FolderLoader

if TYPE_CHECKING:
    from mailbatch.job import model


#: Names of files: the digests are those of the files (`page_digests`, `asset_digests`).
_WITH_THEIR_FILES = (
    "message.text",
    "message.html",
    "message.mjml",
    "message.markdown",
    "message.calendar.file",
    "message.attachments",
    "message.inline",
)


def digest_texts(*texts: str) -> str:
    """Return the SHA-256 of some texts, kept apart."""
    digest = hashlib.sha256()
    for text in texts:
        data = text.encode(errors="surrogatepass")
        digest.update(b"%d:" % len(data) + data)
    return digest.hexdigest()


def job_digests(job: model.Job, fields: Iterable[HeaderField]) -> dict[str, str]:
    """Return the digests of the texts in the job file itself."""
    sender = job.sender
    found = {
        "sender.from": digest_texts(sender.from_),
        "sender.reply_to": digest_texts(*sender.reply_to),
        "sender.envelope_from": digest_texts(sender.envelope_from or ""),
        "message.css": digest_texts(job.message.css),
    }
    if (dkim := job.message.dkim) is not None:  # the key may be renewed in between
        found["message.dkim"] = digest_texts(dkim.domain, dkim.selector)
    if job.message.thread:
        found["message.thread"] = digest_texts("true")
    if (calendar := job.message.calendar) is not None:
        found["message.calendar.method"] = digest_texts(calendar.method)
    found |= {field.key: digest_texts(field.source) for field in fields if field.source is not None}
    whole = (*found, *_WITH_THEIR_FILES)
    return found | {
        setting.key: digest_texts(setting.text)
        for setting in job.templated()
        if not any(_stands_in(setting.key, key) for key in whole)
    }


def _stands_in(key: str, around: str) -> bool:
    """Tell whether a key is that of a value, or of a member of the value."""
    return key.startswith(around) and key[len(around) :][:1] in {"", ".", "["}


def variable_digests(variables: Mapping[str, Any]) -> dict[str, str]:
    """Return the digests of the variables, also of those set on the command line."""
    return {
        f"variables.{name}": digest_texts(json.dumps(value, sort_keys=True, default=str))
        for name, value in variables.items()
    }


def page_digests(
    choices: Iterable[PageChoice], followed: Mapping[str, frozenset[str]], loader: FolderLoader
) -> dict[str, str]:
    """Return the digest of every template file, the included files with it."""
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
