#!/usr/bin/env bash
# A tool call that timed out goes on mailing: who gets the letter depends upon the version of the client, the word "async" and the server's language.
#
# Versions: PyPI mcp 2.3.0 and mcp 1.30.0 (the Python SDK of the Model Context Protocol), npm @modelcontextprotocol/sdk 1.32.2 with zod 3.25.76.
# Input: a tool "send" that mails ann, ben and cat with two seconds between them, over stdio, as "async def", as "def", and as an async function of
#        JavaScript; called by each client with a timeout of three seconds. The session stays open behind the timeout, as that of an agent does.
#
# Most people expect: the protocol has notifications/cancelled, and says that a sender of a request whose time is out should send it: so a call
#   that timed out is over, and at most the people before the timeout have their mail. Or else: it always goes on.
# What happens: all nine calls end with the same words, timed out, at the same moment. Behind them
#   client mcp 1.30.0            tells the server nothing: all three are mailed, by every server.
#   mcp 2.3.0, TypeScript        tell it. A tool that is "async def" is thrown out at its next await, and cat gets nothing; a tool that is "def" runs
#                                on in its thread, and one in JavaScript is a promise that nobody can stop: all three are mailed.
# Why a sender of mail cares: "timed out" says neither that nobody has the letter nor that everybody has it, and an agent tries again. One keyword in a
#   server, or a minor upgrade of a client, turns "three people" into "two people and a half-done list". The answer has to come from a record
#   of each person outside of the call, and the call has to be one that may be made again.
set -euo pipefail
D=$(mktemp -d)
trap 'rm -rf "$D"' EXIT
cd "$D"
install() { python3 -m pip install -q --disable-pip-version-check --root-user-action=ignore --target "lib-$1" "$2" 2> pip.log || { cat pip.log; exit 1; }; }
install 2 mcp==2.3.0
install 1 mcp==1.30.0
npm install --silent --no-save --prefix . @modelcontextprotocol/sdk@1.32.2 zod@3.25.76 > npm.log 2>&1 || { cat npm.log; exit 1; }

cat > async.py <<'PY'
import asyncio
from mcp.server.mcpserver import MCPServer

server = MCPServer("mail")

@server.tool()
async def send() -> str:
    for person in ("ann", "ben", "cat"):
        with open("mailed", "a") as log:
            log.write(person + "\n")
        await asyncio.sleep(2)
    return "three mailed"

server.run()
PY
sed 's/async def/def/; s/await asyncio.sleep/time.sleep/; s/import asyncio/import time/' async.py > plain.py
cat > server.mjs <<'JS'
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js';
import { appendFileSync } from 'node:fs';
const server = new McpServer({ name: 'mail', version: '1' });
server.registerTool('send', {}, async () => {
  for (const person of ['ann', 'ben', 'cat']) {
    appendFileSync('mailed', person + '\n');
    await new Promise((done) => setTimeout(done, 2000));
  }
  return { content: [{ type: 'text', text: 'three mailed' }] };
});
await server.connect(new StdioServerTransport());
JS
cat > client.py <<'PY'
import datetime, importlib.metadata, os, sys
import anyio
from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client

seconds = 3 if importlib.metadata.version("mcp").startswith("2") else datetime.timedelta(seconds=3)

async def main():
    server = StdioServerParameters(command=sys.argv[1], args=sys.argv[2:], env={**os.environ, "PYTHONPATH": "lib-2"})
    async with stdio_client(server) as (read, write), ClientSession(read, write) as session:
        await session.initialize()
        try:
            print(await session.call_tool("send", {}, read_timeout_seconds=seconds))
        except Exception as error:
            print(error)
        await anyio.sleep(6)

anyio.run(main)
PY
cat > client.mjs <<'JS'
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
const [command, ...args] = process.argv.slice(2);
const client = new Client({ name: 'agent', version: '1' });
await client.connect(new StdioClientTransport({ command, args, env: { ...process.env, PYTHONPATH: 'lib-2' }, stderr: 'ignore' }));
try {
  console.log(JSON.stringify(await client.callTool({ name: 'send', arguments: {} }, undefined, { timeout: 3000 })));
} catch (error) {
  console.log(error.message);
}
await new Promise((done) => setTimeout(done, 6000));
await client.close();
JS

call() { # CLIENT SERVER...
    case $1 in
        node) node client.mjs "${@:2}" ;;
        *) PYTHONPATH="lib-$1" python3 client.py "${@:2}" ;;
    esac 2> client.log
}
try() { # CLIENT EXPECTED SERVER...
    rm -f mailed
    said=$(call "$1" "${@:3}")
    printf '%-22s called by %-10s %-62s mailed: %s\n' "${*:3}" "$1" "$(cut -c 1-60 <<< "$said")" "$(tr '\n' ' ' < mailed)"
    grep -qi 'timed out' <<< "$said"
    [ "$(tail -n 1 mailed)" = "$2" ]
}
for server in "python3 async.py" "python3 plain.py" "node server.mjs"; do
    try 1 cat $server
    for client in 2 node; do
        case $server in
            *async.py) try $client ben $server ;;
            *) try $client cat $server ;;
        esac
    done
done
echo "seen: nine calls timed out, and two of them left cat without the letter"
