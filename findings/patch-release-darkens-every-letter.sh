#!/usr/bin/env bash
# A patch release of Tailwind, which nobody named, makes the dark, the print and the phone variant of React Email's letters hold for everybody: with
#   4.3.2 they are media queries, with 4.3.5 "dark:text-white" is white for all and "print:hidden" hides the button.
#
# Versions: npm @react-email/components 1.0.12 (the newest; with @react-email/tailwind 2.0.7, which asks for tailwindcss ^4.1.18),
#           @react-email/render 2.3.1, react and react-dom 19.2.0, tailwindcss 4.3.2 and 4.3.5; Node 20.
# Input: a letter in <Tailwind> with <Head>: a text "text-black dark:text-white", a link "print:hidden", a cell "p-2 md:p-4", a note "md:hidden".
#
# Most people expect: variants go into a style element of the head, as the manual says, and the element has what holds without a condition. The same
#   package.json gives the same letter, as the major and the minor version are the same.
# What happens: 4.3.2: color black, padding 0.5rem, nothing hidden, five rules with @media (hover has one). 4.3.5: color white, padding 1rem, the link and the note have
#   display:none, and no @media is left: its style sheet has the condition around the rule and no more inside of it, where it was looked for.
#   "hover:" stays right. (Reported and mended for the package react-email; the components, nine million downloads a month, are as they were.)
# Why a sender of mail cares: npm install on another day, or a renewed lock file, and the letter is white on white without its button. No error, the
#   types and the tests of components pass. Pin tailwindcss, and compare the HTML of a known letter before each mailing.
set -euo pipefail
D=$(mktemp -d)
trap 'rm -rf "$D"' EXIT
cat > "$D/letter.mjs" <<'JS'
import { Body, Column, Head, Html, Link, Row, Tailwind, Text, render } from '@react-email/components';
import { createElement as h } from 'react';

const letter = h(Tailwind, null, h(Html, null, h(Head), h(Body, null,
  h(Text, { className: 'text-black dark:text-white' }, 'Good news.'),
  h(Link, { href: 'https://example.com/', className: 'print:hidden hover:underline' }, 'Read on'),
  h(Row, null, h(Column, { className: 'p-2 md:p-4' }, 'A cell')),
  h('small', { className: 'md:hidden' }, 'Turn your phone.'))));
const html = await render(letter);
const style = tag => html.match(new RegExp(`<${tag}\\b[^>]*>(?=Good|Read|A cell|Turn)`))[0].replace(/^.*?style="([^"]*)".*$/, '$1');
const has = (tag, text) => style(tag).includes(text);
console.log(JSON.stringify({
  text: style('p').match(/(?<![-\w])color:([^;]*)/)[1], button: has('a', 'display:none') ? 'hidden' : 'shown',
  cell: style('td').match(/padding:([^;]*)/)[1], note: has('small', 'display:none') ? 'hidden' : 'shown',
  conditions: (html.match(/@media/g) || []).length, hover: html.includes(':hover'),
}));
JS
for release in 4.3.2 4.3.5; do
  mkdir "$D/$release"
  cd "$D/$release"
  cp ../letter.mjs .
  printf '{"type": "module", "overrides": {"tailwindcss": "%s"}}' "$release" > package.json
  npm install --silent --no-fund --no-audit --ignore-scripts @react-email/components@1.0.12 @react-email/render@2.3.1 @react-email/tailwind@2.0.7 \
    react@19.2.0 react-dom@19.2.0 > /dev/null 2>&1
  node letter.mjs > seen
  echo "$release $(cat seen)"
done
cat > "$D/old" <<'T'
{"text":"rgb(0,0,0)","button":"shown","cell":"0.5rem","note":"shown","conditions":5,"hover":true}
T
cat > "$D/new" <<'T'
{"text":"rgb(255,255,255)","button":"hidden","cell":"1rem","note":"hidden","conditions":0,"hover":true}
T
cmp -s "$D/old" "$D/4.3.2/seen" && cmp -s "$D/new" "$D/4.3.5/seen" || { echo "CHANGED: variants of React Email are treated otherwise now"; exit 1; }
echo "SEEN: with a patch release of Tailwind, what was for the dark, for paper and for phones holds for everybody"
