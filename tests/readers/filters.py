"""What judges letters before anybody reads them: a verifier of signatures, and a spam filter."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.readers.letters import SIGNED, Letter
from tests.readers.programs import Program
from tests.render.signing import key_of, record

NAME_SERVER = Path(__file__).with_name("name_server.py")


class OpenDkim(Program):
    """opendkim-testmsg, the verifier of a milter that many servers run, with a DNS of its own."""

    name = "OpenDKIM"
    package = "opendkim-tools"
    path = "usr/sbin/opendkim-testmsg"
    script = rf"""
cd "$1"
unshare --net "{sys.executable}" "{NAME_SERVER}" records.json sh -c '
for file in mail/cur/*; do
  status=0; opendkim-testmsg <"$file" || status=$?
  echo "$status" >>statuses
done'
"""

    def prepare(self, folder: Path, letters: Sequence[Letter]) -> None:
        records = {
            f"{selector}._domainkey.example.com": record(key_of(kind)).decode("ascii")
            for selector, kind in SIGNED.items()
        }
        (folder / "records.json").write_text(json.dumps(records), encoding="ascii")

    def verified(self, letters: Sequence[Letter]) -> list[bool]:
        """Return for each letter whether its signature holds."""
        self.check_obstacle()
        with self.run(letters) as folder:
            return [status == "0" for status in (folder / "statuses").read_text().split()]


@dataclass(frozen=True, slots=True)
class Verdict:
    """The score of a letter, with the points that each rule gave it."""

    score: float
    points: dict[str, float]

    @property
    def objections(self) -> dict[str, float]:
        """What the filter has against the letter; a hundredth of a point is a rule on trial."""
        return {rule: points for rule, points in self.points.items() if points > 0.01}


class SpamAssassin(Program):
    """SpamAssassin with the rules that Debian has, offline: nothing is learned, nobody is asked."""

    name = "SpamAssassin"
    package = "spamassassin"
    path = "usr/bin/spamassassin"
    script = r"""
cd "$1"
spamassassin --local --test-mode --prefspath=prefs mail/cur/* >judged
"""

    def prepare(self, folder: Path, letters: Sequence[Letter]) -> None:
        (folder / "prefs").write_text(
            "use_bayes 0\nuse_auto_welcomelist 0\nreport_safe 0\n"
            "clear_headers\nadd_header all Verdict _SCORE_ _TESTSSCORES(,)_\nfold_headers 0\n",
            encoding="ascii",
        )

    def verdicts(self, letters: Sequence[Letter]) -> list[Verdict]:
        """Return the verdict on each letter."""
        self.check_obstacle()
        with self.run(letters) as folder:
            judged = (folder / "judged").read_text("utf-8", errors="replace")
        found = re.findall(r"^X-Spam-Verdict: (-?[\d.]+) (\S*)$", judged, re.MULTILINE)
        return [Verdict(float(score), _points(rules)) for score, rules in found]


def _points(rules: str) -> dict[str, float]:
    pairs = (rule.split("=") for rule in rules.split(",") if "=" in rule)
    return {rule: float(points) for rule, points in pairs}
