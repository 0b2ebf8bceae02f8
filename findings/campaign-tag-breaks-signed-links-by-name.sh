#!/usr/bin/env bash
# Adding utm_source to a signed unsubscribe link spells its other parameters anew: by the library, the signature breaks for everybody, for those
#   with a blank in the name, for those with an apostrophe, or for nobody.
#
# Versions: Python 3.11 (urllib), PyPI yarl 1.25.1, furl 2.1.4, w3lib 2.5.0, httpx 0.28.1, boltons 26.2.0, purl 1.6, starlette 1.10.0,
#           hyperlink 21.0.0, requests 2.34.2, URLObject 3.0.0; Node's URL, npm urijs 1.19.11, url-parse 1.5.10, query-string 9.5.1, ufo 1.6.4.
# Input: valid links "?email=…&name=…&sig=…" for Ann, Ann Lee and Ann O'Neill. The signature is over the text before it, as it stands in the link. The
#        two are percent-encoded as Python's quote() or JavaScript's encodeURIComponent() does, or as a form is (urlencode(), URLSearchParams).
#        Each library then adds utm_source=news in the way that its documentation shows.
#
# Most people expect: a parameter is added, and what stood before it stays as it is. Or, if a library normalizes, then for all links alike.
# What happens:
#   yarl, boltons, ufo           write %40 as @: everybody's link is broken, however it was made.
#   urllib, furl, w3lib, httpx, purl, starlette, urijs, Node's URL
#                                write %20 as +: right for Ann, broken for Ann Lee, unless the link was made as a form is.
#   url-parse                    the other way round: broken for Ann Lee where the link was made as a form is; %27 becomes ' besides.
#   query-string                 the same, but for Ann O'Neill the ' of encodeURIComponent() becomes %27; it sorts the parameters by name, too.
#   hyperlink, requests, URLObject   leave all as it was.
#   boltons leaves a blank in the link: in a text part the link ends at Ann.
# Why a sender of mail cares: tags are added to all links of a letter at the end, by a tool that does not know which are signed, and the test
#   address has no blank in its name. What breaks is the unsubscribe link, for a part of the list. Sign values, not their spelling, or tag first.
set -euo pipefail
D=$(mktemp -d)
trap 'rm -rf "$D"' EXIT
cd "$D"
python3 -m pip install -q --disable-pip-version-check --root-user-action=ignore --target lib yarl==1.25.1 furl==2.1.4 w3lib==2.5.0 httpx==0.28.1 \
  boltons==26.2.0 purl==1.6 starlette==1.10.0 hyperlink==21.0.0 requests==2.34.2 URLObject==3.0.0 2> pip.log || { cat pip.log; exit 1; }
npm install --silent --no-fund --no-audit --ignore-scripts urijs@1.19.11 url-parse@1.5.10 query-string@9.5.1 ufo@1.6.4 > /dev/null
cat > tagged.py <<'PY'
import json
import sys
import warnings
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

warnings.simplefilter("ignore")
sys.path.insert(0, "lib")
import boltons.urlutils, furl, httpx, hyperlink, purl, requests, urlobject, w3lib.url, yarl
from starlette.datastructures import URL

NEWS = {"utm_source": "news"}


def by_boltons(link):
    url = boltons.urlutils.URL(link)
    url.query_params.update(NEWS)
    return url.to_text()


def by_urllib(link):
    parts = urlsplit(link)
    return urlunsplit(parts._replace(query=urlencode(parse_qsl(parts.query) + list(NEWS.items()))))


TAGGED = {
    "yarl": lambda link: str(yarl.URL(link).update_query(NEWS)),
    "boltons": by_boltons,
    "urllib": by_urllib,
    "furl": lambda link: furl.furl(link).add(NEWS).url,
    "w3lib": lambda link: w3lib.url.add_or_replace_parameter(link, "utm_source", "news"),
    "httpx": lambda link: str(httpx.URL(link).copy_merge_params(NEWS)),
    "purl": lambda link: str(purl.URL(link).query_param("utm_source", "news")),
    "starlette": lambda link: str(URL(link).include_query_params(**NEWS)),
    "hyperlink": lambda link: hyperlink.URL.from_text(link).add("utm_source", "news").to_text(),
    "requests": lambda link: requests.Request("GET", link, params=NEWS).prepare().url,
    "URLObject": lambda link: str(urlobject.URLObject(link).add_query_param("utm_source", "news")),
}
NAMES = ["Ann", "Ann Lee", "Ann O'Neill"]
LIKE_A_FORM = {name: urlencode({"email": "ann@example.org", "name": name}) for name in NAMES}
QUOTED = {name: f"email=ann%40example.org&name={quote(name, safe='')}" for name in NAMES}


def broken(links):
    """The names whose signed text is another one afterwards, by library."""
    found = {}
    for library, tagged in TAGGED.items():
        link = {name: f"https://news.example.org/u?{text}&sig=0a1b2c" for name, text in links.items()}
        found[library] = [name for name in NAMES if not tagged(link[name]).startswith(link[name])]
    return found


everybody, blanks, nobody = NAMES, NAMES[1:], []
form, quoted = broken(LIKE_A_FORM), broken(QUOTED)
print("made as a form is:", json.dumps(form))
print("made by quote():  ", json.dumps(quoted))
rest = ("urllib", "furl", "w3lib", "httpx", "purl", "starlette")
as_it_was = ("hyperlink", "requests", "URLObject")
assert form == {"yarl": everybody, "boltons": everybody, **dict.fromkeys(rest + as_it_was, nobody)}
assert quoted == {"yarl": everybody, "boltons": everybody, **dict.fromkeys(rest, blanks), **dict.fromkeys(as_it_was, nobody)}
assert "name=Ann Lee&" in by_boltons(f"https://news.example.org/u?{QUOTED['Ann Lee']}&sig=0a1b2c")
PY
python3 tagged.py
cat > tagged.mjs <<'JS'
import assert from 'node:assert';
import URI from 'urijs';
import parse from 'url-parse';
import queryString from 'query-string';
import { withQuery } from 'ufo';

const news = { utm_source: 'news' };
const tagged = {
  URL: (link) => { const url = new URL(link); url.searchParams.set('utm_source', 'news'); return url.href; },
  urijs: (link) => new URI(link).addQuery(news).toString(),
  'url-parse': (link) => { const url = parse(link, true); url.set('query', { ...url.query, ...news }); return url.toString(); },
  'query-string': (link) => queryString.stringifyUrl({ url: link, query: news }),
  ufo: (link) => withQuery(link, news),
};
const names = ['Ann', 'Ann Lee', "Ann O'Neill"];
const email = 'ann@example.org';
const made = {
  URLSearchParams: (name) => new URLSearchParams({ email, name }).toString(),
  encodeURIComponent: (name) => `email=${encodeURIComponent(email)}&name=${encodeURIComponent(name)}`,
  quote: (name) => `email=${encodeURIComponent(email)}&name=${encodeURIComponent(name).replace(/'/g, '%27')}`,
};
const broken = {};
for (const [how, query] of Object.entries(made)) {
  broken[how] = {};
  for (const [library, tag] of Object.entries(tagged)) {
    const links = names.map((name) => `https://news.example.org/u?${query(name)}&sig=0a1b2c`);
    broken[how][library] = names.filter((_, i) => !tag(links[i]).startsWith(links[i]));
  }
}
console.log(broken);
const blanks = names.slice(1), apostrophe = names.slice(2);
assert.deepEqual(broken, {
  URLSearchParams: { URL: [], urijs: [], 'url-parse': blanks, 'query-string': blanks, ufo: names },
  encodeURIComponent: { URL: blanks, urijs: blanks, 'url-parse': [], 'query-string': apostrophe, ufo: names },
  quote: { URL: blanks, urijs: blanks, 'url-parse': apostrophe, 'query-string': [], ufo: names },
});
JS
node tagged.mjs
echo "as described"
