#!/bin/bash
# npm email-comb 7.4.4 (removes unused CSS from mail templates), Node 20.
#
# Expected: what is taken away is not used: rules without an element, classes and ids without a rule.
# Really: an id that no rule names is taken away although a link in the same letter jumps to it: <a href="#terms"> stays, its
# target is gone. A class that only an Outlook comment uses, <!--[if mso]><td class="mso-btn">, counts as unused: the rule goes, the
# comment with the class stays, and Outlook's button has no colour. In class="{{ kind }} a" the name inside the braces is
# removed and the braces stay: class="{{ }} a", which a template engine refuses or prints.
# Why a sender cares: a table of contents at the top of a newsletter, buttons for Outlook and variables in classes are all
# ordinary in mail. A preview in a browser looks right: the links just do nothing.
set -eu
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT; cd "$work"
echo '{}' > package.json; npm install --silent --no-audit --no-fund email-comb@7.4.4 > /dev/null
cat > see.mjs <<'J'
import { comb } from 'email-comb';
const page = (css, body) => `<html><head><style>${css}</style></head><body>${body}</body></html>`;
const run = text => comb(text).result.replace(/\n/g, '');
const link = run(page('.e{color:red}', '<p class="e"><a href="#terms">Terms</a></p><h2 id="terms">Terms</h2>'));
const outlook = run(page('.mso-btn{color:red}.x{color:blue}', '<!--[if mso]><td class="mso-btn">A</td><![endif]--><p class="x">B</p>'));
const template = run(page('.a{color:red}', '<p class="{{ kind }} a">x</p>'));
for (const text of [link, outlook, template]) console.log(text);
process.exit(link.includes('href="#terms"') && link.includes('<h2>Terms') && outlook.includes('class="mso-btn"')
  && !outlook.includes('.mso-btn{') && template.includes('class="{{ }} a"') ? 0 : 1);
J
node see.mjs || { echo "CHANGED: other things are removed now"; exit 1; }
echo "SEEN: email-comb removes the target of a link, the rule of Outlook's button and the name of a template's variable"
