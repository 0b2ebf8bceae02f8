// The peer in JavaScript: nodemailer's pool with one connection and string templates.
//   npm install --prefix benchmarks nodemailer ; node nodemailer.cjs PORT
const fs = require("fs");
const nodemailer = require("nodemailer");

const port = Number(process.argv[2]);
const lines = fs.readFileSync("recipients.csv", "utf8").trim().split("\n");
const columns = lines.shift().split(",");
const text = fs.readFileSync("letter.txt.j2", "utf8");
const html = fs.readFileSync("letter.html.j2", "utf8");

function render(template, row) {
  return template
    .replace(/{% for i in range\(10\) %}([\s\S]*?){% endfor %}/g, (_, body) => {
      let out = "";
      for (let i = 0; i < 10; i++) out += body.replace(/{{ i }}/g, String(i));
      return out;
    })
    .replace(/{{ (\w+) }}/g, (_, name) => row[name]);
}

async function main() {
  const transport = nodemailer.createTransport({
    pool: true, host: "127.0.0.1", port, secure: false, ignoreTLS: true,
    maxConnections: 1, maxMessages: Infinity,
  });
  const sends = lines.map((line) => {
    const cells = line.split(",");
    const row = Object.fromEntries(columns.map((name, index) => [name, cells[index]]));
    return transport.sendMail({
      from: "Example News <news@example.com>", to: row.email,
      subject: `News for ${row.first_name}`, text: render(text, row), html: render(html, row),
    });
  });
  await Promise.all(sends);
  transport.close();
}
main().catch((error) => { console.error(error); process.exit(1); });
