// Loads the page again when there is a difference to see: the server adds this to each page, no file has it.
"use strict";

(() => {
  const { number, page, stamp } = document.currentScript.dataset;
  const behind = document.getElementById("behind");
  const changes = new EventSource("/changes?" + new URLSearchParams({ seen: number, page, stamp }));
  changes.onmessage = (event) => {
    const told = JSON.parse(event.data);
    if (told.stamp !== stamp) { location.reload(); return; }
    behind.hidden = !told.behind;
    behind.textContent = told.behind;
  };
  // A page that comes back from the history has missed what happened meanwhile.
  addEventListener("pagehide", () => changes.close());
  addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
})();
