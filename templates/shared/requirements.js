// Marks which requirements a password meets while it is typed. The rules are those of
// credential/password.rs, which checks them when the form is sent.
for (const list of document.querySelectorAll(".requirements")) {
  const data = list.dataset;
  const input = document.getElementById(data.for);

  // As credential/folding.rs: ignores case, surrounding space and compatibility variants.
  const each = (text, change) => Array.from(text, change).join("");
  const caseless = (c) =>
    each(c.toLowerCase(), (l) => each(l.toUpperCase(), (u) => u.toLowerCase()));
  const fold = (text) =>
    each(text.normalize("NFKC"), caseless)
      .normalize("NFKC")
      .replace(/^\p{White_Space}+|\p{White_Space}+$/gu, "");

  const rules = {
    "length": (text) => {
      const characters = Array.from(text).length;
      return characters >= data.min && characters <= data.max;
    },
    "uppercase": (text) => /\p{Uppercase}/u.test(text),
    "lowercase": (text) => /\p{Lowercase}/u.test(text),
    "digit": (text) => /\p{Nd}/u.test(text),
    "symbol": (text) => /[^\p{Alphabetic}\p{N}\p{White_Space}\p{Cc}\p{M}]/u.test(text),
    "not-login": (text) => text !== "" && fold(text) !== fold(data.login),
    "not-email": (text) => text !== "" && fold(text) !== fold(data.email),
  };

  const update = () => {
    const text = input.value.normalize("NFC");
    for (const item of list.children) {
      const met = rules[item.dataset.rule](text);
      item.className = met ? "met" : item.className === "failed" ? "failed" : "";
      item.querySelector(".state").textContent = met ? data.met : data.missing;
    }
    // What was wrong with the password that was sent is no longer so.
    const good = Array.from(list.children).every((item) => item.className === "met");
    if (good && input.hasAttribute("aria-invalid")) {
      input.removeAttribute("aria-invalid");
      document.getElementById("problem")?.remove();
    }
  };
  input.addEventListener("input", update);
  update();
}
