#!/bin/bash
# npm axe-core 4.14.1, accessibility-checker-engine 4.0.34 (IBM), html_codesniffer 2.5.1, in Chromium by playwright-core 1.65.1.
#
# Expected: a checker that runs in the browser compares a text with the ground that the browser paints. A letter that opts into the
# dark (<meta name="color-scheme" content="light dark">) and leaves the ground to the program is judged on the dark ground.
# Really: Chromium paints rgb(18, 18, 18), and axe-core and IBM's take the canvas for white. Its own link colour of the dark, contrast
# 7.8, is a violation with 2.38; its white text is "white on white", set aside for a person to look at; and the mistake that
# dark mode is known for, dark grey text without a ground (really 1.5), passes with 12.63. HTML_CodeSniffer, the oldest,
# compares nothing here, and is the only one to name the mistake: a colour of text without one of the ground (F24).
# Why a sender cares: the gate of a build fails for the letter that leaves its colours alone, and passes the one that nobody can
# read in the dark. Write the ground wherever a colour of text is written; then all agree with the eye.
set -eu
chromium=$(command -v chromium || command -v chromium-browser || command -v google-chrome)
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT; cd "$work"
echo '{}' > package.json
npm install --silent --no-audit --no-fund axe-core@4.14.1 accessibility-checker-engine@4.0.34 html_codesniffer@2.5.1 playwright-core@1.65.1 > /dev/null
cat > see.js <<'J'
const {chromium} = require("playwright-core");
const letter = `<!doctype html><html lang="en"><head><title>Prices</title><meta name="color-scheme" content="light dark"></head>
<body><p>By itself</p><p><a href="https://example.com/">All prices</a></p><p style="color: #333">Dark grey</p></body></html>`;
const light = ([r, g, b]) => [r, g, b].map(v => v / 255).map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
  .reduce((sum, v, n) => sum + v * [0.2126, 0.7152, 0.0722][n], 0);
(async () => {
  const browser = await chromium.launch({executablePath: process.argv[2], args: ["--no-sandbox", "--disable-gpu"]});
  const page = await browser.newPage({colorScheme: "dark"});
  await page.setContent(letter);
  const found = await page.evaluate(() => {
    const probe = document.createElement("i");
    probe.style.backgroundColor = "Canvas";
    document.documentElement.append(probe);
    const canvas = getComputedStyle(probe).backgroundColor;
    probe.remove();
    return [canvas, ...[...document.querySelectorAll("p:first-child, a, p:last-child")].map(e => getComputedStyle(e).color)];
  });
  console.log("painted on", found[0]);
  const numbers = found.map(text => light(text.match(/\d+/g).map(Number)));
  const ratios = numbers.slice(1).map(v => (Math.max(v, numbers[0]) + 0.05) / (Math.min(v, numbers[0]) + 0.05));
  console.log("to the eye", ratios.map(v => v.toFixed(1)).join(" "));
  await page.addScriptTag({path: require.resolve("axe-core/axe.min.js")});
  for (const line of await page.evaluate(() => axe.run({runOnly: ["color-contrast"]}).then(all =>
    ["passes", "violations", "incomplete"].flatMap(kind => all[kind].flatMap(one => one.nodes.map(node =>
      `axe-core ${kind} ${node.any[0].data.fgColor} on ${node.any[0].data.bgColor} ${node.any[0].data.contrastRatio}`))))))
    console.log(line);
  await page.addScriptTag({path: "node_modules/accessibility-checker-engine/ace.js"});
  for (const line of await page.evaluate(() => new ace.Checker().check(document, ["WCAG_2_1"]).then(all => all.results
    .filter(one => one.ruleId === "text_contrast_sufficient").map(one => `IBM ${one.value[1]} ${one.message.match(/#\w+|\d+\.\d+/) || ""}`.trim()))))
    console.log(line);
  await page.addScriptTag({path: require.resolve("html_codesniffer/build/HTMLCS.js")});
  const codes = await page.evaluate(() => new Promise(done => HTMLCS.process("WCAG2AA", document, () =>
    done(HTMLCS.getMessages().map(one => one.code).filter(code => /1_4_3/.test(code))))));
  console.log("HTML_CodeSniffer", ...codes.map(code => code.split(".").slice(-2).join(".")));
  await browser.close();
})().catch(error => { console.error(error); process.exit(2); });
J
node see.js "$chromium" | tee found
diff found - <<'F' || { echo "CHANGED: a checker sees the dark ground, or Chromium paints another one"; exit 1; }
painted on rgb(18, 18, 18)
to the eye 18.7 7.8 1.5
axe-core passes #333333 on #ffffff 12.63
axe-core violations #9e9eff on #ffffff 2.38
axe-core incomplete #ffffff on #ffffff 1
IBM POTENTIAL #ffffff
IBM FAIL 2.39
IBM PASS
HTML_CodeSniffer F24.FGColour
F
echo "SEEN: two checkers take the dark canvas for white: the readable link fails, the unreadable text passes"
