// Reads messages with an independent parser: FOLDER of .eml files in, JSON lines out, in their order.
//   NODE_PATH=... node mailparser.cjs FOLDER
const fs = require("fs");
const path = require("path");
const { simpleParser } = require("mailparser");

async function main(folder) {
  for (const name of fs.readdirSync(folder).filter((n) => n.endsWith(".eml")).sort()) {
    const mail = await simpleParser(fs.readFileSync(path.join(folder, name)), {
      skipTextToHtml: true, skipHtmlToText: true, skipImageLinks: true, skipTextLinks: true,
    });
    const to = mail.to && mail.to.value[0];
    process.stdout.write(JSON.stringify({
      subject: mail.subject === undefined ? "" : mail.subject,
      from: mail.from.value[0], to, messageId: mail.messageId, text: mail.text, html: mail.html,
      files: mail.attachments.map((a) => [a.filename, a.content.toString("base64")]),
    }) + "\n");
  }
}
main(process.argv[2]).catch((error) => { console.error(error); process.exit(1); });
