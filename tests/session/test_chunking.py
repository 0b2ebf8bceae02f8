"""CHUNKING (RFC 3030): one flight and one wait for each message, and what servers make of it."""

from __future__ import annotations

import csv

import pytest

from tests.certainty.scene import Scene
from tests.session.recording import Recording
from tests.support.faults import Stage

PATIENT = {"connect": "10s", "command": "10s", "data": "10s", "end_of_data": "10s"}


def scene_at(folder, port, **more):
    return Scene(folder / "s", port, **{"timeouts": PATIENT, **more})


def taken(server):
    """The ends of content whose message was taken."""
    return [record for record in server.stages(Stage.DOT) if record["taken"]]
