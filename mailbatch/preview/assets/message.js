// The page of one message: tabs, widths, light and dark, remote images when asked for, and the neighbours.
"use strict";

addEventListener("DOMContentLoaded", async () => {
  const page = document.querySelector("main");
  const number = page.dataset.message;
  const $ = (id) => document.getElementById(id);

  // Tabs (WAI-ARIA): arrows move among them, 1 to 7 choose one.
  const tabs = [...document.querySelectorAll("[role=tab]")];
  function choose(tab, focus) {
    for (const other of tabs) {
      const chosen = other === tab;
      other.setAttribute("aria-selected", String(chosen));
      other.tabIndex = chosen ? 0 : -1;
      $(other.getAttribute("aria-controls")).hidden = !chosen;
    }
    try { sessionStorage.setItem("mailbatch-tab", tab.id); } catch { /* private mode */ }
    if (focus) tab.focus();
    tab.scrollIntoView({ block: "nearest", inline: "nearest" });
    if (tab.id === "tab-preview") fit();
  }
  for (const tab of tabs) tab.addEventListener("click", () => choose(tab));
  document.querySelector("[role=tablist]").addEventListener("keydown", (event) => {
    const now = tabs.indexOf(document.activeElement);
    const to = { ArrowRight: now + 1, ArrowLeft: now - 1, Home: 0, End: tabs.length - 1 }[event.key];
    if (to === undefined) return;
    choose(tabs[(to + tabs.length) % tabs.length], true);
    event.preventDefault();
    event.stopPropagation();
  });

  // The stage: the mail at the width of a device, scaled down where there is no room for it. A desktop is a
  // desktop on a phone, too: whoever asks for its width there wants to see what it shows, only smaller.
  const stage = $("stage"), device = $("device"), frame = $("frame");
  const WIDTHS = { phone: 375, tablet: 768 };
  const DESKTOP = [1024, 1180];
  const small = matchMedia("(max-width: 640px)").matches;
  const state = { width: gallery.remember.get("width") || (small ? "phone" : "desktop"), scheme: "light", remote: false, side: "after" };
  const data = frame ? await gallery.body(number, "../") : {};
  function fit() {
    if (!frame || !stage.clientWidth) return;
    const style = getComputedStyle(stage);
    const room = stage.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight);
    const width = WIDTHS[state.width] || Math.min(Math.max(room, DESKTOP[0]), DESKTOP[1]);
    const scale = Math.min(1, room / width);
    const high = Math.max(440, innerHeight - 150);
    const height = state.width === "phone" ? Math.min(Math.max(667, high), 812) : high;
    device.className = `device ${state.width} ${state.scheme}`;
    device.style.width = `${width}px`;
    device.style.height = `${height / scale}px`;
    device.style.transform = scale < 1 ? `scale(${scale})` : "";
    device.style.marginRight = scale < 1 ? `${width * (scale - 1)}px` : "";
    device.style.marginBottom = scale < 1 ? `${(height / scale) * (scale - 1)}px` : "";
  }
  function render() {
    if (!frame) return;
    const html = state.side === "before" ? data.before : data.html;
    const made = gallery.letter(html || "", data.inline, state);
    frame.srcdoc = made.source;
    frame.style.colorScheme = state.scheme === "dark" && made.adapts ? "dark" : "light";
    const button = $("remote");
    button.hidden = !made.remote || state.remote;
    button.querySelector("span").textContent = `Load remote images (${made.remote})`;
    $("scheme-note").hidden = state.scheme !== "dark" || made.adapts;
    fit();
  }
  for (const button of document.querySelectorAll("[data-set]")) {
    button.addEventListener("click", () => {
      state[button.dataset.set] = button.dataset.value;
      if (button.dataset.set === "width") { gallery.remember.set("width", state.width); fit(); } else render();
      press();
    });
  }
  function press() {
    for (const button of document.querySelectorAll("[data-set]")) {
      button.setAttribute("aria-pressed", String(state[button.dataset.set] === button.dataset.value));
    }
  }
  $("remote")?.addEventListener("click", () => { state.remote = true; render(); });
  addEventListener("resize", fit);

  // The neighbours: of all messages, or of those that the filter of the index left.
  const filter = gallery.readFilter();
  if (Object.keys(filter).length) {
    await gallery.load("../index-data.js");
    const all = gallery.index.messages;
    all.forEach((m, i) => { m.i = i; });
    const shown = gallery.matching(all, filter);
    const here = shown.findIndex((m) => m.n === number);
    if (here >= 0) {
      const hash = "#" + gallery.writeFilter(filter);
      point($("previous"), shown[here - 1], hash);
      point($("next"), shown[here + 1], hash);
      $("position").textContent = `${here + 1} of ${shown.length}, filtered`;
      for (const link of document.querySelectorAll("[data-index-link]")) link.href = "../index.html" + hash;
    }
  }
  function point(link, message, hash) {
    if (message) { link.href = message.n + ".html" + hash; link.removeAttribute("aria-disabled"); }
    else { link.removeAttribute("href"); link.setAttribute("aria-disabled", "true"); }
  }

  $("copy")?.addEventListener("click", async () => {
    await navigator.clipboard.writeText($("source-text").textContent);
    $("copy").querySelector("span").textContent = "Copied";
  });

  document.addEventListener("keydown", (event) => {
    if (gallery.typing(event)) return;
    const go = { j: "next", ArrowRight: "next", k: "previous", ArrowLeft: "previous" }[event.key];
    if (go) $(go).click();
    else if (/^[1-9]$/.test(event.key) && tabs[event.key - 1]) choose(tabs[event.key - 1], true);
    else if (event.key === "/") location.href = $("back").href.replace(/#.*/, "") + "#search";
    else if (event.key === "u" || event.key === "Escape") $("back").click();
    else if (event.key === "w") cycle("width", ["phone", "tablet", "desktop"]);
    else if (event.key === "d") cycle("scheme", ["light", "dark", "inverted"]);
    else return;
    event.preventDefault();
  });
  function cycle(key, values) {
    const next = values[(values.indexOf(state[key]) + 1) % values.length];
    document.querySelector(`[data-set="${key}"][data-value="${next}"]`)?.click();
  }

  press();
  render();
  let last = null;
  try { last = $(sessionStorage.getItem("mailbatch-tab") || ""); } catch { /* private mode */ }
  choose(last && tabs.includes(last) ? last : tabs[0]);
  document.body.dataset.ready = "yes";
});
