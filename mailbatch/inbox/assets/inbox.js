// The list of the inbox: fifty mails a page, the newest first, drawn anew when one comes. Text of a mail is text here.
"use strict";

addEventListener("DOMContentLoaded", () => {
  const { make, typing } = look;
  const $ = (id) => document.getElementById(id);
  const search = $("search"), rows = $("rows");
  // The pages that lie before the present one, each by the number that its mails are below.
  let befores = [];
  let data = { mails: [], last: 0 };
  let asked = 0;

  const size = (n) => n < 1024 ? `${n} B` : n < 1048576 ? `${(n / 1024).toFixed(n < 10240 ? 1 : 0)} KB` : `${(n / 1048576).toFixed(1)} MB`;
  const time = (text) => new Date(text).toLocaleString(undefined, { dateStyle: "short", timeStyle: "medium" });
  function row(mail) {
    return make("tr", {},
      make("td", { title: mail.to }, mail.to),
      make("td", {}, make("a", { href: `messages/${mail.number}.html`, "data-number": mail.number }, mail.subject || "No subject")),
      make("td", { title: mail.from }, mail.from),
      make("td", {}, make("time", { datetime: mail.time }, time(mail.time))),
      make("td", { class: "num" }, size(mail.size)));
  }
  function draw() {
    const focused = document.activeElement?.dataset?.number;
    rows.replaceChildren(...data.mails.map(row));
    if (focused !== undefined) rows.querySelector(`[data-number="${focused}"]`)?.focus({ preventScroll: true });
    const some = data.mails.length > 0;
    $("mails").hidden = !some;
    $("none").hidden = some;
    $("none-text").textContent = search.value ? "No mail matches." : "No mail yet.";
    $("newer").disabled = befores.length === 0;
    $("older").disabled = !data.more;
    const noun = data.found === 1 ? "mail" : "mails";
    const gone = data.gone ? `, ${data.gone.toLocaleString()} older ones gave way` : "";
    $("shown").textContent = `${data.found.toLocaleString()} ${noun}${search.value ? " found" : ""}${gone}`;
  }
  async function load() {
    const mine = ++asked;
    const query = new URLSearchParams({ q: search.value });
    if (befores.length) query.set("before", befores.at(-1));
    const answer = await fetch("list.json?" + query);
    const found = await answer.json();
    if (mine !== asked) return;
    data = found;
    draw();
    document.body.dataset.ready = "yes";
  }
  function older() {
    if (!data.more) return;
    befores.push(data.mails.at(-1).number);
    load();
  }
  function newer() {
    if (befores.pop() !== undefined) load();
  }
  function find() {
    befores = [];
    const query = search.value ? "#q=" + encodeURIComponent(search.value) : "";
    history.replaceState(null, "", location.pathname + query);
    load();
  }
  function step(by) {
    const links = [...rows.querySelectorAll("a")];
    const now = links.indexOf(document.activeElement);
    links[Math.min(links.length - 1, Math.max(0, now < 0 ? 0 : now + by))]?.focus();
  }

  search.addEventListener("input", find);
  $("older").addEventListener("click", older);
  $("newer").addEventListener("click", newer);
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && event.target === search) { search.value = ""; find(); search.blur(); return; }
    if (event.key === "ArrowDown" && event.target === search) { step(0); event.preventDefault(); return; }
    if (typing(event)) return;
    const act = { "/": () => search.focus(), j: () => step(1), ArrowDown: () => step(1), k: () => step(-1), ArrowUp: () => step(-1), n: older, p: newer }[event.key];
    if (act) { act(); event.preventDefault(); }
  });

  search.value = new URLSearchParams(location.hash.slice(1)).get("q") || "";
  if (location.hash === "#search") search.focus();
  load().then(() => {
    const changes = new EventSource("changes?seen=" + data.last);
    // Mails may come by the thousand: the list is asked for once an answer is there.
    let loading = false, missed = false, lost = false;
    const follow = async () => {
      if (loading) { missed = true; return; }
      loading = true;
      do { missed = false; await load(); } while (missed);
      loading = false;
    };
    changes.onmessage = follow;
    // A sandbox that was started again counts from the beginning.
    changes.onerror = () => { lost = true; };
    changes.onopen = () => { if (lost) { lost = false; follow(); } };
    addEventListener("pagehide", () => changes.close());
  });
  addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
});
