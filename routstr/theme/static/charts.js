/* Draws <div class="chart" data-chart="/address">. The address answers
   {"times": [ms ...], "series": [{"name": "...", "values": [...], "kind": "line"|"bars"}], "unit": "sat"}.
   A script that has the same itself sends it to the element: an event "chart:draw" whose detail it is.
   Needs uplot.js before it. Colours are those of the page; a hidden table tells the same. */
(() => {
  "use strict";
  const COLOURS = ["--accent", "--good", "--focus", "--bad", "--warn", "--soft"];
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const drawn = new Map();

  function options(element, told) {
    const grid = { stroke: colour("--line"), width: 1 };
    const axis = { stroke: colour("--soft"), grid, ticks: grid, font: "12px system-ui" };
    const number = new Intl.NumberFormat(document.documentElement.lang, { notation: "compact", maximumSignificantDigits: 3 });
    const exact = new Intl.NumberFormat(document.documentElement.lang, { maximumFractionDigits: 3 });
    const shown = (_, value) => (value === null ? "–" : `${exact.format(value)} ${told.unit ?? ""}`);
    const series = told.series.map((one, index) => ({
      label: one.name,
      stroke: colour(COLOURS[index % COLOURS.length]),
      fill: one.kind === "bars" ? colour(COLOURS[index % COLOURS.length]) : undefined,
      paths: one.kind === "bars" ? uPlot.paths.bars({ size: [0.8, 40] }) : undefined,
      width: 2, points: { show: told.times.length < 40 && one.kind !== "bars" }, value: shown,
    }));
    return {
      width: element.clientWidth, height: Math.max(220, Math.min(360, element.clientWidth * 0.4)),
      axes: [axis, { ...axis, size: 56, values: (_, ticks) => ticks.map((tick) => number.format(tick)) }],
      series: [{}, ...series], cursor: { drag: { x: false, y: false } }, legend: { live: true },
    };
  }

  function table(told) {
    const text = document.createElement("table");
    text.className = "away";
    const day = new Intl.DateTimeFormat(document.documentElement.lang, { dateStyle: "short", timeStyle: "short" });
    text.createTHead().insertRow().append(...["", ...told.series.map((one) => one.name)].map((name) => {
      const cell = document.createElement("th"); cell.textContent = name; return cell;
    }));
    told.times.forEach((time, index) => {
      const row = text.insertRow();
      row.insertCell().textContent = day.format(time);
      for (const one of told.series) row.insertCell().textContent = one.values[index] ?? "";
    });
    return text;
  }

  async function draw(element) {
    const answer = await fetch(element.dataset.chart, { credentials: "same-origin" });
    if (!answer.ok) { element.textContent = element.dataset.failed ?? ""; return; }
    show(element, await answer.json());
  }

  function show(element, told) {
    drawn.get(element)?.destroy();
    drawn.delete(element);
    element.replaceChildren();
    if (!told.times.length) {
      const empty = document.createElement("p"); empty.className = "empty";
      empty.textContent = element.dataset.empty ?? ""; element.append(empty); return;
    }
    const data = [told.times.map((ms) => ms / 1000), ...told.series.map((one) => one.values)];
    drawn.set(element, new uPlot(options(element, told), data, element));
    element.append(table(told));
  }

  const sent = new Map();
  document.addEventListener("chart:draw", (event) => { sent.set(event.target, event.detail); show(event.target, event.detail); });

  const all = (root) => {
    for (const element of root.querySelectorAll("[data-chart]")) draw(element);
    for (const [element, told] of sent) if (root.contains(element)) show(element, told);
  };
  document.addEventListener("DOMContentLoaded", () => all(document));
  document.addEventListener("htmx:load", (event) => { if (event.detail.elt !== document.body) all(event.detail.elt.parentElement ?? document); });
  let waiting = 0;
  addEventListener("resize", () => { clearTimeout(waiting); waiting = setTimeout(() => all(document), 200); });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => all(document));
})();
