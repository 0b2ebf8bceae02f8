// The peer in JavaScript: nodemailer's pool and string templates.
//
// Reads peer.json, recipients.csv and the templates of the folder it is started in.
const fs = require("fs");
const nodemailer = require("nodemailer");

const peer = JSON.parse(fs.readFileSync("peer.json", "utf8"));
const lines = fs.readFileSync("recipients.csv", "utf8").trim().split("\n");
const columns = lines.shift().split(",");
const text = fs.readFileSync("letter.txt.j2", "utf8");
const html = fs.readFileSync("letter.html.j2", "utf8");
const attachments = peer.attachment
  ? [{ filename: peer.attachment, content: fs.readFileSync(peer.attachment) }]
  : [];

function render(template, row) {
  return template
    .replace(/{% for i in range\(10\) %}([\s\S]*?){% endfor %}/g, (_, body) => {
      let out = "";
      for (let i = 0; i < 10; i++) out += body.replace(/{{ i }}/g, String(i));
      return out;
    })
    .replace(/{{ (\w+) }}/g, (_, name) => row[name]);
}

function* messages() {
  const lot = peer.recipients_per_message;
  for (let first = 0; first < lines.length; first += lot) {
    const rows = lines.slice(first, first + lot).map((line) => {
      const cells = line.split(",");
      return Object.fromEntries(columns.map((name, index) => [name, cells[index]]));
    });
    const [row] = rows;
    const alone = rows.length === 1;
    yield {
      from: "Example News <news@example.com>",
      to: alone ? row.email : "undisclosed-recipients:;",
      envelope: { from: "news@example.com", to: rows.map((one) => one.email) },
      subject: `News for ${alone ? row.first_name : "everybody"}`,
      text: render(text, row),
      html: render(html, row),
      attachments,
    };
  }
}

async function main() {
  const transport = nodemailer.createTransport({
    pool: true, host: "127.0.0.1", port: peer.port, secure: false,
    maxConnections: peer.sessions, maxMessages: Infinity,
    ...(peer.ca_file
      ? { requireTLS: true, tls: { ca: fs.readFileSync(peer.ca_file) } }
      : { ignoreTLS: true }),
  });
  // More at once than connections: the next messages are made while others are on the wire.
  const source = messages();
  async function sendOn() {
    for (let next = source.next(); !next.done; next = source.next()) {
      await transport.sendMail(next.value);
    }
  }
  await Promise.all(Array.from({ length: 4 * peer.sessions }, sendOn));
  transport.close();
}
main().catch((error) => { console.error(error); process.exit(1); });
