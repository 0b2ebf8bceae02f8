"""A place in a private PostgreSQL for every test."""

from collections.abc import Iterator

import pytest

from mailbatch.ledger.postgres.address import Place
from tests.support.postgresql import Cluster


@pytest.fixture
def place(cluster: Cluster) -> Iterator[Place]:
    made = cluster.new_place()
    yield made
    cluster.drop(made)
