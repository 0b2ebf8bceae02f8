// Loads the page again when the gallery was made again: the server adds this to each page, no file has it.
"use strict";

(() => {
  const changes = new EventSource("/changes?seen=" + document.currentScript.dataset.number);
  changes.onmessage = () => location.reload();
  // A page that comes back from the history has missed what happened meanwhile.
  addEventListener("pagehide", () => changes.close());
  addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
})();
