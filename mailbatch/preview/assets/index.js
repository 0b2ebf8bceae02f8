// The index: search, filters, the wall of thumbnails and the list. Ten thousand messages stay quick, because
// the list draws only the rows in sight and the wall grows as it is scrolled.
"use strict";

addEventListener("DOMContentLoaded", () => {
  const { make, mark, bytes, matching } = gallery;
  const { messages, codes } = gallery.index;
  messages.forEach((m, i) => { m.i = i; });
  const $ = (id) => document.getElementById(id);
  const list = $("list"), rows = $("rows"), wall = $("wall"), search = $("search"), none = $("none");
  const selects = { check: $("by-check"), group: $("by-group"), change: $("by-change"), sort: $("by-sort") };
  const MANY_CARDS = 60;

  let filter = gallery.readFilter();
  let view = gallery.remember.get("view") || (messages.length > MANY_CARDS ? "list" : "wall");
  let found = [];
  let drawn = [-1, -1];

  const href = (m) => `messages/${m.n}.html${Object.keys(filter).length ? "#" + gallery.writeFilter(filter) : ""}`;
  const who = (m) => m.to + (m.r > 1 ? ` and ${(m.r - 1).toLocaleString()} more` : "");
  const subject = (m) => m.s || (m.e ? "Cannot be made" : "No subject");

  function signs(m) {
    const box = make("span", { class: "signs" });
    if (m.e) box.append(mark("error", "cannot be mailed: " + m.e));
    else if (m.w > 1) {
      const titles = m.f.filter((c) => codes[c].severity === "warning").map((c) => codes[c].title);
      box.append(mark("warning", [...new Set(titles)].join("; ")));
    }
    if (m.c === "new" || m.c === "changed") box.append(make("span", { class: "chip accent" }, m.c));
    return box;
  }

  // The list. Rows have one height, so their places are known without drawing them.
  function row(m, index) {
    const cell = (name, ...children) => make("div", { class: name, role: "cell" }, ...children);
    const element = make("div", { class: "row", role: "row", "aria-rowindex": index + 2 },
      cell("where", "line " + m.l),
      cell("who", who(m)),
      cell("subject", make("a", { href: href(m), "data-index": index }, subject(m)),
        m.p ? make("span", { class: "behind" }, " - " + m.p) : ""),
      cell("groups", m.g ? make("span", { class: "chip", title: m.g }, m.g) : ""),
      cell("num size", m.z ? bytes(m.z) : ""),
      cell("", signs(m)));
    element.style.top = `${index * rowHeight()}px`;
    return element;
  }
  const rowHeight = () => parseInt(getComputedStyle(rows).getPropertyValue("--row"), 10) || 52;
  function drawRows(force) {
    if (view !== "list") return;
    const height = rowHeight();
    const top = -rows.getBoundingClientRect().top;
    const first = Math.max(0, Math.floor(top / height) - 12);
    const last = Math.min(found.length, Math.ceil((top + innerHeight) / height) + 12);
    if (!force && first >= drawn[0] && last <= drawn[1] && drawn[1] - drawn[0] < last - first + 60) return;
    drawn = [Math.max(0, first - 12), Math.min(found.length, last + 12)];
    const focused = document.activeElement?.dataset?.index;
    const fragment = document.createDocumentFragment();
    for (let i = drawn[0]; i < drawn[1]; i++) fragment.append(row(found[i], i));
    rows.replaceChildren(fragment);
    if (focused !== undefined) rows.querySelector(`[data-index="${focused}"]`)?.focus({ preventScroll: true });
  }

  // The wall. A thumbnail is a frame without scripts, made when it comes near.
  const near = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (!entry.isIntersecting) continue;
      near.unobserve(entry.target);
      if (entry.target.id === "more") growWall(); else fill(entry.target);
    }
  }, { rootMargin: "400px" });
  async function fill(thumb) {
    const m = messages[Number(thumb.dataset.message)];
    const data = await gallery.body(m.n, "");
    if (!data.html) { thumb.append(make("pre", { "aria-hidden": "true" }, data.text || "")); return; }
    const frame = make("iframe", { sandbox: "", tabindex: "-1", "aria-hidden": "true", loading: "lazy", scrolling: "no" });
    frame.srcdoc = gallery.letter(data.html, data.inline).source;
    thumb.append(frame);
    scale(thumb);
  }
  const scale = (thumb) => {
    const frame = thumb.querySelector("iframe");
    if (frame) frame.style.transform = `scale(${thumb.clientWidth / 600})`;
  };
  const resized = new ResizeObserver((entries) => entries.forEach((entry) => scale(entry.target)));
  function card(m, index) {
    const thumb = make("div", { class: "thumb", "data-message": m.i });
    if (m.e) thumb.append(make("div", { class: "cannot" }, m.e));
    else { near.observe(thumb); resized.observe(thumb); }
    return make("div", { class: "card", role: "listitem" }, thumb, signs(m),
      make("div", { class: "about" },
        make("a", { href: href(m), "data-index": index }, subject(m)),
        m.p ? make("div", { class: "to", title: m.p }, m.p) : null,
        make("div", { class: "to" }, who(m)),
        m.y ? make("div", { class: "why" }, ...m.y.slice(0, 2).map((y) => make("span", { class: "chip", title: y }, y))) : null));
  }
  function growWall() {
    const from = wall.querySelectorAll(".card").length;
    $("more")?.remove();
    wall.append(...found.slice(from, from + MANY_CARDS).map((m, i) => card(m, from + i)));
    if (from + MANY_CARDS < found.length) {
      const more = make("div", { id: "more" });
      wall.append(more);
      near.observe(more);
    }
  }

  function draw() {
    found = matching(messages, filter);
    $("shown").textContent = found.length === messages.length
      ? `${messages.length.toLocaleString()} shown`
      : `${found.length.toLocaleString()} of ${messages.length.toLocaleString()}`;
    none.hidden = found.length > 0;
    list.hidden = view !== "list" || !found.length;
    wall.hidden = view !== "wall" || !found.length;
    for (const button of document.querySelectorAll("[data-view]")) {
      button.setAttribute("aria-pressed", String(button.dataset.view === view));
    }
    wall.replaceChildren();
    if (view === "wall") { growWall(); return; }
    list.setAttribute("aria-rowcount", found.length + 1);
    rows.style.height = `${found.length * rowHeight()}px`;
    drawRows(true);
  }
  function change(part) {
    filter = { ...filter, ...part };
    for (const key of Object.keys(filter)) if (!filter[key]) delete filter[key];
    history.replaceState(null, "", location.pathname + location.search + (Object.keys(filter).length ? "#" + gallery.writeFilter(filter) : ""));
    show();
    draw();
  }
  function show() {
    if (search.value !== (filter.q || "")) search.value = filter.q || "";
    for (const [key, select] of Object.entries(selects)) if (select) select.value = filter[key] || "";
  }

  search.addEventListener("input", () => change({ q: search.value }));
  for (const [key, select] of Object.entries(selects)) {
    select?.addEventListener("change", () => change({ [key]: select.value }));
  }
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-view], [data-code]");
    if (!button) return;
    if (button.dataset.view) {
      view = button.dataset.view;
      gallery.remember.set("view", view);
      draw();
    } else {
      change({ check: button.dataset.code });
      $("tools").scrollIntoView({ block: "start" });
    }
  });
  $("clear").addEventListener("click", () => change({ q: "", check: "", group: "", change: "" }));
  addEventListener("scroll", () => requestAnimationFrame(() => drawRows(false)), { passive: true });
  addEventListener("resize", () => { rows.style.height = `${found.length * rowHeight()}px`; drawRows(true); });
  addEventListener("hashchange", () => { filter = gallery.readFilter(); show(); draw(); });

  function step(by) {
    const now = document.activeElement?.dataset?.index;
    const next = Math.min(found.length - 1, Math.max(0, now === undefined ? 0 : Number(now) + by));
    const box = view === "list" ? rows : wall;
    if (view === "wall") while (!box.querySelector(`[data-index="${next}"]`) && $("more")) growWall();
    else {
      const y = rows.getBoundingClientRect().top + scrollY + next * rowHeight();
      if (y < scrollY + 160 || y + rowHeight() > scrollY + innerHeight) scrollTo({ top: y - innerHeight / 2 });
      drawRows(true);
    }
    box.querySelector(`[data-index="${next}"]`)?.focus({ preventScroll: view === "list" });
  }
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && event.target === search) { change({ q: "" }); search.blur(); return; }
    if (event.key === "ArrowDown" && event.target === search) { step(0); event.preventDefault(); return; }
    if (gallery.typing(event)) return;
    if (event.key === "/") search.focus();
    else if (event.key === "j" || event.key === "ArrowDown") step(1);
    else if (event.key === "k" || event.key === "ArrowUp") step(-1);
    else if (event.key === "v") document.querySelector(`[data-view="${view === "list" ? "wall" : "list"}"]`).click();
    else return;
    event.preventDefault();
  });

  if (matchMedia("(max-width: 640px)").matches) $("overview").open = false;
  show();
  draw();
  if (location.hash === "#search") search.focus();
  document.body.dataset.ready = "yes";
});
