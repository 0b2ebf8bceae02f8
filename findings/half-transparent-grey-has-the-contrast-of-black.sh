#!/bin/bash
# npm tinycolor2 1.6.0, color 5.0.3, chroma-js 3.1.2, colord 2.9.3, polished 4.3.1, wcag-contrast 3.0.0, get-contrast 3.0.0; Node 20.
#
# Expected: a function for the contrast of two colours (WCAG 2, 1.4.3) lays a half transparent one over the other first, or says
# that it cannot; one of seven may forget to.
# Really: all seven take rgba(0, 0, 0, 0.38), or #00000061, for black: 21 to 1, the most there is. On white that is a light grey of
# 2.68 to 1, which fails for text of every size. No word, no error. Five of the seven can mix colours, and do not.
# Why a sender cares: editors of letters and checks of brand colours call these; grey made by transparency is what design systems
# give for "secondary" and "disabled" text, and so the small print with the unsubscribe link passes with the best mark. Lay colours
# over the ground before comparing, or write no transparent colour of text in a letter.
set -eu
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT; cd "$work"
echo '{}' > package.json
npm install --silent --no-audit --no-fund tinycolor2@1.6.0 color@5.0.3 chroma-js@3.1.2 colord@2.9.3 polished@4.3.1 wcag-contrast@3.0.0 get-contrast@3.0.0 > /dev/null
cat > see.mjs <<'J'
import tinycolor from "tinycolor2";
import Color from "color";
import chroma from "chroma-js";
import { colord, extend } from "colord";
import a11y from "colord/plugins/a11y";
import { getContrast } from "polished";
import wcag from "wcag-contrast";
import contrast from "get-contrast";
extend([a11y]);
const seven = {
  tinycolor2: text => tinycolor.readability(text, "#fff"),
  color: text => Color(text).contrast(Color("#fff")),
  "chroma-js": text => chroma.contrast(text, "#fff"),
  colord: text => colord(text).contrast("#fff"),
  polished: text => getContrast(text, "#fff"),
  "wcag-contrast": text => wcag.hex(text, "#fff"),
  "get-contrast": text => contrast.ratio(text, "#fff"),
};
const laid = 255 - Math.round(255 * 0.38);
const same = "#" + laid.toString(16).repeat(3);
for (const [name, ratio] of Object.entries(seven))
  console.log(name, ...["#00000061", same].map(text => Math.round(100 * ratio(text)) / 100));
J
node see.mjs | tee found
diff found - <<'F' || { echo "CHANGED: a library looks through a colour now"; exit 1; }
tinycolor2 21 2.68
color 21 2.68
chroma-js 21 2.68
colord 21 2.67
polished 21 2.68
wcag-contrast 21 2.68
get-contrast 21 2.68
F
echo "SEEN: seven of seven give a light grey, made of black with 38 %, the contrast of black"
