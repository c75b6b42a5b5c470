/* Lists whose rows can be picked: one box picks them all. */
(() => {
  "use strict";
  const all = document.querySelector("[data-pick-all]");
  if (!all) return;
  const boxes = () => all.form.querySelectorAll('input[name^="pick-"]');
  all.hidden = false;
  all.addEventListener("change", () => { for (const box of boxes()) box.checked = all.checked; });
  all.form.addEventListener("change", (event) => {
    if (event.target !== all) all.checked = [...boxes()].every((box) => box.checked);
  });
})();
