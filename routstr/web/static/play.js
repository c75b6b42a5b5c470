/* A chat that is paid for message by message, with this tab's key or with a token.
   A token is kept in this tab until its change has taken its place: nothing is forgotten in between. */
"use strict";
(() => {
  const $ = (selector) => document.querySelector(selector);
  const TOKEN = "routstr.play.token";  // what pays for the next message
  const SENT = "routstr.play.sent";  // a token that was sent, and whose change is not here yet
  const MORE = "routstr.play.more";  // further tokens of a change that took several
  const TRIES = 15;
  const PAUSE_MS = 2_000;
  const wait = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });
  const keep = (place, text) => (text ? sessionStorage.setItem(place, text) : sessionStorage.removeItem(place));
  const token = () => sessionStorage.getItem(TOKEN);
  const sent = () => sessionStorage.getItem(SENT);
  const kept = () => [token(), sessionStorage.getItem(MORE)].filter(Boolean).join("\n");
  const amount = (msat) => `${Client.sat(msat)} sat`;
  const talk = [];
  let leaving = null;
  let choosing = false;

  function left(msat) { $("#left").textContent = msat === null ? Client.say("unknown") : amount(msat); }

  function draw() {
    const held = token() ?? sent();
    const paying = !choosing && Boolean(held || Client.key());
    $("#pay").hidden = paying;
    $("#paying").hidden = !paying;
    $("#say").hidden = !paying || !$("#f-model").options.length;
    $("#payer").textContent = held ? Client.say("with_token") : Client.say("with_key");
    $("#rest").hidden = !kept();
    $("#token-now").textContent = kept();
    $("#keep").hidden = !choosing || !held;
    $("#keep-token").textContent = kept() || sent();
    $("#claim").hidden = !sent() || Boolean(leaving);
    $("#send").disabled = Boolean(sent() || leaving);
    $("#stop").hidden = !leaving;
    $("#anew").hidden = talk.length === 0 || Boolean(leaving);
    $("#other").disabled = Boolean(leaving);
  }

  async function balance() {
    if (token() || sent() || !Client.key()) return;
    left((await Client.call("GET", "/v1/balance/info", { key: Client.key() })).balance);
  }

  /** Ask for the change of a token whose answer was not heard to its end. */
  async function claim() {
    const text = $("#claim-text");
    text.textContent = Client.say("claiming");
    draw();
    for (let tries = 0; sent() && tries < TRIES; tries += 1) {
      try {
        const given = await Client.call("POST", "/v1/balance/refund", { headers: { "X-Cashu": sent() } });
        if (given.pending_msats) { await wait(PAUSE_MS); continue; }
        settle(given.token ?? null);
        keep(MORE, given.tokens.slice(1).map((one) => one.token).join("\n"));
        left(given.msats ? Number(given.msats) : given.sats ? Number(given.sats) * 1000 : null);
      } catch (problem) {
        if (problem.code === "refund_not_found") settle(sent());  // it never came there: it is whole
        else if (["no_balance", "refund_swept", "balance_too_small"].includes(problem.code)) settle(null);
        else if (!problem.open) { text.textContent = problem.message; break; }
      }
      if (sent()) await wait(PAUSE_MS);
    }
    if (sent() && text.textContent === Client.say("claiming")) text.textContent = Client.say("not_claimed");
    draw();
  }

  function settle(change) { keep(TOKEN, change); keep(SENT, null); }

  function say(who, text) {
    const made = Client.piece("said", { who, words: text });
    $("#talk").append(made);
    made.scrollIntoView({ block: "nearest" });
    return { root: made, words: made.querySelector("[data-slot=words]"), cost: made.querySelector("[data-slot=cost]") };
  }

  /** The events of an answer, as they come. */
  async function* events(answer) {
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      const lines = (rest + value).split(/\r?\n/);
      rest = lines.pop();
      for (const line of lines) {
        if (line.startsWith("data:") && !line.includes("[DONE]")) yield JSON.parse(line.slice(5));
      }
    }
  }

  function paid(money, place) {
    const change = money.change ?? null;
    const rest = sent() ? money.change_msats ?? 0 : money.remaining_balance_msats;
    if (sent() && !money.change_pending) settle(change);
    left(rest ?? null);
    return Client.say("cost_left", { cost: amount(place), left: amount(rest ?? 0) });
  }

  async function ask(model, answerPlace) {
    const headers = { Accept: "text/event-stream, application/json", "X-Routstr-Fit-Balance": "1" };
    const paying = token();
    if (paying) { headers["X-Cashu"] = paying; keep(SENT, paying); keep(TOKEN, null); }
    let text = "";
    try {
      const answer = await Client.ask("POST", "/v1/chat/completions", {
        key: paying ? undefined : Client.key(), headers, signal: leaving.signal,
        body: { model, messages: talk, stream: true },
      });
      for await (const event of events(answer)) {
        if (event.error) throw new Client.Problem(event.error.code, event.error.message, 502);
        text += event.choices?.[0]?.delta?.content ?? "";
        answerPlace.words.textContent = text;
        const money = event.metadata?.routstr;
        if (money) answerPlace.cost.textContent = paid(money, event.usage?.cost?.total_msats ?? money.cost?.total_msats ?? 0);
      }
    } catch (problem) {
      const back = problem.headers?.get("x-cashu");
      if (sent() && back) settle(back);
      else if (sent() && ["cashu_token_already_spent", "cashu_token_zero_value", "invalid_cashu_token"].includes(problem.code)) settle(null);
      else if (sent() && problem.status === 402) settle(sent());  // refused before it was redeemed
      if (leaving.signal.aborted) answerPlace.cost.textContent = Client.say("stopped");
      else { answerPlace.cost.textContent = Client.say(text ? "cut" : "nothing_charged"); throw problem; }
    } finally {
      if (text) talk.push({ role: "assistant", content: text }); else talk.pop();
    }
    if (!text && !leaving.signal.aborted) answerPlace.words.textContent = Client.say("no_answer");
  }

  async function send(form) {
    const model = form.elements.model.value;
    const message = form.elements.message.value.trim();
    if (!message) return;
    const mine = say(form.dataset.me ?? "", message);
    mine.root.classList.add("mine");
    talk.push({ role: "user", content: message });
    const place = say(form.elements.model.selectedOptions[0].textContent, "");
    form.elements.message.value = "";
    leaving = new AbortController();
    draw();
    Client.tell(form, null);
    try {
      await ask(model, place);
    } catch (problem) {
      if (!place.words.textContent) { place.root.remove(); mine.root.remove(); form.elements.message.value = message; }
      Client.tell(form, problem);
    } finally {
      leaving = null;
      draw();
    }
    if (sent()) await claim(); else await balance().catch(() => {});
    draw();
    if (!token() && !sent() && !Client.key()) { choosing = false; Client.tell($("#pay"), new Client.Problem("spent_up", Client.say("spent_up"), 402)); }
    (form.hidden ? $("#f-credential") : form.elements.message).focus();
  }

  Client.onSubmit($("#pay"), async (given) => {
    const text = given.get("credential").trim().replace(/^cashu:(?=cashu)/i, "");
    if (/^cashu[AB]/.test(text)) {
      settle(text);
      left(null);
    } else if (/^sk-/.test(text)) {
      const info = await Client.call("GET", "/v1/balance/info", { key: text });
      Client.keep(text);
      settle(null);
      left(info.balance);
    } else {
      throw new Client.Problem("neither", Client.say("neither"), 400);
    }
    keep(MORE, null);
    $("#pay").reset();
    choosing = false;
    draw();
    $("#f-message").focus();
  });
  $("#say").addEventListener("submit", (event) => { event.preventDefault(); if (!leaving && !sent()) send(event.target); });
  $("#f-message").addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) { event.preventDefault(); $("#say").requestSubmit(); }
  });
  $("#stop").addEventListener("click", () => leaving?.abort());
  $("#other").addEventListener("click", () => { choosing = true; draw(); $("#f-credential").focus(); });
  $("#anew").addEventListener("click", () => { talk.length = 0; $("#talk").replaceChildren(); draw(); $("#f-message").focus(); });
  $("#claim-again").addEventListener("click", claim);

  draw();
  if (sent()) claim(); else if (!token()) balance().catch((problem) => { if (problem.status === 401) { choosing = true; draw(); } }); else left(null);
})();
