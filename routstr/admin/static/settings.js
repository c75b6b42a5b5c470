/* Finds settings while one types, and marks those that were changed and are not saved. */
(() => {
  "use strict";
  const search = document.getElementById("settings-search");
  const box = document.querySelector(".settings-search");
  let sent = false;
  const none = document.getElementById("settings-none");

  function find() {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    let found = 0;
    for (const group of document.querySelectorAll(".settings-group")) {
      let inside = 0, fixed = 0;
      for (const one of group.querySelectorAll("[data-words]")) {
        one.hidden = !words.every((word) => one.dataset.words.includes(word));
        if (one.hidden) continue;
        inside += 1;
        if (one.matches(".setting-fixed")) fixed += 1;
      }
      const rest = group.querySelector(".settings-fixed");
      if (rest) rest.hidden = fixed === 0;
      const save = group.querySelector(".settings-save");
      if (save) save.hidden = inside === fixed;
      group.hidden = inside === 0;
      if (words.length > 0) {
        group.dataset.before ??= String(group.open);
        group.open = inside > 0;
      } else if (group.dataset.before) {
        group.open = group.dataset.before === "true";
        delete group.dataset.before;
      }
      found += inside;
    }
    none.hidden = found > 0;
  }

  function mark(group) {
    for (const row of group.querySelectorAll(".setting")) {
      const input = row.querySelector("[name]:not([type=hidden], button)");
      const was = row.querySelector("[name^=was-]");
      if (!input || !was) continue;
      const now = input.type === "checkbox" ? String(input.checked) : input.value;
      row.classList.toggle("changed", now.trim() !== was.value.replace(/\r/g, "").trim());
    }
    const save = group.querySelector(".save");
    if (save) save.disabled = !group.querySelector(".changed");
  }

  const markAll = () => document.querySelectorAll(".settings-group").forEach(mark);
  box.hidden = false;
  search.addEventListener("input", find);
  document.addEventListener("input", (event) => {
    const group = event.target.closest(".settings-group");
    if (group) mark(group);
  });
  document.addEventListener("htmx:load", () => { sent = false; markAll(); find(); });
  // what is sent is not lost
  document.addEventListener("submit", () => { sent = true; });
  window.addEventListener("beforeunload", (event) => {
    if (!sent && document.querySelector(".setting.changed")) event.preventDefault();
  });
  markAll();
})();
