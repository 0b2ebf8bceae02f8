// Shared by every page that mailbatch writes: the theme, elements, data in script files, keys, the help.
// Everything that comes from a table, a message or a server goes into the page as text, never as markup.
"use strict";

const look = (() => {
  const root = document.documentElement;
  const remember = {
    get(key) { try { return localStorage.getItem("mailbatch-" + key); } catch { return null; } },
    set(key, value) { try { localStorage.setItem("mailbatch-" + key, value); } catch { /* private mode */ } },
  };

  // The theme: the system's, until the reader chooses.
  const chosen = remember.get("theme");
  if (chosen === "light" || chosen === "dark") root.dataset.theme = chosen;
  const isDark = () => root.dataset.theme
    ? root.dataset.theme === "dark"
    : matchMedia("(prefers-color-scheme: dark)").matches;
  function toggleTheme() {
    root.dataset.theme = isDark() ? "light" : "dark";
    remember.set("theme", root.dataset.theme);
    showTheme();
  }
  function showTheme() {
    const button = document.getElementById("theme");
    if (!button) return;
    button.setAttribute("aria-pressed", String(isDark()));
    button.querySelector("use").setAttribute("href", isDark() ? "#i-sun" : "#i-moon");
  }

  // Elements: make("a", {class: "x", href: y}, "text", child, ...). Strings become text nodes.
  function make(name, attributes, ...children) {
    const element = document.createElement(name);
    for (const [key, value] of Object.entries(attributes || {})) {
      if (value !== null && value !== undefined) element.setAttribute(key, value);
    }
    element.append(...children.filter((child) => child !== null && child !== undefined));
    return element;
  }
  function icon(name) {
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
    use.setAttribute("href", "#i-" + name);
    svg.setAttribute("aria-hidden", "true");
    svg.append(use);
    return svg;
  }

  // Data lie in script files, because fetch() is closed to file: pages.
  const arriving = new Map();
  function load(url) {
    if (!arriving.has(url)) {
      arriving.set(url, new Promise((resolve) => {
        const script = make("script", { src: url });
        script.onload = script.onerror = resolve;
        document.head.append(script);
      }));
    }
    return arriving.get(url);
  }

  // Text to search in and to search for: without accents and without case.
  const fold = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();

  function typing(event) {
    return event.ctrlKey || event.metaKey || event.altKey ||
      /^(input|select|textarea)$/i.test(event.target.localName) || document.querySelector("dialog[open]");
  }
  function help() { document.getElementById("help-text")?.showModal(); }

  addEventListener("DOMContentLoaded", () => {
    showTheme();
    document.getElementById("theme")?.addEventListener("click", toggleTheme);
    document.getElementById("help")?.addEventListener("click", help);
    document.addEventListener("keydown", (event) => {
      if (!typing(event) && event.key === "?") { help(); event.preventDefault(); }
    });
  });

  return { make, icon, load, fold, typing, remember, isDark };
})();
