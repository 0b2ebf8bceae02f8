#!/bin/bash
# PyPI yarl 1.25.1, furl 2.1.4, httpx 0.28.1, w3lib 2.5.0; npm whatwg-url 16.0.1; urllib.parse of Python 3.11; Node 20.
#
# Expected: adding utm=n to a link of a letter appends "&utm=n" and leaves what stood there.
# Really, six ways of adding it, five ordinary links: none leaves them all alone. yarl rewrites %2F and %40 of a signed query
# to / and @, and does so already when it only reads the URL. The five others rewrite %20 as +; three write "flag" as
# "flag=", urllib drops it. A parameter in Latin-1 (%E4, from an old shop) becomes U+FFFD in four, which cannot be undone; furl does that
# without adding anything. whatwg-url keeps | and [ ] as long as nothing is added, and encodes them once something is.
# Why a sender cares: signatures of unsubscribe and login links are made over the raw query. A link tracker that "only
# appends" makes them invalid, for some of the recipients: those whose signature happens to hold a slash.
set -eu
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT; cd "$work"
python3 -m venv v; v/bin/pip install -qq --disable-pip-version-check yarl==1.25.1 furl==2.1.4 httpx==0.28.1 w3lib==2.5.0
echo '{}' > package.json; npm install --silent --no-audit --no-fund whatwg-url@16.0.1 > /dev/null
cat > see.py <<'P'
import json, subprocess, sys
import furl, httpx, w3lib.url, yarl
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit
LINKS = {"signed": "sig=a%2Bb%2Fc%3D%3D&e=ada%40example.org", "blank": "q=two%20words", "flag": "flag&x=1", "latin1": "name=M%E4rz", "list": "l=de|fr&x[]=1"}
def stdlib(url):
    return urlunsplit(urlsplit(url)._replace(query=urlencode(parse_qsl(urlsplit(url).query, encoding="utf-8") + [("utm", "n")])))
def whatwg(url):
    script = "const {URL}=require('whatwg-url'),u=new URL(process.argv[1]);u.searchParams.append('utm','n');console.log(u.href)"
    return subprocess.run(["node", "-e", script, url], capture_output=True, text=True, check=True).stdout.strip()
ways = {"yarl": lambda u: str(yarl.URL(u).extend_query(utm="n")), "furl": lambda u: furl.furl(u).add({"utm": "n"}).url,
        "httpx": lambda u: str(httpx.URL(u).copy_add_param("utm", "n")), "w3lib": lambda u: w3lib.url.add_or_replace_parameter(u, "utm", "n"),
        "urllib": stdlib, "whatwg-url": whatwg}
changed = {}
for way, add in ways.items():
    for link, query in LINKS.items():
        result = add(f"https://example.org/u?{query}").split("?", 1)[1]
        if result != query + "&utm=n":
            changed.setdefault(way, set()).add(link)
            print(f"{way:10} {query} -> {result}")
only_read = [str(yarl.URL("https://example.org/u?sig=a%2Fb")), furl.furl("https://example.org/u?name=M%E4rz").url]
print("only read: yarl", only_read[0], "furl", only_read[1])
print(json.dumps({way: sorted(links) for way, links in changed.items()}))
sys.exit(changed != {"yarl": {"signed", "list"}, "furl": {"blank", "latin1", "list"}, "httpx": {"blank", "flag", "latin1", "list"},
                     "w3lib": {"blank", "flag", "list"}, "urllib": {"blank", "flag", "latin1", "list"}, "whatwg-url": {"blank", "flag", "latin1", "list"}}
         or only_read != ["https://example.org/u?sig=a/b", "https://example.org/u?name=M%EF%BF%BDrz"])
P
v/bin/python see.py || { echo "CHANGED: links are written otherwise now"; exit 1; }
echo "SEEN: none of six ways appends a parameter without changing another one"
