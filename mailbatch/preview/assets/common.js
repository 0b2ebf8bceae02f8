// Shared by the index and the pages of the messages: the frame for a mail, data, the filter; behind look.js.
// Everything that comes from a message or a table goes into the page as text, never as markup.
"use strict";

const gallery = (() => {
  const { make, icon, load, fold, typing, remember } = look;
  const SIGN = { error: "!", warning: "!", info: "i" };
  function mark(severity, label) {
    return make("span", { class: "mark " + severity, role: "img", "aria-label": label, title: label }, SIGN[severity]);
  }
  function bytes(n) {
    if (n < 1024) return n + " B";
    return n < 1024 * 1024 ? (n / 1024).toFixed(n < 10240 ? 1 : 0) + " KB" : (n / 1048576).toFixed(1) + " MB";
  }

  // Bodies and inline images lie in script files, because fetch() is closed to file: pages.
  const bodies = new Map();
  const images = new Map();
  const BODIES_A_FILE = 16; // as in compare.py
  async function body(number, base) {
    const first = Math.floor((Number(number) - 1) / BODIES_A_FILE) * BODIES_A_FILE + 1;
    const file = "bodies/" + String(first).padStart(number.length, "0") + ".js";
    if (!bodies.has(number)) await load(base + file);
    const found = bodies.get(number) || {};
    await Promise.all(Object.values(found.inline || {})
      .filter((digest) => !images.has(digest))
      .map((digest) => load(base + "inline/" + digest + ".js")));
    return found;
  }

  // The document of a mail for a frame without scripts: `scheme` is light, dark or inverted.
  const POLICY = "default-src 'none'; style-src 'unsafe-inline'; font-src data:; media-src data:; " +
    "form-action 'none'; base-uri 'none'; img-src data:";
  const FETCHING = /(^|\s)(preconnect|dns-prefetch|prefetch|prerender|preload|modulepreload|stylesheet|icon|manifest)(\s|$)/i;
  const OUT = "script, base, meta[http-equiv], template, iframe, frame, frameset, object, embed, applet, portal";
  const LOADING = /^(src|srcset|background|poster|style|xlink:href|data|lowsrc|dynsrc)$/;
  const REMOTE = /^\s*(https?:)?\/\//i;
  function letter(html, inline, { scheme = "light", remote = false } = {}) {
    const page = new DOMParser().parseFromString(html, "text/html");
    for (const element of page.querySelectorAll(OUT)) element.remove();
    for (const link of page.querySelectorAll("link")) {
      if (FETCHING.test(link.getAttribute("rel") || "")) link.remove();
    }
    let shutOut = 0;
    const shut = (value) => { shutOut += 1; return value; };
    for (const element of page.querySelectorAll("*")) {
      for (const name of element.getAttributeNames()) {
        if (/^on|^ping$/i.test(name)) element.removeAttribute(name);
        else if (LOADING.test(name) || (name === "href" && !/^(a|area|link)$/.test(element.localName))) loading(element, name, inline, remote, shut);
      }
      if (element.localName === "style") {
        element.textContent = styles(inScheme(element.textContent, scheme), inline, remote, shut);
      } else if (element.localName === "source" && element.media) {
        element.media = inScheme(element.media, scheme);
      } else if (element.localName === "a" || element.localName === "area") {
        linkOut(element);
      }
    }
    page.head.prepend(
      make("meta", { "http-equiv": "Content-Security-Policy", content: POLICY + (remote ? " http: https:" : "") }),
      make("meta", { "http-equiv": "x-dns-prefetch-control", content: "off" }),
      make("meta", { name: "referrer", content: "no-referrer" }),
      make("base", { target: "_blank" }));
    // The frame as a whole is inverted from outside; pictures are turned back, as mail programs do it.
    if (scheme === "inverted") page.head.append(make("style", {}, "img, picture, video, [background] { filter: invert(1) hue-rotate(180deg) }"));
    const type = page.doctype;
    const doctype = type ? `<!doctype ${type.name}${type.publicId ? ` PUBLIC "${type.publicId}"` : ""}` +
      `${type.systemId ? `${type.publicId ? "" : " SYSTEM"} "${type.systemId}"` : ""}>` : "";
    return {
      source: doctype + page.documentElement.outerHTML,
      remote: shutOut,
      adapts: /prefers-color-scheme/i.test(html) || /<meta[^>]+color-scheme/i.test(html),
    };
  }
  // What is remote is taken out here; the policy of the frame is the second wall, not the first.
  function loading(element, name, inline, remote, shut) {
    const value = element.getAttribute(name);
    if (name === "style") {
      element.setAttribute(name, styles(value, inline, remote, shut));
    } else if (name === "srcset") {
      if (!remote) { shut(); element.removeAttribute(name); }
    } else if (/^\s*cid:/i.test(value)) {
      element.setAttribute(name, withImages(value, inline));
    } else if (!/^\s*data:/i.test(value) && (!remote || !REMOTE.test(value))) {
      // Relative addresses have nothing to be relative to in a mail.
      if (REMOTE.test(value)) shut();
      element.setAttribute(name, "data:,");
    }
  }
  function styles(text, inline, remote, shut) {
    // A letter may be spelled as an escape (\72 for r): the same style, which nothing below would recognise.
    const spelled = text.replace(/\\0{0,4}([46][1-9a-f]|[57][0-9a])\s?/gi, (_, code) => String.fromCharCode(parseInt(code, 16)));
    const known = withImages(spelled, inline);
    if (remote) return known;
    return known.replace(/(@import\s+)(?:url\()?[^;]*;?/gi, () => shut(""))
      .replace(/(url|src|image)\(\s*(?!\s*["']?\s*data:)["']?([^"')]*)["']?\s*\)/gi,
        (whole, what, address) => address.trim() ? shut('url("data:,")') : whole);
  }
  function withImages(text, inline) {
    return text.replace(/cid:([^"')\s>]+)/gi, (whole, name) => {
      let id = name;
      try { id = decodeURIComponent(name); } catch { /* not encoded */ }
      return images.get((inline || {})[id]) || whole;
    });
  }
  function inScheme(text, scheme) {
    return text.replace(/\(\s*prefers-color-scheme\s*:\s*(dark|light)\s*\)/gi, (_, wanted) =>
      (wanted.toLowerCase() === "dark") === (scheme === "dark") ? "(min-width: 0)" : "(max-width: 0)");
  }
  function linkOut(link) {
    const href = (link.getAttribute("href") || "").trim();
    link.rel = "noopener noreferrer";
    if (/^(https?|mailto|tel):/i.test(href)) link.target = "_blank";
    else if (href.startsWith("#") && href.length > 1) link.target = "_self";
    else link.removeAttribute("href");
  }

  // The filter of the index, also used to step through what it shows.
  function checked(m, wanted) {
    if (!wanted) return true;
    if (wanted === "clean") return !m.e && m.w < 2;
    return wanted === "warnings" ? Boolean(m.e) || m.w > 1 : m.f.includes(wanted);
  }
  function matching(messages, filter) {
    const words = fold(filter.q || "").split(/\s+/).filter(Boolean);
    const kept = messages.filter((m) => {
      if (!checked(m, filter.check)) return false;
      if (filter.group && m.g !== filter.group) return false;
      if (filter.change && m.c !== filter.change) return false;
      if (!words.length) return true;
      m.text ??= fold([m.n, m.to, m.also || "", m.s, m.g || "", m.f.join(" "), m.e || ""].join("\n"));
      return words.every((word) => m.text.includes(word));
    });
    const order = {
      subject: (a, b) => a.s.localeCompare(b.s),
      size: (a, b) => b.z - a.z,
      checks: (a, b) => (b.e ? 9 : b.w) - (a.e ? 9 : a.w),
      recipients: (a, b) => b.r - a.r,
    }[filter.sort];
    return order ? kept.sort((a, b) => order(a, b) || a.i - b.i) : kept;
  }
  function readFilter() {
    const given = new URLSearchParams(location.hash.replace(/^#\??/, ""));
    const filter = {};
    for (const key of ["q", "check", "group", "change", "sort"]) if (given.get(key)) filter[key] = given.get(key);
    return filter;
  }
  const writeFilter = (filter) => new URLSearchParams(filter).toString();

  return { make, icon, mark, bytes, load, body, letter, matching, readFilter, writeFilter, typing, remember,
    bodies, images, index: null };
})();

// What the data files call.
const mailbatchBody = (number, data) => gallery.bodies.set(number, data);
const mailbatchImage = (digest, uri) => gallery.images.set(digest, uri);
const mailbatchIndex = (data) => { gallery.index = data; };
