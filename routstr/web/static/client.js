/* What the clients' pages share: asking the API, words, amounts, codes to scan, what goes wrong.
   The key is kept in this tab (sessionStorage) and goes nowhere but into the Authorization header. */
"use strict";
const Client = (() => {
  const KEY = "routstr.key";
  const language = document.documentElement.lang;
  const words = new Map();
  for (const one of document.querySelectorAll("#words [data-word]")) words.set(one.dataset.word, one.textContent);

  /** A text of the catalogue; `{name}` is filled in. */
  function say(name, values = {}) {
    return (words.get(name) ?? name).replace(/\{(\w+)\}/g, (whole, key) => values[key] ?? whole);
  }

  function number(value, least = 0, most = least) {
    return new Intl.NumberFormat(language, {
      minimumFractionDigits: least, maximumFractionDigits: most, useGrouping: "always",
    }).format(value);
  }

  /** An amount in msat, written in sat: whole where it is whole. */
  function sat(msat) {
    return Number(msat) % 1000 === 0 ? number(Number(msat) / 1000) : number(Number(msat) / 1000, 3);
  }

  function usd(value) {
    const most = value === 0 || value >= 1 ? 2 : Math.min(8, 2 - Math.floor(Math.log10(value)));
    return `$${number(value, 2, Math.max(2, most))}`;
  }

  function moment(seconds) {
    return new Date(seconds * 1000).toLocaleString(language, { dateStyle: "medium", timeStyle: "short" });
  }

  class Problem extends Error {
    constructor(code, message, status, headers = null) {
      super(words.get(`error_${code}`) ?? message);
      this.code = code;
      this.status = status;
      this.headers = headers;
    }

    /** Whether the same call may do something else later: its operation is not over. */
    get open() { return this.code !== "idempotency_key_reused" && (this.status === 0 || this.status >= 500 || [408, 409, 425, 429].includes(this.status)); }
  }

  async function ask(method, path, { key, body, operation, headers: more, signal } = {}) {
    const headers = { Accept: "application/json, text/csv", ...more };
    if (key) headers.Authorization = `Bearer ${key}`;
    if (body) headers["Content-Type"] = "application/json";
    if (operation) headers["Idempotency-Key"] = operation;
    let answer;
    try {
      answer = await fetch(path, {
        method, headers, body: body && JSON.stringify(body), credentials: "omit", cache: "no-store", signal,
      });
    } catch {
      throw new Problem("offline", "", 0);
    }
    if (answer.ok) return answer;
    const told = await answer.json().catch(() => ({}));
    const error = told.error ?? told.detail?.error ?? {};
    const message = error.message ?? (typeof told.detail === "string" ? told.detail : say("error"));
    throw new Problem(error.code ?? String(answer.status), message, answer.status, answer.headers);
  }

  /** Ask the API; the answer's JSON, or a Problem is thrown. */
  const call = async (method, path, options) => (await ask(method, path, options)).json();

  function random() {
    const bytes = crypto.getRandomValues(new Uint8Array(24));
    return Array.from(bytes, (one) => one.toString(16).padStart(2, "0")).join("");
  }

  /** Do what `work(operation)` does once, however often it is begun: a name is kept until it ended. */
  async function once(name, work) {
    const place = `routstr.operation.${name}`;
    const begun = sessionStorage.getItem(place);
    const operation = begun ?? random();
    sessionStorage.setItem(place, operation);
    try {
      const done = await work(operation);
      sessionStorage.removeItem(place);
      return done;
    } catch (problem) {
      if (!(problem instanceof Problem) || !problem.open) sessionStorage.removeItem(place);
      // what was begun was another wish: this one is a new operation
      if (begun && problem.code === "idempotency_key_reused") return once(name, work);
      throw problem;
    }
  }

  /** Show what went wrong beside what was tried; nothing: it is well. */
  function tell(root, problem) {
    const notice = root.querySelector("[data-problem]");
    if (problem && !(problem instanceof Problem)) console.error(problem);
    notice.hidden = !problem;
    notice.textContent = problem ? (problem instanceof Problem ? problem.message : say("error")) : "";
  }

  /** Carry a form out: its button waits, what goes wrong is told inside of it. */
  function onSubmit(form, work) {
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      const buttons = form.querySelectorAll("button");
      if (form.getAttribute("aria-busy") === "true") return;
      form.setAttribute("aria-busy", "true");
      for (const button of buttons) button.disabled = true;
      tell(form, null);
      try {
        await work(new FormData(form), event);
      } catch (problem) {
        tell(form, problem);
      } finally {
        form.removeAttribute("aria-busy");
        for (const button of buttons) button.disabled = false;
      }
    });
  }

  /** A copy of a <template>; `values` by the names in data-slot. */
  function piece(id, values = {}) {
    const made = document.getElementById(id).content.firstElementChild.cloneNode(true);
    for (const slot of [made, ...made.querySelectorAll("[data-slot]")]) {
      const value = values[slot.dataset?.slot];
      if (value === undefined) continue;
      if (value instanceof Node) slot.replaceChildren(value); else slot.textContent = value;
    }
    return made;
  }

  const SVG = "http://www.w3.org/2000/svg";

  /** A code to scan, dark on light; null when the text does not fit into one. */
  function code(text, label) {
    const made = qrcode(0, "L");
    try {
      made.addData(text, /^[0-9A-Z $%*+\-./:]+$/.test(text) ? "Alphanumeric" : "Byte");
      made.make();
    } catch {
      return null;
    }
    const size = made.getModuleCount();
    let path = "";
    for (let y = 0; y < size; y += 1) {
      for (let x = 0; x < size; x += 1) if (made.isDark(y, x)) path += `M${x + 4} ${y + 4}h1v1h-1z`;
    }
    const picture = document.createElementNS(SVG, "svg");
    picture.setAttribute("viewBox", `0 0 ${size + 8} ${size + 8}`);
    picture.setAttribute("shape-rendering", "crispEdges");
    picture.setAttribute("role", "img");
    picture.setAttribute("aria-label", label);
    const ink = document.createElementNS(SVG, "path");
    ink.setAttribute("d", path);
    ink.setAttribute("fill", "#000");
    picture.append(ink);
    return picture;
  }

  const key = () => sessionStorage.getItem(KEY);
  const keep = (value) => (value ? sessionStorage.setItem(KEY, value) : sessionStorage.removeItem(KEY));

  return { ask, call, code, keep, key, moment, number, onSubmit, once, piece, random, sat, say, tell, usd, Problem };
})();
