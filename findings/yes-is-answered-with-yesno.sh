#!/usr/bin/env bash
# The text part of React Email writes a link and the next word without a blank: ".../rsvp?a=yesNo https://...", so that who opens the first of two
#   buttons answers "yesNo"; and in its Markdown the opening hours 10~18 and 9~12 are 1018 and 912 there.
#
# Versions: npm @react-email/components 1.0.12 with marked 15.0.12, @react-email/render 2.3.1, react and react-dom 19.2.0; html-to-text 10.0.1 with its
#           own defaults, and jsx-email 2.8.4, beside it; Node 20.
# Input: a letter of two <Button> on two lines of JSX, which has no blank between lines; a <Link> before a bold word; and <Markdown> with a range of hours
#        as they are written in Japan, Korea and on many a keyboard, "10~18 and 9~12".
#
# Most people expect: render(letter, { plainText: true }) is the text part to send; a link in it ends where it ends. Buttons are boxes, so that nobody
#   writes a blank between them.
# What happens: html-to-text writes "Yes [link]No [link]". React Email takes its brackets away and puts nothing in their place: the link of Yes
#   ends in "yesNo", that of "terms" before a bold 2026 in /terms2026. jsx-email sets its buttons apart, and glues its links. Each link before a line
#   end is right. In the Markdown a single ~ strikes out, so the HTML shows 10 and 12 with "18 and 9" struck out in between, and the text 1018 and 912.
# Why a sender of mail cares: the answer of who reads text (watches, screen readers, plain readers) is an unknown word, or a token with two letters
#   too many. The preview shows HTML. Write {' '} between links, or each into a paragraph of its own, and read the text part of a real letter.
set -euo pipefail
D=$(mktemp -d)
trap 'rm -rf "$D"' EXIT
cd "$D"
echo '{"type": "module"}' > package.json
npm install --silent --no-fund --no-audit --ignore-scripts @react-email/components@1.0.12 @react-email/render@2.3.1 react@19.2.0 react-dom@19.2.0 \
    html-to-text@10.0.1 marked@15.0.12 jsx-email@2.8.4 > /dev/null 2>&1
cat > see.mjs <<'JS'
import assert from 'node:assert';
import { Body, Button, Head, Html, Link, Markdown, Text } from '@react-email/components';
import { render } from '@react-email/render';
import { convert } from 'html-to-text';
import * as jsx from 'jsx-email';
import { createElement as h } from 'react';

const yes = 'https://example.com/rsvp?t=8f3a&a=yes', no = 'https://example.com/rsvp?t=8f3a&a=no', terms = 'https://example.com/terms';
const letter = h(Html, null, h(Head), h(Body, null,
  h(Text, null, 'Will you come?'),
  h(Button, { href: yes }, 'Yes'), h(Button, { href: no }, 'No'),
  h(Text, null, 'Our ', h(Link, { href: terms }, 'terms'), h('b', null, '2026')),
  h(Markdown, null, 'Open 10~18 and 9~12.')));
const other = h(jsx.Html, null, h(jsx.Body, null,
  h(jsx.Button, { href: yes, width: 80, height: 40 }, 'Yes'), h(jsx.Button, { href: no, width: 80, height: 40 }, 'No'),
  h(jsx.Text, null, h(jsx.Link, { href: terms }, 'terms'), h(jsx.Link, { href: no }, 'stop'))));

const html = await render(letter), lines = text => text.split('\n').filter(line => line.trim());
const seen = {
  'React Email': lines(await render(letter, { plainText: true })), 'html-to-text': lines(convert(html)), 'jsx-email': lines(await jsx.render(other, { plainText: true })),
};
console.log(seen);
assert.deepEqual(seen['React Email'], ['Will you come?', `Yes ${yes}No ${no}`, `Our terms ${terms}2026`, 'Open 1018 and 912.']);
assert(html.includes('10<del>18 and 9</del>12'));
assert.deepEqual(seen['html-to-text'].slice(0, 3), ['Will you come?', `Yes [${yes}]No`, `[${no}]`]);
assert.deepEqual(seen['jsx-email'], [`Yes ${yes}`, `No ${no}`, `terms ${terms}stop ${no}`]);
JS
node see.mjs || { echo "CHANGED: links are written otherwise in the text part now"; exit 1; }
echo "SEEN: in React Email's text part the link of one button ends in the word on the next one"
