/* Behaviour that pages share. Attributes ask for it:
   data-copy="#id" | data-copy-text="..."   copies, and says whether it worked
   data-open="#dialog" / data-close          opens and closes a <dialog>
   data-submit                               a <select> or checkbox that submits its form
   data-choice="value"                       who writes in it means the choice of that value beside it
   data-chart="/address"                     draws the JSON found there (see charts.js)
   data-series="n"                           shows n codes in turn; stands still where motion is not wanted
   data-time="ms"                            shows a moment in the visitor's own time zone */
(() => {
  "use strict";
  const $ = (selector) => document.querySelector(selector);

  async function copy(button) {
    const source = button.dataset.copy ? $(button.dataset.copy) : null;
    const text = source ? (source.value ?? source.textContent).trim() : button.dataset.copyText;
    const label = button.dataset.label ?? (button.dataset.label = button.textContent);
    let told = button.dataset.done;
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      // plain http: select it, so that a person can copy it
      told = button.dataset.failed;
      if (source?.select) source.select();
      else if (source) getSelection().selectAllChildren(source);
    }
    button.textContent = told;
    setTimeout(() => { button.textContent = label; }, 2000);
  }

  document.addEventListener("click", (event) => {
    const target = event.target.closest("[data-copy],[data-copy-text],[data-open],[data-close]");
    if (!target) return;
    if (target.dataset.open) $(target.dataset.open)?.showModal();
    else if ("close" in target.dataset) target.closest("dialog")?.close();
    else copy(target);
  });

  document.addEventListener("change", (event) => {
    const { target } = event;
    if (target.matches("[data-submit]")) target.form.requestSubmit();
    if (!target.matches("fieldset input[type=radio]")) return;
    const parts = target.closest("fieldset").querySelectorAll("details[data-choice]");
    for (const part of parts) if (part.dataset.choice === target.value) part.open = true;
  });

  document.addEventListener("input", (event) => {
    const part = event.target.closest("fieldset [data-choice]");
    if (!part || !event.target.value) return;
    const choices = part.closest("fieldset").querySelectorAll("input[type=radio]");
    for (const choice of choices) if (choice.value === part.dataset.choice) choice.checked = true;
  });

  // below what one sees of a page that comes back, a refusal would be missed
  const refusal = $("main form [role=alert]");
  if (refusal && refusal.getBoundingClientRect().bottom > innerHeight) refusal.scrollIntoView({ block: "center" });

  function localTimes(root) {
    for (const element of root.querySelectorAll("time[data-time]")) {
      const moment = new Date(Number(element.dataset.time));
      element.title = moment.toISOString();
      element.textContent = moment.toLocaleString(document.documentElement.lang, {
        dateStyle: "medium", timeStyle: element.dataset.seconds === undefined ? "short" : "medium",
      });
    }
  }
  // a wallet that scans reads the codes in any order, as long as each comes by now and then
  function showSeries(root) {
    for (const figure of root.querySelectorAll("[data-series]:not([data-shown])")) {
      figure.dataset.shown = "";
      const codes = [...figure.querySelector(".code").children];
      const [play, now] = ["play", "now"].map((name) => figure.querySelector(`[data-series-${name}]`));
      let at = 0, timer = null;
      const step = () => {
        if (!figure.isConnected) return clearInterval(timer);
        codes[at].hidden = true;
        at = (at + 1) % codes.length;
        codes[at].hidden = false;
        now.textContent = at + 1;
      };
      const run = (moves) => {
        clearInterval(timer);
        timer = moves ? setInterval(step, 250) : null;
        play.textContent = moves ? play.dataset.pause : play.dataset.play;
      };
      play.addEventListener("click", () => run(timer === null));
      figure.querySelector("[data-series-step]").addEventListener("click", () => { run(false); step(); });
      figure.querySelector("[data-series-tools]").hidden = false;
      run(!matchMedia("(prefers-reduced-motion: reduce)").matches);
    }
  }

  const prepare = (root) => { localTimes(root); showSeries(root); };
  document.addEventListener("DOMContentLoaded", () => prepare(document));
  document.addEventListener("htmx:load", (event) => prepare(event.detail.elt));
  document.addEventListener("htmx:beforeSwap", (event) => {
    // what an error says is shown where the answer would be
    const { xhr } = event.detail;
    if (xhr.status >= 400 && xhr.getResponseHeader("content-type")?.startsWith("text/html")) {
      event.detail.shouldSwap = true;
      event.detail.isError = false;
    }
  });
})();
