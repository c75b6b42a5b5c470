/* The start page: finds and sorts models, computes what a request costs, shows the bought key. */
"use strict";
(() => {
  const SHOWN = matchMedia("(max-width: 44rem)").matches ? 8 : 20;
  const PER_MSAT = 10n ** 12n;
  const $ = (selector) => document.querySelector(selector);

  function prices() {
    const table = $("#price-rows");
    if (!table) return;
    const rows = [...table.rows];
    const all = $("#all-models");
    let every = rows.length <= SHOWN;

    function show() {
      const wanted = $("#find-model").value.trim().toLowerCase().split(/\s+/);
      const by = $("#sort-models").value;
      const compare = by === "name"
        ? (a, b) => a.dataset.name.localeCompare(b.dataset.name)
        : (a, b) => (Number(a.dataset[by]) - Number(b.dataset[by])) * (by === "context" ? -1 : 1);
      const fit = rows.filter((row) => wanted.every((word) => row.dataset.name.includes(word)));
      fit.sort((a, b) => Number(b.dataset.words) - Number(a.dataset.words) || compare(a, b));
      const few = every || $("#find-model").value.trim() ? fit : fit.slice(0, SHOWN);
      for (const row of rows) row.hidden = true;
      for (const row of few) row.hidden = false;
      table.append(...fit);
      $("#no-models").hidden = fit.length > 0;
      $("#model-count").textContent = Client.say("count", { shown: Client.number(few.length), all: Client.number(rows.length) });
      all.hidden = few.length === fit.length;
    }

    $("#find-model").addEventListener("input", show);
    $("#sort-models").addEventListener("change", show);
    all.addEventListener("click", () => { every = true; show(); });
    $("#price-tools").hidden = false;
    show();
  }

  function calculator() {
    const form = $("#calculator");
    if (!form) return;
    const count = (name) => {
      const given = form.elements[name].value.trim();
      return /^\d{1,8}$/.test(given) ? BigInt(given) : null;
    };

    function compute() {
      const model = form.elements.model.selectedOptions[0];
      const [input, output] = [count("input"), count("output")];
      for (const slot of document.querySelectorAll("[data-model]")) slot.textContent = model.value;
      if (input === null || output === null) return;
      // as the node charges: whole msat, rounded up once
      const exact = BigInt(model.dataset.prompt) * input + BigInt(model.dataset.completion) * output + BigInt(model.dataset.request);
      const msat = Number((exact + PER_MSAT - 1n) / PER_MSAT);
      $("#cost-sat").textContent = Client.sat(msat);
      const rate = Number(form.dataset.usdPerBtc);
      if ($("#cost-usd") && rate) $("#cost-usd").textContent = Client.usd(msat * rate / 1e11);
    }
    form.addEventListener("input", compute);
    form.addEventListener("submit", (event) => { event.preventDefault(); compute(); });
    form.querySelector("button").hidden = true;
    compute();
  }

  function showKey(key) {
    for (const slot of document.querySelectorAll("[data-key]")) slot.textContent = key;
  }

  function bought(event) {
    const { key, msats, change, purpose } = event.detail;
    if (purpose === "topup" || !key) { location.assign("/key"); return; }
    Client.keep(key);
    $("#bought").hidden = false;
    $("#new-key").textContent = key;
    $("#bought-amount").textContent = Client.sat(msats);
    $("#bought-change").hidden = !change;
    $("#change-token").textContent = change ?? "";
    showKey(key);
    $("#ways").hidden = true;
    $("#bought").focus();
    $("#bought").scrollIntoView({ block: "start" });
  }

  function snippets() {
    const tabs = [...document.querySelectorAll("[role=tab]")];
    function choose(tab, focus) {
      for (const one of tabs) {
        const chosen = one === tab;
        one.setAttribute("aria-selected", String(chosen));
        one.tabIndex = chosen ? 0 : -1;
        document.getElementById(one.getAttribute("aria-controls")).hidden = !chosen;
      }
      if (focus) tab.focus();
    }
    tabs.forEach((tab, index) => {
      tab.addEventListener("click", () => choose(tab, false));
      tab.addEventListener("keydown", (event) => {
        const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
        if (step) choose(tabs[(index + step + tabs.length) % tabs.length], true);
      });
    });
    $("#snippet-tabs").hidden = false;
    choose(tabs[0], false);
    for (const slot of document.querySelectorAll("[data-base]")) slot.textContent = location.origin;
    if (Client.key()) {
      showKey(Client.key());
      $("#have-key").hidden = false;
    }
  }

  function worth() {
    const amount = $("#f-amount");
    const told = $("#amount-worth");
    const rate = Number(told?.dataset.usdPerBtc);
    if (!rate) return;
    const show = () => { told.textContent = `≈ ${Client.usd((Number(amount.value) || 0) * rate / 1e8)}`; };
    amount.addEventListener("input", show);
    show();
  }

  document.addEventListener("routstr:paid", bought);
  prices();
  calculator();
  snippets();
  worth();
})();
