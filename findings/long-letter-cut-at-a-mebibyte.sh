#!/usr/bin/env bash
# Fastify and busboy cut a form field at 1,048,576 characters and say nothing: a letter with a picture, posted by the provider, ends in the middle.
#
# Versions: npm @fastify/multipart 10.1.9 with fastify 5.12.8, busboy 1.6.0, multer 2.5.0, Node 20; PyPI starlette 1.10.0, Flask 3.1.3, Django 5.2.19.
# Input: multipart/form-data with one text field "email" (a whole message: so does SendGrid's Inbound Parse post it with its raw setting, and
#        Mailgun's routes as body-mime), of 400,000, 600,000, 1,200,000 and 3,000,000 octets. A picture of 900 kB is 1.2 MB in base64. The body limit is 30 MB.
#
# Most people expect: the body limit is the limit; a field that is too long is an error, as a body is.
# What happens: six receivers, six behaviours. Fastify answers 200 and has 1,048,576 characters in request.body, nothing tells it from the whole
#   (attachFieldsToBody: 'keyValues'); busboy the same, with valueTruncated in an argument that few read; multer an error;
#   Starlette 400 above 1 MiB, Flask 413 already at 600,000 though a file or an urlencoded
#   body of that size passes, Django 400 above 2.5 MB.
# Why a sender of mail cares: replies and bounces that return the whole letter come this way. Cut ones lose their closing boundary and what
#   stands behind the picture; refused ones are repeated, or dropped. It never shows with short test mails. Ask for the larger limits by name.
set -euo pipefail
D=$(mktemp -d)
trap 'rm -rf "$D"' EXIT
cd "$D"
npm install --silent --no-fund --no-audit --ignore-scripts fastify@5.12.8 @fastify/multipart@10.1.9 busboy@1.6.0 multer@2.5.0 > /dev/null
python3 -m pip install -q --disable-pip-version-check --root-user-action=ignore --target lib starlette==1.10.0 python-multipart==0.0.34 httpx==0.28.1 \
  Flask==3.1.3 Django==5.2.19 2> /dev/null
cat > run.mjs <<'JS'
import assert from 'node:assert';
import http from 'node:http';
import Busboy from 'busboy';
import Fastify from 'fastify';
import multipart from '@fastify/multipart';
import multer from 'multer';

const ports = {}, bodyLimit = 30e6;
const fastify = Fastify({ bodyLimit });
fastify.register(multipart, { attachFieldsToBody: 'keyValues' });
fastify.post('/', async ({ body }) => `${body.email.length}`);
await fastify.listen({ port: 0, host: '127.0.0.1' });
ports.fastify = fastify.server.address().port;
const serve = (name, handler) => new Promise((ready) => {
  const server = http.createServer(handler).listen(0, '127.0.0.1', () => { ports[name] = server.address().port; ready(); });
});
await serve('busboy', (request, response) => {
  const busboy = Busboy({ headers: request.headers });
  let seen = '';
  busboy.on('field', (name, value, info) => { seen = `${value.length}${info.valueTruncated ? ', valueTruncated' : ''}`; });
  busboy.on('close', () => response.end(seen));
  request.pipe(busboy);
});
await serve('multer', (request, response) => multer().none()(request, response, (error) => {
  response.statusCode = error ? 500 : 200;
  response.end(error ? error.message : `${request.body.email.length}`);
}));
const expected = { fastify: ['1048576', 200], busboy: ['1048576, valueTruncated', 200], multer: ['Field value too long', 500] };
for (const size of [400e3, 600e3, 1.2e6, 3e6]) {
  for (const [name, port] of Object.entries(ports)) {
    const body = `--b\r\nContent-Disposition: form-data; name="email"\r\n\r\n${'x'.repeat(size)}\r\n--b--\r\n`;
    const answer = await fetch(`http://127.0.0.1:${port}/`, { method: 'POST', body, headers: { 'content-type': 'multipart/form-data; boundary=b' } });
    const seen = [await answer.text(), answer.status];
    console.log(name.padEnd(10), size, '->', ...seen);
    assert.deepStrictEqual(seen, size > 1048576 ? expected[name] : [`${size}`, 200]);
  }
}
process.exit(0);
JS
timeout 120 node run.mjs
cat > run.py <<'PY'
import sys
import types

import django
from django.conf import settings
from django.http import HttpResponse
from django.test import Client
from django.urls import path
from flask import Flask, request
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

flask = Flask("receiver")
flask.post("/")(lambda: str(len(request.form["email"])))


async def receive(request):
    return PlainTextResponse(str(len((await request.form())["email"])))


starlette = TestClient(Starlette(routes=[Route("/", receive, methods=["POST"])]))
urls = types.ModuleType("urls")
urls.urlpatterns = [path("", lambda request: HttpResponse(str(len(request.POST["email"]))))]
sys.modules["urls"] = urls
settings.configure(ALLOWED_HOSTS=["*"], ROOT_URLCONF="urls", MIDDLEWARE=[], LOGGING_CONFIG=None)
django.setup()
FORM, LINE = "multipart/form-data; boundary=b", "application/x-www-form-urlencoded"
seen = {}
for size in (400_000, 600_000, 1_200_000, 3_000_000):
    body = b'--b\r\nContent-Disposition: form-data; name="email"\r\n\r\n' + b"x" * size + b"\r\n--b--\r\n"
    seen[size] = (
        starlette.post("/", content=body, headers={"content-type": FORM}).status_code,
        flask.test_client().post("/", data=body, content_type=FORM).status_code,
        Client().post("/", body, content_type=FORM).status_code,
        flask.test_client().post("/", data=b"email=" + b"x" * size, content_type=LINE).status_code,
    )
    print("starlette, flask, django; flask, urlencoded:", size, "->", seen[size])
assert list(seen.values()) == [(200, 200, 200, 200), (200, 413, 200, 200), (400, 413, 200, 200), (400, 413, 400, 200)]
PY
PYTHONPATH=lib python3 -W ignore run.py 2> errors || { cat errors; exit 1; }
echo "seen: two receivers cut the letter at 1 MiB and answer 200, one raises, and three refuse it from three different sizes on"
