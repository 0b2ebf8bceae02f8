#!/usr/bin/env bash
# notmuch and mu of Debian 12 lose the end of long subjects that Python's own email package writes: "2026年12月号: 初霜の前に庭に植".
#
# Versions: Debian 12 notmuch 0.37-1+b1 and maildir-utils (mu) 1.8.14-1, both with libgmime-3.0-0 3.2.13+dfsg-2; Python 3's email, both of its ways.
# Input: two subjects of 36 and 67 characters, in Japanese with digits and in Russian, each written by email.header.Header (MIMEText) and by
#        EmailMessage; Thai beside them, whose letters of three bytes happen to fill the words.
#
# Most people expect: a subject is a row of encoded-words, each decoded by itself (RFC 2047 6.2); where they end is the writer's own affair.
# What happens: Python ends a word between two letters, so that its base64 may end with "=". GMime joins neighbouring words and decodes them as one
#   stream, which ends at the first "=". All behind it is gone from lists, search and replies; Thai, without padding, is whole. English and short
#   subjects never show it. (GMime has changed this in its sources since; what distributions ship has not.)
# Why a sender of mail cares: names in To and From are cut, too. A word of base64 that is not the last should hold a multiple of three bytes: 42 or 45.
set -euo pipefail
D=$(mktemp -d)
trap 'rm -rf "$D"' EXIT
cd "$D"
PACKAGES="notmuch=0.37-1+b1 libnotmuch5=0.37-1+b1 maildir-utils=1.8.14-1 libgmime-3.0-0=3.2.13+dfsg-2 libxapian30 libtalloc2 libsexp1 libgpgme11
  libassuan0 guile-3.0-libs libgc1"
apt() { apt-get -qq -o APT::Sandbox::User=root "$@"; }
apt download $PACKAGES 2>/dev/null || {
    mkdir -p lists/partial
    apt -o Dir::State::Lists="$D/lists" update && apt -o Dir::State::Lists="$D/lists" download $PACKAGES
}
for deb in *.deb; do dpkg -x "$deb" root; done
export LD_LIBRARY_PATH="$D/root/usr/lib/x86_64-linux-gnu" PATH="$D/root/usr/bin:$PATH" HOME="$D" LC_ALL=C.UTF-8 NOTMUCH_CONFIG="$D/config"
mkdir -p mail/cur mail/new mail/tmp
printf '[database]\npath=%s/mail\n[user]\nprimary_email=ada@example.org\n' "$D" > config
cat > try.py <<'PY'
import email, email.policy, json, pathlib, subprocess
from email.header import Header
from email.message import EmailMessage
from email.mime.text import MIMEText

SUBJECTS = {
    "ja": "2026年12月号: 初霜の前に庭に植えるもの（会員の皆様へのお知らせ）",
    "ru": "Что посадить в саду до первых заморозков: чеснок, тюльпаны, крокусы",
    "th": "สิ่งที่ควรปลูกในสวนก่อนน้ำค้างแข็งครั้งแรกของฤดูหนาวนี้",
}
SEEN = {
    "ja-header": "2026年12月号: 初霜の前に庭に植える",
    "ja-message": "2026年12月号: 初霜の前に庭に植",
    "ru-header": "Что посадить в саду до пер",
    "ru-message": "Что посадить в саду до ",
}

def run(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout

for language, subject in SUBJECTS.items():
    for way, message in (("header", MIMEText("x")), ("message", EmailMessage())):
        name = f"{language}-{way}"
        message["From"], message["To"] = "letter@example.com", "ada@example.org"
        message["Date"], message["Message-ID"] = "Mon, 23 Nov 2026 09:00:00 +0000", f"<{name}@example.com>"
        message["Subject"] = Header(subject, "utf-8") if way == "header" else subject
        if way == "message":
            message.set_content("x")
        pathlib.Path(f"mail/cur/{name}:2,S").write_bytes(message.as_bytes())

run("notmuch", "new", "--quiet")
run("mu", "init", "--maildir=mail", "--muhome=mu")
run("mu", "index", "--quiet", "--muhome=mu")
wrong = 0
for path in sorted(pathlib.Path("mail/cur").iterdir()):
    name = path.name.split(":")[0]
    whole = SUBJECTS[name[:2]]
    raw = email.message_from_bytes(path.read_bytes())["Subject"]
    by_notmuch = json.loads(run("notmuch", "show", "--format=json", "--body=false", f"id:{name}@example.com"))[0][0][0]["headers"]["Subject"]
    by_mu = run("mu", "find", "--muhome=mu", "--fields=s", f"msgid:{name}@example.com").rstrip("\n")
    print(f"{name}: {raw.count('=?utf-8?')} words, '=' inside: {'=?=' in raw.rsplit('=?utf-8?', 1)[0]}, notmuch {by_notmuch!r}, mu {by_mu!r}")
    wrong += not by_notmuch == by_mu == SEEN.get(name, whole)
raise SystemExit(wrong)
PY
python3 try.py || { echo "not as expected"; exit 1; }
echo "seen: notmuch and mu show all of the Thai subjects, and the beginning of the Japanese and Russian ones"
