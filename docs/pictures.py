"""The pictures of the gallery on the pages and in the README, taken in a headless Chromium.

`make pictures` writes docs/gallery.webp and docs/gallery-message.webp from the preview of the
quickstart. The tests do not compare them: fonts differ from machine to machine. Playwright (extra
`test`) and a Chromium are needed; the variable CHROMIUM names another one.
"""
# ruff: noqa: INP001 - a script beside the pages that it writes for, run from a checkout

from __future__ import annotations

import base64
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

DOCS = Path(__file__).resolve().parent
ROOT = DOCS.parent
CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
EDITION = "2026-W48"  # on every picture the same, whenever it is taken
#: Picture -> page of the gallery, name of the button to press first, height in CSS pixels.
PICTURES = {
    "gallery.webp": ("index.html", None, 860),
    "gallery-message.webp": ("messages/0001.html", "Dark", 860),
}
WIDTH = 1280
QUALITY = 82
PAINTED = 1500  # milliseconds, until the letters in their frames are painted
LARGEST = 75_000  # bytes; both together stay below 150 KB


def main() -> None:
    """Write the pictures; raise `SystemExit` where one of them is too large."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        job = ROOT / "examples" / "quickstart" / "job.yaml"
        command = [sys.executable, "-m", "mailbatch", "preview", str(job), "--edition", EDITION]
        subprocess.run([*command, "--out", str(folder), "--quiet"], cwd=ROOT, check=True)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
            for picture, (page, button, height) in PICTURES.items():
                taken = take(browser, folder / page, button, height)
                if len(taken) > LARGEST:
                    raise SystemExit(f"{picture} has {len(taken):,} bytes, more than {LARGEST:,}")
                (DOCS / picture).write_bytes(taken)
            browser.close()


def take(browser: Browser, path: Path, button: str | None, height: int) -> bytes:
    """Return a picture of a page, as WebP, which Playwright's own screenshots cannot be."""
    page = browser.new_page(viewport={"width": WIDTH, "height": height}, color_scheme="light")
    page.goto(path.as_uri())
    page.wait_for_selector("body[data-ready]")
    if button is not None:
        page.get_by_role("button", name=button, exact=True).click()
    page.wait_for_timeout(PAINTED)
    session = page.context.new_cdp_session(page)
    answer = session.send("Page.captureScreenshot", {"format": "webp", "quality": QUALITY})
    page.close()
    return base64.b64decode(answer["data"])


if __name__ == "__main__":
    main()
