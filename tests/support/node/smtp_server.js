// smtp-server on three ports of loopback. Arguments: the journal, the certificate, the size,
// user name and password, then the ports "plain", "secure" and "limited".
'use strict'
const fs = require('node:fs')
const { SMTPServer } = require('smtp-server')

const [journal, certificate, size, username, password, plain, secure, limited] =
  process.argv.slice(2)
const pem = fs.readFileSync(certificate)
const begun = Date.now()
let number = 0

function refuse(code, text) {
  return Object.assign(new Error(text), { responseCode: code })
}

const common = {
  size: Number(size),
  key: pem,
  cert: pem,
  disableReverseLookup: true,
  onRcptTo(address, session, callback) {
    if (address.address.startsWith('blocked')) return callback(refuse(550, 'not allowed'))
    if (address.address.startsWith('slow')) return callback(refuse(451, 'try again later'))
    callback()
  },
  onData(stream, session, callback) {
    const pieces = []
    stream.on('data', (piece) => pieces.push(piece))
    stream.on('end', () => {
      if (stream.sizeExceeded) return callback(refuse(552, 'too large'))
      const header = Buffer.concat(pieces).toString('utf8').split('\r\n\r\n', 1)[0]
      const recipients = session.envelope.rcptTo.map((one) => one.address)
      number += 1
      fs.appendFileSync(journal, JSON.stringify({ identifier: `${begun}.${number}`, header, recipients }) + '\n')
      callback()
    })
  },
}

function listen(port, options) {
  const server = new SMTPServer({ ...common, ...options })
  server.on('error', (error) => console.error(error.message))
  server.listen(Number(port), '127.0.0.1')
  return server
}

const servers = [
  listen(plain, { authOptional: true }),
  listen(secure, {
    onAuth(auth, session, callback) {
      if (auth.username === username && auth.password === password) {
        return callback(null, { user: username })
      }
      callback(refuse(535, 'wrong user name or password'))
    },
  }),
  listen(limited, { authOptional: true, maxClients: 2, hidePIPELINING: true, hide8BITMIME: true }),
]
process.on('SIGTERM', () => {
  for (const server of servers) server.close()
})
