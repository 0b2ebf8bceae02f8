#!/usr/bin/env bash
# A newsletter that takes longer than a quarter of an hour is mailed three times from its first recipient to its last by pg-boss, and the
#   job that did so ends as failed.
#
# Versions: npm pg-boss 12.38.0, with PostgreSQL as @electric-sql/pglite 0.5.17.
# Input: a queue with its defaults (expireInSeconds 900, retryLimit 2) and one worker, whose handler mails ann, ben and cat with a second and
#        a half between them. The job is sent with expireInSeconds 2, which stands for the 900, so that this takes seconds.
#
# Most people expect: a time limit stops a job that hangs; one that goes on well is let alone, or is ended in its middle at the worst. And
#   what is tried again was not finished before.
# What happens: a handler cannot be stopped from outside. At the limit the job is called failed and a signal is set that a loop over
#   recipients has to look at by itself; the handler goes on to its end, its success is not asked for any more, and the job is tried
#   again twice, from the beginning. Each of the three has three mails, and the record says "failed".
# Why a sender of mail cares: 15 minutes are 900 recipients at one a second; every shorter test is right. The limit has to be told for
#   such a job, and who was mailed has to be known for each person, not for each job.
set -euo pipefail
D=$(mktemp -d)
trap 'rm -rf "$D"' EXIT
cd "$D"
npm install --silent --no-fund --no-audit --ignore-scripts pg-boss@12.38.0 @electric-sql/pglite@0.5.17 > /dev/null
cat > try.mjs <<'JS'
import assert from 'node:assert';
import { PGlite } from '@electric-sql/pglite';
import { PgBoss } from 'pg-boss';

const database = new PGlite();
const db = {
  async executeSql(text, values) {
    const all = values?.length ? [await database.query(text, values)] : await database.exec(text);
    return { rows: all.flatMap(one => one.rows) };
  },
};
const boss = new PgBoss({ db, superviseIntervalSeconds: 1 });
boss.on('error', error => console.log('error:', error.message));
await boss.start();
await boss.createQueue('news');
const { expireInSeconds, retryLimit } = await boss.getQueue('news');
console.log('defaults:', JSON.stringify({ expireInSeconds, retryLimit }));

const mailed = [];
let told = 0, finished = 0;
await boss.work('news', { pollingIntervalSeconds: 0.5 }, async ([job]) => {
  for (const person of ['ann', 'ben', 'cat']) {
    mailed.push(person);
    await new Promise(done => setTimeout(done, 1500));
  }
  told += job.signal.aborted;
  finished += 1;
});
const id = await boss.send('news', {}, { expireInSeconds: 2 });
let job;
for (let i = 0; i < 120 && (job?.state !== 'failed' || finished < 3); i++) {
  await new Promise(done => setTimeout(done, 500));
  job = (await boss.findJobs('news', { id }))[0];
}
console.log(`mailed: ${mailed.join(' ')}; handlers that ran to their end: ${finished}; the job: ${job.state}, tried again ${job.retryCount} times`);
assert.deepEqual({ expireInSeconds, retryLimit }, { expireInSeconds: 900, retryLimit: 2 });
assert.equal(mailed.join(' '), 'ann ben cat ann ben cat ann ben cat');
assert.deepEqual([finished, told, job.state, job.retryCount], [3, 3, 'failed', 2]);
process.exit(0);
JS
timeout 150 node try.mjs
