"""The inbox of a sandbox in a browser: it follows, it is searched, and a mail runs nothing."""

import asyncio
import smtplib
import threading
from contextlib import contextmanager
from email.message import EmailMessage

import pytest

from mailbatch.inbox.mails import Mails
from mailbatch.inbox.serving import served
from mailbatch.sandbox.server import Sandbox
from tests.inbox.making import add, mail

from .galleries import frame
from .test_what_a_mail_tries import tracker, tricks

__all__ = ["tracker"]

pytestmark = pytest.mark.browser


@contextmanager
def sandbox(mails):
    """A sandbox in a thread of its own, since the browser's API has this one; gives its port."""
    ready, over = threading.Event(), threading.Event()
    ports = []

    async def serve():
        async with await Sandbox.start(on_content=mails.add) as server:
            ports.append(server.port)
            ready.set()
            await asyncio.to_thread(over.wait)

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    assert ready.wait(30)
    try:
        yield ports[0]
    finally:
        over.set()
        thread.join()


@contextmanager
def opened(watched, mails, **more):
    seen = watched(**more)
    with served(mails, 0, address="127.0.0.1:2525") as url:
        seen.page.goto(url)
        seen.page.wait_for_selector("body[data-ready]")
        yield seen.page
        seen.page.goto("about:blank")
    ours = (url, "data:", "about:")
    assert [one for one in seen.requests if not one.startswith(ours)] == []


def subjects(page):
    return page.locator("#rows a").all_inner_texts()


def violations(page, axe):
    page.evaluate(axe)
    return page.evaluate("axe.run().then((found) => found.violations.map((v) => v.id))")


def test_what_another_program_sends_is_there_at_once(watched, axe):
    mails = Mails()
    with sandbox(mails) as port, opened(watched, mails) as page:
        assert page.get_by_text("No mail yet.").is_visible()
        assert violations(page, axe) == []
        with smtplib.SMTP("127.0.0.1", port) as client:
            for subject in ("Grüße", "second"):
                letter = EmailMessage()
                letter["From"], letter["To"] = "Zoë <z@example.com>", "you@example.com"
                letter["Subject"] = subject
                letter.set_content("Hello there")
                client.send_message(letter)
        page.get_by_role("link", name="second").wait_for()
        assert subjects(page) == ["second", "Grüße"]
        assert violations(page, axe) == []
        page.get_by_role("link", name="Grüße").click()
        page.wait_for_selector("body[data-ready]")
        assert page.locator("h1").inner_text() == "Grüße"
        assert violations(page, axe) == []
        page.keyboard.press("u")
        page.wait_for_selector("#rows a")


def test_everything_by_keyboard(watched):
    mails = Mails()
    for number in range(1, 121):
        add(mails, mail(f"Subject: No {number}"), f"p{number}@x.org")
    with opened(watched, mails) as page:
        shown = page.locator("#shown")
        assert shown.inner_text() == "120 mails"
        page.keyboard.press("n")
        page.get_by_role("link", name="No 70", exact=True).wait_for()
        page.keyboard.press("n")
        page.get_by_role("link", name="No 20", exact=True).wait_for()
        assert len(subjects(page)) == 20
        assert page.get_by_role("button", name="Older").is_disabled()
        page.keyboard.press("p")
        page.get_by_role("link", name="No 70", exact=True).wait_for()
        page.keyboard.press("/")
        page.keyboard.type("P77@")
        page.get_by_text("1 mail found").wait_for()
        assert subjects(page) == ["No 77"]
        add(mails, mail("Subject: No 121"), "p121@x.org")
        add(mails, mail("Subject: another 77"), "p77@x.org")
        page.get_by_text("2 mails found").wait_for()
        page.keyboard.press("Escape")
        page.get_by_text("122 mails", exact=True).wait_for()
        page.keyboard.press("j")
        page.keyboard.press("j")
        page.keyboard.press("Enter")
        page.wait_for_selector("h1:has-text('No 121')")
        page.wait_for_selector("body[data-ready]")
        page.keyboard.press("k")
        page.wait_for_selector("h1:has-text('No 120')")


def test_a_mail_runs_nothing_and_fetches_nothing(watched, tracker):
    address, asked = tracker
    mails = Mails()
    hostile = "<img src=x onerror=window.pwned=1><script>window.pwned=1</script>"
    html = tricks(address)
    head = (f"Subject: {hostile}", f"From: {hostile} <a@x.org>", "Content-Type: text/html")
    add(mails, mail(*head, body=html), "you@x.org")
    with opened(watched, mails) as page:
        assert page.locator("#rows img, #rows script").count() == 0
        assert subjects(page) == [hostile]
        page.locator("#rows a").click()
        page.wait_for_selector("body[data-ready]")
        for keys in ("w", "w", "w", "d", "d", "d"):
            assert "The end of the letter" in frame(page).locator("body").inner_text()
            page.keyboard.press(keys)
        page.wait_for_timeout(300)
        assert page.evaluate("window.pwned") is None
        assert page.locator("main script, main img").count() == 0
    assert asked == []


def test_the_list_on_a_phone_has_no_side_scroll(watched):
    mails = Mails()
    add(mails, mail("Subject: " + "A long subject of many words " * 20), "you@x.org")
    with opened(watched, mails, width=390, height=800) as page:
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
