"""A provider's API, and questions to it whose waits take no time."""

import pytest

from mailbatch.pull.access import Access
from mailbatch.pull.asking import Asking
from tests.support.provider_api import KEY, ProviderApi


@pytest.fixture
def api():
    with ProviderApi() as provider:
        yield provider


class Clock:
    """Seconds that pass only by sleeping."""

    def __init__(self):
        self.now = 1000.0
        self.slept = []

    def __call__(self):
        return self.now

    def sleep(self, seconds):
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def told():
    return []


@pytest.fixture
def asking(api, clock, told):
    return Asking(Access(api.url, KEY), tell=told.append, clock=clock, sleep=clock.sleep)
