// The page of reports: the picture over time, and the list with its search. The list arrives in script
// files of some thousand recipients each, in columns; only the rows of one page are ever drawn.
"use strict";

const reports = { figures: null, files: new Map() };
// What the data files call.
const mailbatchFigures = (data) => { reports.figures = data; };
const mailbatchRecipients = (number, data) => { reports.files.set(number, data); };

addEventListener("DOMContentLoaded", () => {
  const { make, fold, typing } = look;
  const $ = (id) => document.getElementById(id);
  const { recipients, files, times } = reports.figures;
  const ROWS_A_PAGE = 50;

  // -- over time ---------------------------------------------------------------------------------
  const NAMES = ["delivered", "under-way", "complained", "lost"]; // as STACK in times.py
  const WORDS = ["delivered", "under way", "complained", "not delivered"];
  const clock = (seconds) => new Date(seconds * 1000).toISOString();
  const shownTime = (seconds) => clock(seconds).slice(0, 16).replace("T", " ");
  const STEPS = [1, 2, 3, 6, 12, 24, 48, 168, 336, 672, 1344, 2688, 8736].map((hours) => hours * 3600);
  const WHOLE = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 2e4, 5e4, 1e5, 2e5, 5e5, 1e6, 1e7];
  const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
  let plot = null;
  // A custom property is a formula; the colour that comes of it is that of an element.
  function colour(name, property = "fill") {
    const probe = make("i", { class: name, hidden: "" });
    document.body.append(probe);
    const found = getComputedStyle(probe)[property];
    probe.remove();
    return found;
  }
  function point(index) {
    const start = index === null || index === undefined ? undefined : times.starts[index];
    if (start === undefined) { $("pointed").textContent = ""; return; }
    const day = times.unit >= 86400;
    const said = WORDS.map((word, n) => [times.numbers[n][index], word]).filter(([number]) => number)
      .map(([number, word]) => `${number.toLocaleString("en")} ${word}`);
    $("pointed").textContent = `${day ? clock(start).slice(0, 10) : shownTime(start)}: ${said.join(", ") || "none"}`;
  }
  function picture() {
    const place = $("times");
    if (!times || !place) return;
    plot?.destroy();
    // Each part stands on the sum of those below; the highest is drawn first.
    const sums = times.starts.map(() => 0);
    const stacked = times.numbers.map((numbers) => numbers.map((number, i) => (sums[i] += number)));
    const last = times.starts.at(-1) + times.unit;
    const most = Math.max(1, ...sums);
    const grid = { stroke: colour("u-line", "borderTopColor"), width: 1 };
    const axis = { stroke: colour("muted", "color"), grid, ticks: { show: false }, font: "12px system-ui, sans-serif" };
    const whole = (_, values) => values.map((value) => value.toLocaleString("en"));
    plot = new uPlot({
      width: place.clientWidth,
      height: place.clientHeight,
      tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC"),
      legend: { show: false },
      cursor: { y: false, points: { show: false }, drag: { x: false, y: false } },
      scales: { x: { time: true, range: [times.starts[0], last] }, y: { range: [0, most * 1.08] } },
      axes: [
        { ...axis, grid: { show: false }, size: 40, space: 64, incrs: STEPS.filter((step) => step >= times.unit), values: dates },
        { ...axis, size: 16 + 8 * most.toLocaleString("en").length, incrs: WHOLE, values: whole },
      ],
      series: [{}, ...NAMES.map((name) => ({
        fill: colour("f-" + name), stroke: "transparent", width: 0, points: { show: false },
        paths: uPlot.paths.bars({ size: [0.86, 48], align: 1, gap: 0 }),
      })).reverse()],
      hooks: { setCursor: [(u) => point(u.cursor.idx)] },
    }, [times.starts, ...stacked.reverse()], place);
  }
  // The day stands at its beginning, hours between: one form everywhere, whatever the reader's language.
  function dates(_, values) {
    return values.map((seconds, i) => {
      const at = clock(seconds), hour = at.slice(11, 16);
      const day = `${MONTHS[Number(at.slice(5, 7)) - 1]} ${Number(at.slice(8, 10))}`;
      if (times.unit >= 86400 || hour === "00:00") return day;
      return i === 0 ? `${hour}\n${day}` : hour;
    });
  }
  new MutationObserver(picture).observe(document.documentElement, { attributeFilter: ["data-theme"] });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", picture);
  matchMedia("print").addEventListener("change", picture);
  addEventListener("beforeprint", picture);
  addEventListener("afterprint", picture);
  if ($("times")) new ResizeObserver(() => {
    if (plot && plot.width !== $("times").clientWidth) picture();
  }).observe($("times"));

  // -- the list ----------------------------------------------------------------------------------
  const search = $("search"), rows = $("rows"), only = $("only");
  const selects = { status: $("by-status"), event: $("by-event") };
  const KEYS = ["q", "status", "event", "domain", "reason", "page"];
  const loaded = []; // the files that are there, in order
  let filter = readFilter();
  let found = [];
  let arrived = 0; // files that were asked for and came, or are not there
  let reach = 0; // files that `found` has looked at

  function readFilter() {
    const given = new URLSearchParams(location.hash.replace(/^#\??/, ""));
    return Object.fromEntries(KEYS.filter((key) => given.get(key)).map((key) => [key, given.get(key)]));
  }
  const domainOf = (email) => email.slice(email.lastIndexOf("@") + 1).toLowerCase();
  const isOfEvent = (file, i) => {
    if (!filter.event) return true;
    if (filter.event === "none") return !file.event[i];
    return filter.event === (file.kind[i] ? `${file.event[i]} ${file.kind[i]}` : file.event[i]);
  };
  function look_at(file, words) {
    if (words.length && !file.folded) {
      const texts = file.texts.map(fold);
      file.folded = file.email.map((email, i) =>
        `${fold(email)}\n${file.code[i]}\n${file.event[i]} ${file.kind[i]}\n${file.status[i]}\n${texts[file.text[i]]}`);
    }
    for (let i = 0; i < file.email.length; i++) {
      if (filter.status && file.status[i] !== filter.status) continue;
      if (!isOfEvent(file, i)) continue;
      if (filter.domain && domainOf(file.email[i]) !== filter.domain) continue;
      if (filter.reason && file.reason[i] !== Number(filter.reason)) continue;
      if (words.length && !words.every((word) => file.folded[i].includes(word))) continue;
      found.push([file, i]);
    }
  }
  function extend() {
    const words = fold(filter.q || "").split(/\s+/).filter(Boolean);
    for (; reach < loaded.length; reach++) look_at(loaded[reach], words);
  }
  function find() {
    found = [];
    reach = 0;
    extend();
  }

  const SVG = "http://www.w3.org/2000/svg";
  function dot(name) {
    const svg = document.createElementNS(SVG, "svg"), circle = document.createElementNS(SVG, "circle");
    for (const [key, value] of Object.entries({ class: "f-" + name, cx: 5, cy: 5, r: 5 })) circle.setAttribute(key, value);
    for (const [key, value] of Object.entries({ class: "dot", viewBox: "0 0 10 10", "aria-hidden": "true" })) svg.setAttribute(key, value);
    svg.append(circle);
    return svg;
  }
  const LONG = 110;
  function reason(file, i) {
    const text = file.texts[file.text[i]];
    const code = text.includes(file.code[i]) ? "" : file.code[i]; // most servers say it themselves
    const head = code ? make("span", { class: "mono" }, code) : "";
    if (text.length <= LONG) return [head, code && text ? " " : "", make("bdi", {}, text)];
    return [make("details", {}, make("summary", {}, head, code ? " " : "", make("bdi", {}, text.slice(0, LONG - 20) + "…")),
      make("bdi", {}, text))];
  }
  function row([file, i]) {
    const cell = (name, ...children) => make("td", { class: name, role: "cell" }, ...children);
    const seen = [[file.opens[i], "opened"], [file.clicks[i], "clicked"]].filter(([n]) => n)
      .map(([n, word]) => n > 1 ? `${word} ${n.toLocaleString("en")} times` : word).join(", ");
    const event = file.event[i] ? file.event[i] + (file.kind[i] ? `, ${file.kind[i]}` : "") : "";
    const told = event || seen;
    return make("tr", { role: "row" },
      cell("email", make("bdi", {}, file.email[i])),
      cell("status", file.status[i].replace("_", " ")),
      cell("event", told
        ? make("div", {}, event ? dot(file.fate[i]) : "", make("span", {}, event, seen ? make("small", {}, seen) : ""))
        : make("span", { class: "muted" }, "no report")),
      cell("reason", ...(file.code[i] || file.texts[file.text[i]] ? reason(file, i) : [])),
      cell("when", ...(file.at[i] ? [make("time", { datetime: clock(file.at[i]) }, shownTime(file.at[i]))] : [])));
  }
  const pagesOf = () => Math.max(1, Math.ceil(found.length / ROWS_A_PAGE));
  const pageNow = () => Math.min(pagesOf(), Math.max(1, Math.floor(Number(filter.page)) || 1));
  function draw() {
    const page = pageNow(), pages = pagesOf(), first = (page - 1) * ROWS_A_PAGE;
    rows.replaceChildren(...found.slice(first, first + ROWS_A_PAGE).map(row));
    const isDone = arrived === files;
    const missing = arrived - loaded.length;
    const some = found.length.toLocaleString("en"), all = recipients.toLocaleString("en");
    $("shown").textContent = (found.length === recipients ? `${all} recipient${recipients === 1 ? "" : "s"}` : `${some} of ${all}`) + (isDone ? "" : ", loading") +
      (missing ? `, ${missing === 1 ? "1 file of the list is" : `${missing} files of the list are`} missing` : "");
    $("list").hidden = !found.length;
    $("pages").hidden = found.length <= ROWS_A_PAGE;
    $("none").hidden = found.length > 0 || !isDone;
    $("page").value = page;
    $("page").max = pages;
    $("of").textContent = pages.toLocaleString("en");
    for (const [id, isEnd] of [["before", page === 1], ["after", page === pages]]) {
      $(id).setAttribute("aria-disabled", String(isEnd));
      $(id).setAttribute("aria-label", id === "before" ? "Previous page" : "Next page");
    }
  }
  function show() {
    if (search.value !== (filter.q || "")) search.value = filter.q || "";
    for (const [key, select] of Object.entries(selects)) select.value = filter[key] || "";
    const named = filter.domain || (filter.reason ? reasonName(filter.reason) : "");
    only.hidden = !named;
    only.replaceChildren(make("span", {}, "only ", make("bdi", {}, named), " ×"));
    only.setAttribute("aria-label", `Show others than ${named}, too`);
  }
  const reasonName = (number) => document.querySelector(`[data-reason="${CSS.escape(number)}"]`)?.textContent.trim() || "this reason";
  function change(part) {
    filter = { ...filter, page: "", ...part };
    for (const key of Object.keys(filter)) if (!filter[key]) delete filter[key];
    const written = new URLSearchParams(filter).toString();
    history.replaceState(null, "", location.pathname + location.search + (written ? "#" + written : ""));
    show();
    if (Object.keys(part).some((key) => key !== "page")) find();
    draw();
  }
  function turn(by) {
    const page = Math.min(pagesOf(), Math.max(1, pageNow() + by));
    if (page === pageNow()) return;
    change({ page: page > 1 ? String(page) : "" });
    $("tools").scrollIntoView({ block: "start" });
  }

  search.addEventListener("input", () => change({ q: search.value }));
  for (const [key, select] of Object.entries(selects)) select.addEventListener("change", () => change({ [key]: select.value }));
  $("before").addEventListener("click", () => turn(-1));
  $("after").addEventListener("click", () => turn(1));
  $("page").addEventListener("change", () => change({ page: $("page").value === "1" ? "" : $("page").value }));
  only.addEventListener("click", () => { change({ domain: "", reason: "" }); search.focus(); });
  $("clear").addEventListener("click", () => change({ q: "", status: "", event: "", domain: "", reason: "" }));
  document.querySelector("main").addEventListener("click", (event) => {
    const data = event.target.closest("button.plain")?.dataset;
    if (!data) return;
    const { status = "", event: told = "", domain = "", reason: number = "" } = data;
    change({ q: "", status, event: told, domain, reason: number });
    $("tools").scrollIntoView({ block: "start" });
  });
  addEventListener("hashchange", () => { filter = readFilter(); show(); find(); draw(); });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && event.target === search) { change({ q: "" }); search.blur(); return; }
    if (typing(event)) return;
    if (event.key === "/") search.focus();
    else if (event.key === "j") turn(1);
    else if (event.key === "k") turn(-1);
    else return;
    event.preventDefault();
  });

  picture();
  show();
  draw();
  (async () => {
    for (let number = 1; number <= files; number++) {
      await look.load(`recipients/${String(number).padStart(4, "0")}.js`);
      arrived = number;
      if (reports.files.has(number)) loaded.push(reports.files.get(number));
      const before = found.length;
      extend();
      // The rows in sight change only where the page was not full yet.
      if (before < pageNow() * ROWS_A_PAGE || filter.page || number === files) draw();
      else $("shown").textContent = `${found.length.toLocaleString("en")} of ${recipients.toLocaleString("en")}, loading`;
      document.body.dataset.ready = "yes";
    }
    document.body.dataset.ready = "yes";
    document.body.dataset.complete = "yes";
  })();
});
