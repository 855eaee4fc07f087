// Sends a form once all digits of its code are entered, if no other field is missing.
for (const input of document.querySelectorAll("input[data-send]")) {
  const form = input.form;
  const length = Number(input.dataset.send);
  let sent = false;
  form.addEventListener("submit", () => { sent = true; });
  // The page may come back from the browser's history.
  window.addEventListener("pageshow", () => { sent = false; });
  input.addEventListener("input", () => {
    const code = input.value.replace(/\s/g, "");
    if (!sent && code.length === length && /^[0-9]+$/.test(code) && form.checkValidity()) {
      form.requestSubmit();
    }
  });
}
