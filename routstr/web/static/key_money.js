/* Taking money back, and another secret for the key. */
"use strict";
const KeyMoney = (() => {
  const $ = (selector) => document.querySelector(selector);

  /** Show tokens, each with its code and a button that copies it. */
  function give(tokens, place) {
    for (const { title, note, token } of tokens) {
      const made = Client.piece("given", { title, note, token });
      made.querySelector("[data-copy-text]").dataset.copyText = token;
      place.append(made);
      Animated.show(made.querySelector("[data-slot=code]"), token, Client.say("token_code"));
    }
  }

  function refundToken() {
    Client.onSubmit($("#refund-token"), async () => {
      // the same token is told until it is redeemed: asking again loses nothing
      const told = await Client.call("POST", "/v1/balance/refund", { key: Client.key() });
      const place = $("#refunded");
      place.replaceChildren();
      place.hidden = false;
      const notes = [];
      if (told.mint_fee) notes.push(Client.say("fee_kept", { fee: KeyPage.amount(told.mint_fee) }));
      if (told.pending_msats) notes.push(Client.say("pending", { amount: KeyPage.amount(told.pending_msats) }));
      if (told.repeated) notes.push(Client.say("repeated"));
      const piece = (one, note) => ({
        title: Client.say("refunded", { amount: `${Client.number(one.amount)} ${one.unit}`, mint: one.mint }),
        note, token: one.token,
      });
      give(told.tokens.map((one) => piece(one, notes.join(" "))), place);
      // of before the last top-up: whoever never saw them sees them now
      give((told.earlier || []).map((one) => piece(one, Client.say("repeated"))), place);
      place.scrollIntoView({ block: "nearest" });
      KeyPage.soon();
    });
  }

  function refundLightning() {
    Client.onSubmit($("#refund-lightning"), async (fields) => {
      const address = fields.get("address").trim();
      if (!(await KeyPage.sure(Client.say("refund_confirm", { address })))) return;
      const told = await Client.once("refund", (operation) => Client.call("POST", "/v1/balance/refund", {
        key: Client.key(), body: { lightning_address: address }, operation,
      }));
      KeyPage.tell(Client.say("sent", {
        amount: KeyPage.amount(Number(told.msats)), address: told.recipient,
        fee: KeyPage.amount(told.lightning_fee + told.mint_fee),
      }));
      KeyPage.soon();
    });
  }

  function rotate() {
    Client.onSubmit($("#rotate"), async () => {
      if (!(await KeyPage.sure(Client.say("rotate_confirm")))) return;
      // an answer that got lost is told again to the same name, which outlives a reload
      const told = await Client.once("rotate", (operation) =>
        Client.call("POST", "/v1/balance/rotate", { key: Client.key(), operation }));
      Client.keep(told.api_key);
      $("#rotated-key").textContent = told.api_key;
      $("#rotated").hidden = false;
      $("#rotated").focus();
      await KeyPage.open();
    });
  }

  document.addEventListener("DOMContentLoaded", () => { refundToken(); refundLightning(); rotate(); });
  return { give };
})();
