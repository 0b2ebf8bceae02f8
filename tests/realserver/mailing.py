"""A mailing to a real server, and what must hold between its results and the server's spool."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import yaml

from tests.certainty.scene import Scene
from tests.support.real_server import RealServer, Spooled


@dataclass
class Mailing(Scene):
    """A scene whose recipients no other mailing has; `first` and `more` are named otherwise."""

    tag: str = ""
    first: tuple[str, ...] = ()
    more: tuple[str, ...] = ()

    @property
    def addresses(self) -> list[str]:
        """Every planned recipient."""
        own = [f"{self.tag}-{number}@example.net" for number in range(1, self.recipients + 1)]
        return [*self.first, *own, *self.more]

    def set_server(self, **values: object) -> None:
        """Write these keys of `server` into the job."""
        job = yaml.safe_load(self.job.read_text(encoding="utf-8"))
        job["server"].update(values)
        self.job.write_text(yaml.safe_dump(job, sort_keys=False), encoding="utf-8")

    def counts(self) -> dict[str, int]:
        """Return how many recipients have each status, by the results."""
        return dict(Counter(self.statuses().values()))

    def judge(self, server: RealServer) -> None:
        """Hold the results against what lies in the server's spool.

        Nobody is there twice; who is accepted is there, under the ids that the results name; who
        is there is accepted or, where the reply is missing, in doubt.
        """
        rows = {_on_the_wire(row["email"]): row for row in self.results()}
        assert list(rows) == [_on_the_wire(address) for address in self.addresses]
        there: dict[str, list[Spooled]] = {}
        for message in server.spooled():
            for address in message.recipients:
                there.setdefault(_on_the_wire(address), []).append(message)
        for address, row in rows.items():
            messages = there.get(address, [])
            assert len(messages) <= 1, f"{address} was mailed twice"
            if row["status"] == "accepted":
                assert messages, f"{address} is accepted, but nothing is there"
                known = messages[0].identifier if server.tells_identifiers else ""
                assert row["message_id"] == known, row
            if messages:
                assert row["status"] in {"accepted", "in_doubt"}, (address, row)
                assert messages[0].message_id in {row["header_message_id"], None}, row
            if row["status"] == "in_doubt":
                assert not row["reply_code"], row
        self.check_files()


def _on_the_wire(address: str) -> str:
    """Return an address as it is sent where the domain has letters beyond ASCII."""
    local, _, domain = address.rpartition("@")
    return f"{local}@{domain.encode('idna').decode()}"
