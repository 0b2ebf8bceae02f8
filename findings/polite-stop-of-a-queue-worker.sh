#!/usr/bin/env bash
# One SIGTERM to the worker of a job queue in the middle of a newsletter: three queues mail the first people again, one forgets the rest, and
#   rq finishes or forgets by who else in the unit got the signal.
#
# Versions: PyPI rq 3.0.0, huey 3.5.4, arq 0.28.0, saq 0.26.4, streaq 7.2.0, taskiq 0.13.0 with taskiq-redis 1.2.4, dramatiq 2.2.1;
#           Debian 12 redis-server 7.0.15.
# Input: one task with all settings at their defaults that mails ann, ben and cat with a second and a half between them; SIGTERM behind ann,
#        as a deployment or "systemctl stop" gives, and then a new worker. Once the signal goes to the worker alone, once to all its processes,
#        which is what systemd does unless a unit says otherwise (KillMode=control-group).
#
# Most people expect: SIGTERM is the polite stop: what was begun is finished, and each of the three has one mail.
# What happens:
#   taskiq             finishes, either way.
#   dramatiq           finishes where the worker alone is told. Told all at once, its child gets the signal twice, from the system and from its
#                      parent, and at times ends at the second one in the middle of the task (not checked here: a matter of milliseconds).
#   rq                 finishes where the worker alone is told ("warm shutdown"). Where its child is told, too, the child dies by the signal,
#                      the job is put among the failed ones and not run again: ben and cat never get the mail.
#   huey               ends at once; the task is gone without a trace in the queue: ben and cat never get it. (SIGINT is its polite stop.)
#   arq, saq, streaq   cancel the task and run it again from its beginning in the next worker: ann gets it twice (streaq: at times three times).
# Why a sender of mail cares: a newsletter lasts longer than most tasks, so each deployment meets one; and what a restart did to the list can be
#   told by no setting that somebody chose. Who was mailed has to be written down for each person, outside of the queue.
set -euo pipefail
D=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; wait 2>/dev/null || true; rm -rf "$D"' EXIT
cd "$D"
PACKAGES="redis-server=5:7.0.15-1~deb12u10 redis-tools=5:7.0.15-1~deb12u10 liblzf1=3.6-3 libjemalloc2=5.3.0-1"
apt() { apt-get -qq -o APT::Sandbox::User=root "$@"; }
apt download $PACKAGES 2>/dev/null || {
    mkdir -p lists/partial
    apt -o Dir::State::Lists="$D/lists" update && apt -o Dir::State::Lists="$D/lists" download $PACKAGES
}
for deb in *.deb; do dpkg -x "$deb" root; done
LIBRARIES=$(dirname "$(find "$D/root" -name 'liblzf.so.1')")
export REDIS_PORT=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
LD_LIBRARY_PATH=$LIBRARIES root/usr/bin/redis-server --port "$REDIS_PORT" --bind 127.0.0.1 --save '' > redis.log 2>&1 &
for _ in $(seq 100); do LD_LIBRARY_PATH=$LIBRARIES root/usr/bin/redis-cli -p "$REDIS_PORT" ping > /dev/null 2>&1 && break; sleep 0.1; done
install() { python3 -m pip install -q --disable-pip-version-check --root-user-action=ignore --target "lib-$1" "${@:2}" 2> pip.log || { cat pip.log; exit 1; }; }
install rq rq==3.0.0
install huey huey==3.5.4 redis==6.4.0
install arq arq==0.28.0
install saq 'saq[redis]==0.26.4' typing_extensions==4.15.0
install streaq streaq==7.2.0
install taskiq taskiq==0.13.0 taskiq-redis==1.2.4
install dramatiq 'dramatiq[redis]==2.2.1'

cat > letter.py <<'PY'
import asyncio, os, pathlib, time

PORT = int(os.environ["REDIS_PORT"])
URL = f"redis://127.0.0.1:{PORT}"

def mail(person):
    with pathlib.Path("mailed").open("a") as log:
        log.write(person + "\n")

def send():
    for person in ("ann", "ben", "cat"):
        mail(person)
        time.sleep(1.5)

async def send_later(*_):
    for person in ("ann", "ben", "cat"):
        mail(person)
        await asyncio.sleep(1.5)
PY
mkdir q
cat > q/rq_put.py <<'PY'
import letter, redis, rq
rq.Queue(connection=redis.Redis(port=letter.PORT)).enqueue(letter.send)
PY
cat > q/huey_app.py <<'PY'
import letter
from huey import RedisHuey
huey = RedisHuey(host="127.0.0.1", port=letter.PORT)
send = huey.task()(letter.send)
PY
echo 'import huey_app; huey_app.send()' > q/huey_put.py
cat > q/arq_app.py <<'PY'
import letter
from arq.connections import RedisSettings
async def send(ctx): await letter.send_later()
class Settings:
    functions, redis_settings = [send], RedisSettings(port=letter.PORT)
PY
cat > q/arq_put.py <<'PY'
import arq, arq_app, asyncio
async def put(): await (await arq.create_pool(arq_app.Settings.redis_settings)).enqueue_job("send")
asyncio.run(put())
PY
cat > q/saq_app.py <<'PY'
import letter, saq
queue = saq.Queue.from_url(letter.URL)
async def send(ctx): await letter.send_later()
settings = {"queue": queue, "functions": [send]}
PY
cat > q/saq_put.py <<'PY'
import asyncio, saq_app
async def put():
    await saq_app.queue.connect()
    await saq_app.queue.enqueue("send")
asyncio.run(put())
PY
cat > q/streaq_app.py <<'PY'
import letter, streaq
worker = streaq.Worker(redis_url=letter.URL)
@worker.task()
async def send(): await letter.send_later()
PY
cat > q/streaq_put.py <<'PY'
import asyncio, streaq_app
async def put():
    async with streaq_app.worker:
        await streaq_app.send.enqueue()
asyncio.run(put())
PY
cat > q/taskiq_app.py <<'PY'
import letter, taskiq_redis
broker = taskiq_redis.ListQueueBroker(letter.URL)
@broker.task
async def send(): await letter.send_later()
PY
cat > q/taskiq_put.py <<'PY'
import asyncio, taskiq_app
async def put():
    await taskiq_app.broker.startup()
    await taskiq_app.send.kiq()
    await taskiq_app.broker.shutdown()
asyncio.run(put())
PY
cat > q/dramatiq_app.py <<'PY'
import dramatiq, letter
from dramatiq.brokers.redis import RedisBroker
dramatiq.set_broker(RedisBroker(port=letter.PORT))
send = dramatiq.actor(letter.send)
PY
echo 'import dramatiq_app; dramatiq_app.send.send()' > q/dramatiq_put.py

family() { echo "$1"; local child; for child in $(pgrep -P "$1"); do family "$child"; done; }
try() { # QUEUE alone|all EXPECTED WORKER...
    local queue=$1 told=$2 expected=$3 worker people
    shift 3
    export PYTHONPATH="$D/lib-$queue:$D:$D/q"
    rm -f mailed
    python3 "q/${queue}_put.py"
    "$@" > "$queue.log" 2>&1 & worker=$!
    until [ -s mailed ]; do sleep 0.1; done
    if [ "$told" = all ]; then people=$(family $worker); else people=$worker; fi
    kill -TERM $people
    wait $worker || true
    "$@" > "$queue.second.log" 2>&1 & worker=$!
    sleep 9; for _ in $(seq 300); do [[ $expected = *cat ]] && ! grep -q cat mailed || break; sleep 0.1; done
    kill -KILL $(family $worker); wait $worker 2> /dev/null || true
    printf '%-9s SIGTERM to %-5s mailed in all: %s\n' "$queue" "$told" "$(tr '\n' ' ' < mailed)"
    [[ "$(tr '\n' ' ' < mailed)" =~ ^$expected\ $ ]]
}
for told in alone all; do
    try taskiq $told "ann ben cat" python3 lib-taskiq/bin/taskiq worker taskiq_app:broker --workers 1
    try huey $told "ann" python3 lib-huey/bin/huey_consumer huey_app.huey
    for queue in "arq arq_app.Settings" "saq saq_app.settings" "streaq run streaq_app:worker"; do
        set -- $queue
        try "$1" $told "ann (ann )+ben cat" python3 "lib-$1/bin/$1" "${@:2}"
    done
done
try dramatiq alone "ann ben cat" python3 lib-dramatiq/bin/dramatiq dramatiq_app -p1 -t1
try rq alone "ann ben cat" python3 lib-rq/bin/rq worker -u "redis://127.0.0.1:$REDIS_PORT"
try rq all "ann" python3 lib-rq/bin/rq worker -u "redis://127.0.0.1:$REDIS_PORT"
PYTHONPATH=lib-rq python3 - <<'PY'
import os, redis, rq
queue = rq.Queue(connection=redis.Redis(port=int(os.environ["REDIS_PORT"])))
print("rq        jobs waiting:", len(queue), " failed:", len(rq.registry.FailedJobRegistry(queue=queue)))
assert (len(queue), len(rq.registry.FailedJobRegistry(queue=queue))) == (0, 1)
PY
