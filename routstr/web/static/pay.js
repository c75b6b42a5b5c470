/* Paying in, over Lightning or with ecash: for a new key, or for the one that the page shows.
   Forms: [data-lightning] and [data-ecash]; who waits for the money listens to "routstr:paid". */
"use strict";
const Pay = (() => {
  const POLL_MS = 1500;
  const SCAN_MS = 100;
  const NOTHING_MORE = new Set(["expired", "cancelled", "reconciliation_required"]);
  const wait = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });

  function paid(root, detail) {
    root.dispatchEvent(new CustomEvent("routstr:paid", { bubbles: true, detail }));
  }

  /* An open invoice is remembered in this tab: whoever reloads it gets what was paid for. */
  function invoices(purpose) {
    const place = `routstr.invoice.${purpose}`;
    return {
      get: () => JSON.parse(sessionStorage.getItem(place) ?? "null"),
      set: (invoice) => sessionStorage.setItem(place, JSON.stringify(invoice)),
      clear: () => sessionStorage.removeItem(place),
    };
  }

  function lightning(root) {
    const { purpose } = root.dataset;
    const form = root.querySelector("form");
    const panel = root.querySelector("[data-invoice]");
    const part = (name) => panel.querySelector(`[data-${name}]`);
    const open = invoices(purpose);
    let shown = 0;  // counts what was shown: who waits for an older one stops

    const credential = () => (purpose === "topup" ? Client.key() : undefined);

    function leave() {
      shown += 1;
      open.clear();
      panel.hidden = true;
      form.hidden = false;
    }

    function show(invoice) {
      form.hidden = true;
      panel.hidden = false;
      part("amount").textContent = Client.sat(invoice.amount_sats * 1000);
      part("bolt11").textContent = invoice.bolt11;
      part("claim").textContent = invoice.invoice_id;
      part("wallet").href = `lightning:${invoice.bolt11}`;
      const code = Client.code(`LIGHTNING:${invoice.bolt11.toUpperCase()}`, Client.say("invoice_code"));
      part("qr").replaceChildren(...(code ? [code] : []));
      part("again").hidden = true;
      follow(invoice, ++shown);
    }

    async function follow(invoice, mine) {
      while (mine === shown) {
        const left = Math.max(0, invoice.expires_at - Date.now() / 1000);
        const clock = `${Math.floor(left / 60)}:${String(Math.floor(left % 60)).padStart(2, "0")}`;
        let state = null;
        try {
          state = await Client.call("GET", `/lightning/invoice/${invoice.invoice_id}/status`);
        } catch (problem) {
          if (mine !== shown) return;
          if (problem.status === 404) return end(Client.say("invoice_gone"));
          part("status").textContent = problem.message;
        }
        if (mine !== shown) return;
        if (state?.status === "paid") {
          leave();
          paid(root, { key: state.api_key, msats: state.amount_sats * 1000, purpose });
          return;
        }
        if (NOTHING_MORE.has(state?.status)) return end(Client.say(`invoice_${state.status}`));
        if (state?.status === "settlement_pending") part("status").textContent = Client.say("settling");
        else if (state) part("status").textContent = Client.say("waiting", { time: clock });
        await wait(POLL_MS);
      }
    }

    function end(told) {
      part("status").textContent = told;
      part("again").hidden = false;
      part("qr").replaceChildren();
      open.clear();
    }

    Client.onSubmit(form, async (fields) => {
      const body = { amount_sats: Number(fields.get("amount")), purpose };
      if (fields.get("mint")) body.mint = fields.get("mint");
      const invoice = await Client.once(`invoice.${purpose}`, (operation) =>
        Client.call("POST", "/lightning/invoice", { key: credential(), body, operation }));
      open.set(invoice);
      show(invoice);
    });
    for (const button of form.querySelectorAll("[data-sats]")) {
      button.addEventListener("click", () => {
        form.elements.amount.value = button.dataset.sats;
        form.elements.amount.dispatchEvent(new Event("input", { bubbles: true }));
      });
    }
    part("cancel").addEventListener("click", leave);
    part("again").addEventListener("click", leave);
    const claim = root.querySelector("[data-claim-form]");
    if (claim) {
      Client.onSubmit(claim, async (fields) => {
        const id = fields.get("claim").trim();
        const state = await Client.call("GET", `/lightning/invoice/${encodeURIComponent(id)}/status`);
        if (state.status === "paid") paid(root, { key: state.api_key, msats: state.amount_sats * 1000, purpose: state.purpose });
        else throw new Client.Problem("invoice_state", Client.say(`invoice_${state.status}`), 400);
        claim.reset();
      });
    }
    const left = open.get();
    if (left && (purpose === "create" || Client.key())) show(left);
  }

  function ecash(root) {
    const { purpose } = root.dataset;
    const form = root.querySelector("form");
    const field = form.elements.token;
    Client.onSubmit(form, async () => {
      const token = field.value.trim().replace(/^(web\+)?cashu:(\/\/)?/i, "");
      if (purpose === "topup") {
        const body = { cashu_token: token };
        const done = await Client.once("topup", (operation) =>
          Client.call("POST", "/v1/balance/topup", { key: Client.key(), body, operation }));
        field.value = "";
        paid(root, { key: null, msats: done.msats, fee: done.mint_fee, change: done.change, purpose });
      } else {
        // the same token makes the same key: there is nothing to be lost by asking again
        const body = { initial_balance_token: token };
        const done = await Client.call("POST", "/v1/balance/create", { body });
        field.value = "";
        paid(root, { key: done.api_key, msats: done.credited ?? done.balance, fee: done.mint_fee, change: done.change, purpose });
      }
    });
    const scan = root.querySelector("[data-scan]");
    if ("BarcodeDetector" in window && navigator.mediaDevices?.getUserMedia) {
      scan.hidden = false;
      scan.addEventListener("click", () => scanned(root, (text) => { field.value = text; form.requestSubmit(); }));
    }
  }

  /** Look through the camera until it sees a token, or the dialog is closed. */
  async function scanned(root, found) {
    const dialog = root.querySelector("dialog");
    const video = dialog.querySelector("video");
    let stream;
    try {
      stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
    } catch {
      Client.tell(root.querySelector("form"), new Client.Problem("no_camera", "", 400));
      return;
    }
    video.srcObject = stream;
    dialog.showModal();
    await video.play();
    const reader = Animated.reader();
    const progress = dialog.querySelector("[data-progress]");
    progress.textContent = "";
    const detector = new window.BarcodeDetector({ formats: ["qr_code"] });
    let text = null;
    while (dialog.open && text === null) {
      const codes = await detector.detect(video).catch(() => []);
      const read = codes.map((one) => reader.take(one.rawValue) ?? one.rawValue);
      text = read.find((one) => /^((web\+)?cashu:(\/\/)?)?cashu[AB]/i.test(one)) ?? null;
      const { have, count } = reader.progress();
      if (count) progress.textContent = Client.say("scan_parts", { have, count });
      await wait(SCAN_MS);
    }
    for (const track of stream.getTracks()) track.stop();
    video.srcObject = null;
    dialog.close();
    if (text !== null) found(text);
  }

  for (const root of document.querySelectorAll("[data-lightning]")) lightning(root);
  for (const root of document.querySelectorAll("[data-ecash]")) ecash(root);
  return { invoices };
})();
