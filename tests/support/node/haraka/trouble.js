// What Haraka is to refuse: the recipients of real_server.py, and on its secure port whoever
// has not said AUTH.
'use strict'

exports.hook_mail = (next, connection) => {
  const secure = connection.local.port === Number(process.env.SECURE_PORT)
  if (secure && !connection.notes.auth_user) return next(DENY, 'authentication required')
  next(OK)
}

exports.hook_rcpt = (next, connection, [recipient]) => {
  if (recipient.user.startsWith('blocked')) return next(DENY, 'not allowed')
  if (recipient.user.startsWith('slow')) return next(DENYSOFT, 'try again later')
  next(OK)
}
