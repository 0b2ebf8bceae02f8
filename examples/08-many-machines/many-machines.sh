#!/bin/sh
# One run, two workers and a server on this machine, with a PostgreSQL of its own in a temporary folder. One worker is
# killed in the middle; the other one goes on. Needs PostgreSQL (initdb) and mailbatch with the extra `postgres`.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
initdb=$(command -v initdb || find /usr/lib/postgresql -path '*/bin/initdb' 2>/dev/null | sort -V | tail -n 1)
[ -n "$initdb" ] || { echo "PostgreSQL is not installed (initdb)" >&2; exit 69; }
bin=$(dirname "$(readlink -f "$initdb")")
folder=$(mktemp -d)
pids=

# PostgreSQL refuses root.
as_owner() { if [ "$(id -u)" = 0 ]; then (cd / && runuser -u postgres -- "$@"); else "$@"; fi; }
clear() {
    for pid in $pids; do kill "$pid" 2>/dev/null || true; done
    as_owner "$bin/pg_ctl" -D "$folder/db/data" -m immediate stop >/dev/null 2>&1 || true
    rm -rf "$folder"
}
trap clear EXIT
trap 'exit 130' INT TERM

# -- the database: a socket in the folder, and no port
chmod 711 "$folder"
mkdir "$folder/db"
if [ "$(id -u)" = 0 ]; then chown postgres "$folder/db"; fi
as_owner "$bin/initdb" -A trust -E UTF8 --no-locale -U postgres -D "$folder/db/data" >/dev/null
as_owner "$bin/pg_ctl" -D "$folder/db/data" -w -l "$folder/db/log" \
    -o "-c listen_addresses= -k $folder/db" start >/dev/null
MAILBATCH_LEDGER="postgresql:///postgres?host=$folder/db&user=postgres"

# -- the server, which keeps what it takes
mailbatch sandbox --port 0 --out "$folder/inbox" 2>"$folder/sandbox.log" &
pids="$pids $!"
until grep -q 'listening on' "$folder/sandbox.log"; do sleep 0.1; done
SMTP_PORT=$(sed -n 's/^listening on 127.0.0.1:\([0-9]*\),.*/\1/p' "$folder/sandbox.log")
export MAILBATCH_LEDGER SMTP_PORT TMPDIR="$folder"

# -- two workers, which have no file of the job, and the run that plans, watches and writes the results
cd "$folder"
mailbatch work --forever --sessions 2 & first=$!
mailbatch work --forever --sessions 2 & second=$!
pids="$pids $first $second"
mailbatch run "$here/job.yaml" --yes --sessions 0 --results "$folder/results.csv" & run=$!
pids="$pids $run"

# -- one worker dies when a part of the mailing is out
until [ "$(find inbox -name '*.eml' 2>/dev/null | wc -l)" -ge 20 ] || ! kill -0 "$run" 2>/dev/null; do sleep 0.1; done
kill -9 "$first"
echo "killed a worker behind $(find inbox -name '*.eml' | wc -l) messages"
ended=0
wait "$run" || ended=$?

kill "$second"
wait "$second" || true
mailbatch status "$here/job.yaml" || [ $? -eq 4 ]
mailbatch resolve "$here/job.yaml" || [ $? -eq 4 ]
echo "$(find inbox -name '*.eml' | wc -l) messages arrived, $(($(wc -l <results.csv) - 1)) rows in the results"
exit "$ended"
