"""Compare letters compiled from MJML by mailbatch with those of npm's mjml, in a browser.

    git clone https://github.com/mjmlio/email-templates      # 25 letters, seen at 69b6157
    git clone https://github.com/projectNEWM/newm-server     # 15 letters, seen at 25ed4c4
    git clone https://github.com/digitalfondue/mjml4j        # data/complex has 6 more, at b89fa9c
    npm install --no-save --prefix .node mjml@5.4.1
    python -m benchmarks.mjml --npm .node/node_modules/mjml email-templates/templates

Every `.mjml` in the folders is compiled by both, and shown by Debian's Chromium at 390 and 640
pixels. Compared are the elements of the page in their order, those of the comments for Outlook, the
text, and the pixels: the part that is not of the same colour. Nothing is fetched: every image is
one picture, every web font is missing, for both. The letters belong to their authors, and are read
only.

The command ends with 1 where a letter differs by more than 2 % and is not among `EXPLAINED`, and
where a letter of `EXPLAINED` does not differ any more. docs/reference/mjml.md has what was seen.
"""

from __future__ import annotations

import argparse
import base64
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Page, Route, sync_playwright

from mailbatch.errors import Location, TemplateError
from mailbatch.render.mjml import Compiler
from mailbatch.render.template_loader import FolderLoader

CHROMIUM = "/usr/bin/chromium"
WIDTHS = (390, 640)
#: The most that a letter may differ, in parts of its pixels.
MOST = 0.02
#: The letters that differ by more, or that one of both refuses: the reason.
EXPLAINED = {
    "amario": "an icon of mj-social without a text has an empty cell beside it",
    "delivery": "css-class stands twice in a tag",
    "food-delivery": "css-class stands twice in a tag",
    "loyalty-client": "font-size stands twice in a tag",
    "onepage": "an image of a third of 600 px is 150 px wide, or 149",
    "receipt-email": "mj-body has no attribute font-size",
    "sale-ended": "there is no tag mj-list",
    "ticketshop": "text stands straight in a section",
}
#: How far two colours may be from each other, as the sum of three channels of 255.
NEAR = 24
NODE = """
const { readFileSync } = require("fs");
const found = require(process.argv[1]);
const mjml = found.default || found;
(async () => {
  for (const path of process.argv.slice(2)) {
    let made;
    try { made = await mjml(readFileSync(path, "utf8"), { filePath: path }); }
    catch (error) { made = { html: null }; }
    console.log(JSON.stringify(made.html));
  }
})();
"""
PICTURE = b"""<svg xmlns="http://www.w3.org/2000/svg" width="600" height="300"><defs>
<linearGradient id="g" x2="1" y2="1"><stop stop-color="#036"/><stop offset="1" stop-color="#fc6"/>
</linearGradient></defs><rect width="600" height="300" fill="url(#g)"/></svg>"""
STRUCTURE = """() => {
  const elements = [], hidden = [];
  const walk = (node, depth) => {
    for (const child of node.children) {
      elements.push(depth + child.localName);
      walk(child, depth + " ");
    }
  };
  walk(document.body, "");
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_COMMENT);
  while (walker.nextNode()) hidden.push(...(walker.currentNode.data.match(/<\\/?[a-z:]+/g) || []));
  return {elements, outlook: hidden, text: document.body.innerText.replace(/\\s+/g, " ").trim()};
}"""
DIFFERENCE = """async ([one, other, near]) => {
  const read = async (data) => {
    const image = new Image();
    image.src = "data:image/png;base64," + data;
    await image.decode();
    return image;
  };
  const [a, b] = [await read(one), await read(other)];
  const [width, height] = [Math.max(a.width, b.width), Math.max(a.height, b.height)];
  const pixels = (image) => {
    const canvas = new OffscreenCanvas(width, height).getContext("2d");
    canvas.fillStyle = "#f0f";
    canvas.fillRect(0, 0, width, height);
    canvas.drawImage(image, 0, 0);
    return canvas.getImageData(0, 0, width, height).data;
  };
  const [p, q] = [pixels(a), pixels(b)];
  let count = 0;
  for (let i = 0; i < p.length; i += 4) {
    const far = Math.abs(p[i] - q[i]) + Math.abs(p[i+1] - q[i+1]) + Math.abs(p[i+2] - q[i+2]);
    if (far > near) count++;
  }
  return count / (width * height);
}"""


@dataclass(frozen=True, slots=True)
class Compared:
    """A letter as compared: a refusal of one of both, or the parts that differ, by width."""

    name: str
    refused: str = ""
    differing: tuple[float, ...] = ()
    structure: tuple[str, ...] = ()

    @property
    def is_alike(self) -> bool:
        """Whether the letter looks the same, but for 2 % at most, and has the same elements."""
        same = not {"elements", "outlook"} & set(self.structure)
        return not self.refused and same and max(self.differing) <= MOST

    def __str__(self) -> str:
        if self.refused:
            return f"{self.name}: {self.refused}"
        parts = ", ".join(
            f"{100 * part:.2f} % at {width}"
            for part, width in zip(self.differing, WIDTHS, strict=True)
        )
        return f"{self.name}: {parts}{''.join(f', other {one}' for one in self.structure)}"


class Screen:
    """Pages of a browser, one for each width, that show a text and fetch nothing."""

    def __init__(self, pages: Sequence[Page]) -> None:
        self._pages, self._shown = pages, ""
        for page in pages:
            page.route("**/*", self._answer)

    def _answer(self, route: Route) -> None:
        if route.request.resource_type == "image":
            route.fulfill(body=PICTURE, content_type="image/svg+xml")
        elif route.request.resource_type == "document":
            route.fulfill(body=self._shown, content_type="text/html; charset=utf-8")
        else:
            route.abort()

    def compare(self, name: str, one: str, other: str) -> Compared:
        """Compare two pages of HTML at every width."""
        parts, structure = [], set()
        for page in self._pages:
            (a, image), (b, second) = self._shoot(page, one), self._shoot(page, other)
            parts.append(page.evaluate(DIFFERENCE, [image, second, NEAR]))
            structure |= {key for key in a if a[key] != b[key]}
        return Compared(name, "", tuple(parts), tuple(sorted(structure)))

    def _shoot(self, page: Page, html: str) -> tuple[dict[str, object], str]:
        self._shown = html
        page.goto("https://letter.example/")
        picture = page.screenshot(full_page=True)
        return page.evaluate(STRUCTURE), base64.b64encode(picture).decode()


def ours(source: str) -> str:
    """Compile a letter by mailbatch.

    Raises:
        TemplateError: the letter is refused.
    """
    return Compiler(FolderLoader(Path()), Location("job.yaml")).html(source, "letter")


def theirs(package: Path, paths: Sequence[Path]) -> list[str | None]:
    """Compile letters by npm's mjml; None is a letter that is refused."""
    command = ["node", "-e", NODE, str(package.resolve()), *map(str, paths)]
    done = subprocess.run(command, capture_output=True, check=True, text=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def compared(paths: Sequence[Path], package: Path) -> Iterator[Compared]:
    """Compare letters, each compiled by both."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        pages = [browser.new_page(viewport={"width": width, "height": 800}) for width in WIDTHS]
        screen = Screen(pages)
        for path, other in zip(paths, theirs(package, paths), strict=True):
            try:
                one = ours(path.read_text(encoding="utf-8"))
            except TemplateError as error:
                yield Compared(path.stem, f"mailbatch refuses it: {error.message}")
                continue
            if other is None:
                yield Compared(path.stem, "mjml refuses it")
                continue
            yield screen.compare(path.stem, one, other)
        browser.close()


def main(arguments: Sequence[str]) -> int:
    """Compare the letters of some folders, and tell each that is not as expected."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.mjml")
    parser.add_argument("folders", nargs="+", type=Path, metavar="FOLDER")
    parser.add_argument("--npm", type=Path, required=True, help="the package mjml, as installed")
    given = parser.parse_args(arguments)
    version = json.loads((given.npm / "package.json").read_text(encoding="utf-8"))["version"]
    paths = sorted(path for folder in given.folders for path in folder.rglob("*.mjml"))
    wrong = alike = 0
    for one in compared(paths, given.npm):
        alike += one.is_alike
        if one.is_alike == (one.name in EXPLAINED):
            wrong += 1
            print(f"{one}: not as expected", flush=True)
        else:
            print(f"{one}{'' if one.is_alike else f' ({EXPLAINED[one.name]})'}", flush=True)
    print(f"{alike} of {len(paths)} are those of mjml {version}; {wrong} are not as expected")
    return 1 if wrong or not paths else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
