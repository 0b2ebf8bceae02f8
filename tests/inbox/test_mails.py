"""The mails that are kept: the newest first, found by words, within bounds."""

import threading

from mailbatch.inbox.mails import Mails

from .making import add, mail


def numbers(mails, words="", before=None, limit=50):
    return [one.number for one in mails.listed(words, before=before, limit=limit).mails]


def test_the_newest_is_the_first_and_pages_have_no_gaps():
    mails = Mails()
    for _ in range(7):
        add(mails)
    assert numbers(mails, limit=3) == [7, 6, 5]
    add(mails)
    assert numbers(mails, before=5, limit=3) == [4, 3, 2], "what came meanwhile moves no page"
    assert numbers(mails, before=2, limit=3) == [1]
    listed = mails.listed("", before=5, limit=3)
    assert (listed.found, listed.more) == (8, True)
    assert not mails.listed("", before=2, limit=3).more


def test_a_search_looks_at_recipients_sender_and_subject():
    mails = Mails()
    add(mails, mail("From: Zoë <z@example.com>", "Subject: Spring in Zürich"), "a@x.org", "B@x.org")
    add(mails, mail("Subject: =?utf-8?q?Fr=C3=BChling?="), "c@x.org")
    assert numbers(mails, "zoe ZURICH b@") == [1]
    assert numbers(mails, "frühling") == numbers(mails, "fruhling c@x") == [2]
    assert numbers(mails, "x.org") == [2, 1]
    assert numbers(mails, "spring c@x") == []


def test_the_oldest_give_way_by_number_and_by_bytes():
    mails = Mails(most=3)
    for _ in range(5):
        add(mails)
    assert (numbers(mails), mails.gone, mails.find(2)) == ([5, 4, 3], 2, None)
    mails = Mails(most_bytes=100)
    add(mails, b"x" * 60)
    add(mails, b"x" * 60)
    assert (numbers(mails), mails.gone) == ([2], 1)
    add(mails, b"x" * 1000)
    assert numbers(mails) == [3], "the newest is kept, however large"


def test_a_reader_waits_for_the_next_mail():
    mails = Mails()
    heard = []
    reader = threading.Thread(target=lambda: heard.append(mails.wait(0, seconds=30)))
    reader.start()
    add(mails)
    reader.join(30)
    assert heard == [1]
    assert mails.wait(1, seconds=0.01) == 1
