/* A key's page: opens it, shows what is on it as it changes, changes what it is called. */
"use strict";
const KeyPage = (() => {
  const $ = (selector) => document.querySelector(selector);
  const POLL_MS = 10_000;
  const RETRY_MS = 3_000;
  let info = null;
  let socket = null;
  let polling = 0;
  let waiting = 0;

  const amount = (msat) => `${Client.sat(msat)} sat`;

  function figure(id, text) {
    const place = $(`#${id}`);
    if (place.textContent === text) return;
    const first = place.textContent === "–";
    place.textContent = text;
    if (first) return;
    place.classList.remove("changed");
    void place.offsetWidth;  // so that the animation begins anew
    place.classList.add("changed");
  }

  function balance(told) {
    figure("balance", amount(told.balance));
    figure("reserved", amount(told.reserved));
    if (info?.is_child) return;  // the account's totals are its parent's
    figure("spent", amount(told.total_spent));
    figure("requests", Client.number(told.total_requests));
  }

  function limit(told) {
    if (told.balance_limit === null) return Client.say("no_limit");
    const each = Client.say(`limit_${told.balance_limit_reset ?? "ever"}`, { limit: amount(told.balance_limit) });
    return `${each} · ${Client.say("left_of", { left: amount(told.balance_limit_remaining) })}`;
  }

  const end = (seconds) => (seconds === null ? Client.say("never_ends") : Client.moment(seconds));

  /** A moment as <input type=datetime-local> wants it, in the visitor's time zone. */
  function local(seconds) {
    if (seconds === null) return "";
    const moment = new Date(seconds * 1000);
    return new Date(moment - moment.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
  }

  function show(told) {
    info = told;
    $("#about-id").textContent = told.id;
    $("#about-name").textContent = told.name ?? "–";
    $("#about-limit").textContent = limit(told);
    $("#about-expires").textContent = end(told.expires_at);
    $("#about-address").textContent = told.refund_lnurl ?? "–";
    $("#about-mint").textContent = told.mint;
    const form = $("#change");
    if (!form.contains(document.activeElement)) {
      form.elements.name.value = told.name ?? "";
      form.elements.expires.value = local(told.expires_at);
      form.elements.address.value = told.refund_lnurl ?? "";
    }
    for (const part of document.querySelectorAll("[data-owner]")) part.hidden = told.is_child;
    balance(told);
    if (told.is_child) {
      figure("spent", amount(told.total_spent));
      figure("requests", Client.number(told.total_requests));
      $("#about-id").textContent = `${told.id} · ${Client.say("child_of", { parent: told.parent_key_preview })}`;
    } else {
      KeyLists.children(told.child_keys ?? []);
    }
  }

  async function refresh() {
    show(await Client.call("GET", "/v1/balance/info", { key: Client.key() }));
  }

  /** Read everything again, soon: several changes are one. */
  function soon() {
    clearTimeout(waiting);
    waiting = setTimeout(() => { refresh().catch(() => {}); if (!info?.is_child) KeyLists.again(); }, 400);
  }

  function live(word, kind) {
    $("#live").textContent = Client.say(word);
    $("#live").className = `badge ${kind}`;
  }

  function poll(on) {
    clearInterval(polling);
    if (on) polling = setInterval(() => { refresh().catch(() => {}); }, POLL_MS);
  }

  function watch() {
    const mine = new WebSocket(`${location.origin.replace(/^http/, "ws")}/v1/balance/live`);
    let known = null;
    socket = mine;
    mine.addEventListener("open", () => mine.send(JSON.stringify({ api_key: Client.key() })));
    mine.addEventListener("message", (event) => {
      const told = JSON.parse(event.data);
      if (told.type !== "balance") return;
      live("live", "good");
      poll(false);
      balance(told);
      if (known !== null && known !== event.data) soon();
      known = event.data;
    });
    mine.addEventListener("close", () => {
      if (socket !== mine) return;
      live("not_live", "warn");
      poll(true);
      setTimeout(() => { if (socket === mine && Client.key()) watch(); }, RETRY_MS);
    });
  }

  function close() {
    const old = socket;
    socket = null;
    old?.close();
    poll(false);
  }

  async function open() {
    await refresh();
    $("#enter").hidden = true;
    $("#opened").hidden = false;
    $("#key-tools").hidden = false;
    live("not_live", "");
    if (!info.is_child) KeyLists.again();
    close();
    watch();
  }

  function forget() {
    close();
    // an invoice that is open is this key's: the next one must not see it
    sessionStorage.clear();
    location.reload();
  }

  function tell(text) {
    $("#told").textContent = text;
    $("#told").hidden = false;
    $("#told").focus();
  }

  /** Ask a person before what cannot be undone. */
  function sure(text) {
    const dialog = $("#sure");
    $("#sure-text").textContent = text;
    dialog.returnValue = "no";
    dialog.showModal();
    return new Promise((resolve) => {
      dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
    });
  }

  const seconds = (text) => (text ? Math.floor(new Date(text).getTime() / 1000) : null);

  function start() {
    Client.onSubmit($("#enter"), async (fields) => {
      Client.keep(fields.get("key").trim());
      try {
        await open();
      } catch (problem) {
        Client.keep(null);
        throw problem;
      }
      $("#enter").reset();
    });
    Client.onSubmit($("#change"), async (fields) => {
      const body = { name: fields.get("name").trim() || null, refund_lnurl: fields.get("address").trim() || null };
      const until = seconds(fields.get("expires"));
      if (local(info.expires_at) !== fields.get("expires")) body.validity_date = until;
      document.activeElement.blur();
      show(await Client.call("PATCH", "/v1/balance/info", { key: Client.key(), body }));
      tell(Client.say("saved"));
    });
    $("#forget").addEventListener("click", forget);
    document.addEventListener("routstr:paid", (event) => {
      const { msats, change } = event.detail;
      tell(Client.say("paid_in", { amount: amount(msats) }));
      if (change) KeyMoney.give([{ title: Client.say("paid_change"), note: "", token: change }], $("#top-up"));
      soon();
    });
    if (Client.key()) open().catch((problem) => { Client.keep(null); Client.tell($("#enter"), problem); });
  }

  document.addEventListener("DOMContentLoaded", start);
  return { amount, close, end, limit, open, refresh, seconds, soon, sure, tell };
})();
