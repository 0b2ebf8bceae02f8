"""The readers: how each is run over letters, and what it says of names, texts and files."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.readers.dovecot import Dovecot
from tests.readers.programs import Reader
from tests.readers.reading import File, Reading


class Notmuch(Reader):
    """notmuch, by the library of GNOME's mail readers: GMime."""

    name = "notmuch"
    package = "notmuch"
    path = "usr/bin/notmuch"
    script = r"""
printf '[database]\npath=%s/mail\n[user]\nprimary_email=reader@example.org\n' "$1" >"$1/config"
export NOTMUCH_CONFIG="$1/config"
notmuch new --quiet
notmuch show --format=json --entire-thread=false --include-html --body=true '*' >"$1/shown"
"""

    def readings(self, folder: Path, count: int) -> list[Reading]:
        found = dict(_shown_by_notmuch(json.loads((folder / "shown").read_text("utf-8"))))
        return [found[number] for number in range(1, count + 1)]


def _shown_by_notmuch(shown: Any) -> Iterator[tuple[int, Reading]]:
    if isinstance(shown, list):
        for one in shown:
            yield from _shown_by_notmuch(one)
    else:
        head = shown["headers"]
        parts = list(_leaves(shown["body"]))
        bodies = {part["content-type"]: part["content"] for part in parts if not _is_file(part)}
        files = [
            File(part["filename"], type=part["content-type"]) for part in parts if _is_file(part)
        ]
        yield (
            int(Path(shown["filename"][0]).name[:4]),
            Reading(
                head["Subject"],
                head["From"].replace('"', ""),
                head["To"].replace('"', ""),
                bodies["text/plain"],
                bodies.get("text/html"),
                tuple(files),
            ),
        )


def _is_file(part: dict[str, Any]) -> bool:
    return "filename" in part


def _leaves(parts: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for part in parts:
        content = part.get("content")
        if isinstance(content, list):
            yield from _leaves(content)
        else:
            yield part


class Mutt(Reader):
    """Mutt, in a terminal of its own, with all letters piped out as it shows them."""

    name = "mutt"
    package = "mutt"
    path = "usr/bin/mutt"
    shows_files = True
    script = r"""
cat >"$1/muttrc" <<'END'
set folder=~/mail sort=mailbox-order pipe_decode=yes wait_key=no header_cache="" charset=utf-8
set pipe_sep="== next ==\n"
ignore *
unignore from to subject
hdr_order from to subject
push "<tag-pattern>~A<enter><tag-prefix><pipe-message>cat >$HOME/shown<enter><exit>"
END
script -qec "stty rows 40 cols 120; mutt -n -F $1/muttrc -R -f $1/mail" /dev/null >/dev/null
"""

    def readings(self, folder: Path, count: int) -> list[Reading]:
        *shown, _ = (folder / "shown").read_text("utf-8").split("== next ==\n")
        assert len(shown) == count
        return [_shown_by_mutt(one) for one in shown]


def _shown_by_mutt(shown: str) -> Reading:
    head, _, text = shown.partition("\n\n")
    # Mutt folds the fields anew (RFC 5322 2.2.3).
    fields = dict(re.findall(r"^([\w-]+): (.*)", re.sub(r"\n(?=[ \t])", "", head), re.MULTILINE))
    return Reading(
        fields["Subject"],
        fields["From"].replace('"', ""),
        fields["To"].replace('"', ""),
        text,
    )


class Mblaze(Reader):
    """mblaze, a mail reader made of small programs with a MIME parser of its own."""

    name = "mblaze"
    package = "mblaze"
    path = "usr/bin/mshow"
    script = r"""
cd "$1"
for file in mail/cur/*; do
  name=${file#mail/cur/}; saved=$1/saved/${name%%:*}
  mkdir -p "$saved/files"
  for field in subject from to; do mhdr -d -h $field "$file" >"$saved/$field"; done
  (cd "$saved/files" && mshow -x "$1/$file" >/dev/null)
done
"""

    def readings(self, folder: Path, count: int) -> list[Reading]:
        return [
            Reading(
                (place / "subject").read_text("utf-8").removesuffix("\n"),
                (place / "from").read_text("utf-8").removesuffix("\n").replace('"', ""),
                (place / "to").read_text("utf-8").removesuffix("\n").replace('"', ""),
                files=_saved(place / "files"),
            )
            for place in _places(folder, count)
        ]


class RipMime(Reader):
    """ripMIME, with which mail gateways and importers of documents save what a letter brings."""

    name = "ripMIME"
    package = "ripmime"
    path = "usr/bin/ripmime"
    script = r"""
cd "$1"
for file in mail/cur/*; do
  name=${file#mail/cur/}; saved=$1/saved/${name%%:*}
  mkdir -p "$saved"
  ripmime -i "$file" -d "$saved"
done
"""

    def readings(self, folder: Path, count: int) -> list[Reading]:
        return [_ripped(_saved(place)) for place in _places(folder, count)]


def _ripped(saved: tuple[File, ...]) -> Reading:
    # What has no name is called textfile0 and so on: preambles, text, HTML, in the order of parts.
    is_body = re.compile(r"textfile\d+").fullmatch
    bodies = [
        file.data.decode("utf-8")
        for file in sorted(saved, key=lambda file: file.name)
        if is_body(file.name) and file.data is not None and file.data.strip()
    ]
    return Reading(
        text=bodies[0],
        html=bodies[1] if len(bodies) > 1 else None,
        files=tuple(file for file in saved if not is_body(file.name)),
    )


def _places(folder: Path, count: int) -> list[Path]:
    return [folder / "saved" / f"{number:04d}" for number in range(1, count + 1)]


def _saved(folder: Path) -> tuple[File, ...]:
    return tuple(File(path.name, path.read_bytes()) for path in sorted(folder.iterdir()))


READERS: tuple[Reader, ...] = (Notmuch(), Mutt(), Mblaze(), RipMime(), Dovecot())
