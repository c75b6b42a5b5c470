/* What moved on a key: spending by day and model, the history, the child keys. */
"use strict";
const KeyLists = (() => {
  const $ = (selector) => document.querySelector(selector);
  const PAGE = 25;
  const before = [null];  // where the pages up to the shown one begin
  let next = null;

  function byModel(data) {
    const models = new Map();
    for (const one of data) {
      const name = one.model ?? Client.say("unknown_model");
      const sum = models.get(name) ?? { model: name, requests: 0, input: 0, output: 0, cost: 0 };
      sum.requests += one.requests;
      sum.input += one.input_tokens;
      sum.output += one.output_tokens;
      sum.cost += one.cost_msats;
      models.set(name, sum);
    }
    return [...models.values()].sort((a, b) => b.cost - a.cost);
  }

  /** Every day up to today, two weeks at least and three months at most: an idle day shows as one. */
  function days(data) {
    if (!data.length) return [];
    const day = 86_400_000;
    const last = Math.max(Date.parse(data[0].date), Math.floor(Date.now() / day) * day);
    const first = Math.max(Math.min(Date.parse(data.at(-1).date), last - 13 * day), last - 89 * day);
    return Array.from({ length: (last - first) / day + 1 }, (_, index) => first + index * day);
  }

  async function usage() {
    const told = await Client.call("GET", "/v1/balance/usage", { key: Client.key() });
    const models = byModel(told.data);
    const times = days(told.data);
    const places = new Map(times.map((time, index) => [time, index]));
    const values = times.map(() => 0);
    for (const one of told.data) {
      const place = places.get(Date.parse(one.date));
      if (place !== undefined) values[place] += one.cost_msats / 1000;
    }
    $("#usage-chart").dispatchEvent(new CustomEvent("chart:draw", {
      bubbles: true,
      detail: { times, unit: "sat", series: [{ name: Client.say("kind_charge"), kind: "bars", values }] },
    }));
    $("#usage-table").hidden = !models.length;
    $("#usage-table tbody").replaceChildren(...models.map((one) => Client.piece("used", {
      model: one.model, requests: Client.number(one.requests), input: Client.number(one.input),
      output: Client.number(one.output), cost: `${Client.sat(one.cost)} sat`,
    })));
    $("#usage-note").textContent = told.complete ? "" : Client.say("newest", { count: Client.number(told.charges) });
  }

  function movement(one) {
    const known = `kind_${one.kind}`;
    const word = Client.say(known);
    const row = Client.piece("movement", {
      when: Client.moment(one.created_at),
      what: word === known ? one.description : word,
      detail: one.model ?? (one.collected ? one.mint_url ?? "" : Client.say("not_collected")),
      amount: `${one.amount > 0 ? "+" : "−"}${Client.sat(Math.abs(one.amount))} sat`,
      after: one.balance_after === null ? "" : `${Client.sat(one.balance_after)} sat`,
    });
    row.querySelector("[data-slot=amount]").classList.add(one.amount > 0 ? "positive" : "plain-number");
    return row;
  }

  async function history() {
    const from = before.at(-1);
    const query = from === null ? "" : `&before=${from}`;
    const told = await Client.call("GET", `/v1/balance/history?limit=${PAGE}${query}`, { key: Client.key() });
    next = told.next_before;
    $("#history tbody").replaceChildren(...told.transactions.map(movement));
    $("#history").hidden = !told.transactions.length;
    $("#history-empty").hidden = told.transactions.length > 0;
    $("#newer").disabled = before.length === 1;
    $("#older").disabled = next === null;
  }

  const tried = (work) => work().then(
    () => Client.tell($("#history-problem"), null),
    (problem) => Client.tell($("#history-problem"), problem),
  );

  /** Read the lists again; who looks at older transfers goes on looking at them. */
  function again() {
    return tried(async () => { await Promise.all([usage(), before.length === 1 ? history() : null]); });
  }

  async function csv() {
    const answer = await Client.ask("GET", "/v1/balance/history.csv", { key: Client.key() });
    const link = document.createElement("a");
    link.href = URL.createObjectURL(await answer.blob());
    link.download = "history.csv";
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  }

  async function act(child, what) {
    if (what === "revoke" && !(await KeyPage.sure(Client.say("child_confirm", { name: child.name ?? child.id })))) return;
    const told = $("#children-problem");
    try {
      await Client.call("POST", `/v1/balance/child-key/${what}`, { key: Client.key(), body: { child_key: child.id } });
      Client.tell(told, null);
      await KeyPage.refresh();
    } catch (problem) {
      Client.tell(told, problem);
    }
  }

  function children(all) {
    $("#children").hidden = !all.length;
    $("#children tbody").replaceChildren(...all.map((child) => {
      const row = Client.piece("child", {
        name: child.name ?? "–", id: child.id, spent: KeyPage.amount(child.total_spent),
        requests: Client.say("requests", { count: Client.number(child.total_requests) }),
        limit: KeyPage.limit(child), expires: KeyPage.end(child.validity_date),
      });
      for (const button of row.querySelectorAll("[data-do]")) {
        if (button.dataset.do === "reset") button.hidden = child.balance_limit === null;
        button.addEventListener("click", () => act(child, button.dataset.do));
      }
      return row;
    }));
  }

  function make() {
    Client.onSubmit($("#make-children"), async (fields) => {
      const body = { count: Number(fields.get("count")) };
      if (fields.get("name").trim()) body.name = fields.get("name").trim();
      if (fields.get("limit")) body.balance_limit = Number(fields.get("limit")) * 1000;
      if (fields.get("limit") && fields.get("period")) body.balance_limit_reset = fields.get("period");
      if (fields.get("expires")) body.validity_date = KeyPage.seconds(fields.get("expires"));
      const told = await Client.once("children", (operation) =>
        Client.call("POST", "/v1/balance/child-key", { key: Client.key(), body, operation }));
      $("#new-children").hidden = false;
      $("#new-children").replaceChildren(...told.api_keys.map((key) => {
        const line = Client.piece("new-child", { key });
        line.querySelector("[data-copy-text]").dataset.copyText = key;
        return line;
      }));
      $("#make-children").reset();
      await KeyPage.refresh();
      await again();
    });
  }

  document.addEventListener("DOMContentLoaded", () => {
    $("#older").addEventListener("click", () => { before.push(next); tried(history); });
    $("#newer").addEventListener("click", () => { before.pop(); tried(history); });
    $("#csv").addEventListener("click", () => tried(csv));
    make();
  });
  return { again, children };
})();
