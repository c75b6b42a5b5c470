/* Draws <div class="chart" data-chart="/address">. The address answers
   {"times": [ms ...], "series": [{"name": "...", "values": [...], "kind": "line"|"bars"}], "unit": "sat"}.
   A script that has the same itself sends it to the element: an event "chart:draw" whose detail it is.
   Moments are told in the visitor's time; whole days and months are those of UTC, as they are counted.
   Needs uplot.js before it. Colours are those of the page; a hidden table tells the same. */
(() => {
  "use strict";
  const COLOURS = ["--accent", "--good", "--focus", "--bad", "--warn", "--soft"];
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const drawn = new Map();

  const DAY_MS = 86_400_000;

  /** How the points of time are told: each for itself, and those along the axis, `step` seconds apart. */
  function clock(times) {
    const days = times.every((ms) => ms % DAY_MS === 0);
    const months = days && times.every((ms) => new Date(ms).getUTCDate() === 1);
    const zone = days ? { timeZone: "UTC" } : {};
    const format = (how) => new Intl.DateTimeFormat(document.documentElement.lang, { ...zone, ...how });
    const date = format({ day: "numeric", month: "short" });
    const month = format({ month: "short", year: "2-digit" });
    const hour = format({ hour: "numeric", minute: "2-digit" });
    const whole = months ? format({ month: "long", year: "numeric" })
      : format(days ? { dateStyle: "medium" } : { dateStyle: "medium", timeStyle: "short" });
    return {
      days,
      one: (ms) => whole.format(ms),
      along: (ms, step) => {
        if (months || step >= 28 * DAY_MS / 1000) return month.format(ms);
        if (days || step >= DAY_MS / 1000) return date.format(ms);
        return new Date(ms).getHours() + new Date(ms).getMinutes() ? hour.format(ms) : date.format(ms);
      },
    };
  }

  function options(element, told) {
    const time = clock(told.times);
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
      tzDate: (seconds) => (time.days ? uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC") : new Date(seconds * 1000)),
      axes: [{ ...axis, space: 64, values: (_, ticks, axisIndex, space, step) => ticks.map((tick) => time.along(tick * 1000, step)) }, { ...axis, size: 56, values: (_, ticks) => ticks.map((tick) => number.format(tick)) }],
      series: [{ label: element.dataset.time, value: (_, tick) => (tick === null ? "–" : time.one(tick * 1000)) }, ...series], cursor: { drag: { x: false, y: false } }, legend: { live: true },
    };
  }

  function table(told) {
    const hidden = document.createElement("div");  // a table itself would not become small
    hidden.className = "away";
    const text = document.createElement("table");
    hidden.append(text);
    const when = clock(told.times);
    text.createTHead().insertRow().append(...["", ...told.series.map((one) => one.name)].map((name) => {
      const cell = document.createElement("th"); cell.textContent = name; return cell;
    }));
    told.times.forEach((time, index) => {
      const row = text.insertRow();
      row.insertCell().textContent = when.one(time);
      for (const one of told.series) row.insertCell().textContent = one.values[index] ?? "";
    });
    return hidden;
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
