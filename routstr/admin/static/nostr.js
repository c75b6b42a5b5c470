/* Signs the operator in with the key that an extension of the browser keeps (NIP-07, NIP-98). */
(() => {
  "use strict";
  const box = document.querySelector("[data-nostr-sign-in]");
  if (!box) return;
  const button = box.querySelector("button"), wrong = box.querySelector("[data-wrong]");
  const path = box.dataset.nostrSignIn;

  // extensions come a moment after the page
  let looks = 0;
  const timer = setInterval(() => {
    looks += 1;
    if (window.nostr) box.hidden = false;
    if (window.nostr || looks > 20) clearInterval(timer);
  }, 150);

  function header(event) {
    const bytes = new TextEncoder().encode(JSON.stringify(event));
    return "Nostr " + btoa(String.fromCharCode(...bytes));
  }

  button.addEventListener("click", async () => {
    button.disabled = true;
    wrong.hidden = true;
    try {
      const event = await window.nostr.signEvent({
        kind: 27235,
        created_at: Math.floor(Date.now() / 1000),
        tags: [["u", location.origin + path], ["method", "POST"]],
        content: "",
      });
      const answer = await fetch(path, { method: "POST", headers: { Authorization: header(event) } });
      if (answer.ok) {
        location.assign("/admin");
        return;
      }
    } catch {
      // told below: whoever declined knows why
    }
    wrong.hidden = false;
    button.disabled = false;
  });
})();
