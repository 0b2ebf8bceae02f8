// A queue that is a journal: a line of JSON for each message.
'use strict'
const fs = require('node:fs')

exports.hook_queue = (next, connection) => {
  const transaction = connection.transaction
  const record = {
    identifier: transaction.uuid,
    header: transaction.header.lines().join(''),
    recipients: transaction.rcpt_to.map((one) => one.address),
  }
  fs.appendFileSync(process.env.JOURNAL, JSON.stringify(record) + '\n')
  next(OK)
}

// Where Haraka puts what comes from whoever has said AUTH.
exports.hook_queue_outbound = exports.hook_queue
