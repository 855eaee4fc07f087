// Adds a button to show the password, and a hint while Caps Lock is on.
for (const box of document.querySelectorAll(".secret")) {
  const data = box.dataset;
  const input = box.querySelector("input");
  const toggle = document.createElement("button");
  toggle.type = "button";
  const show = (shown) => {
    input.type = shown ? "text" : "password";
    toggle.textContent = shown ? data.hide : data.show;
    toggle.setAttribute("aria-label", shown ? data.hidePassword : data.showPassword);
  };
  show(false);
  toggle.addEventListener("click", () => show(input.type === "password"));
  input.after(toggle);
  input.form.addEventListener("submit", () => show(false));

  const hint = document.createElement("p");
  hint.className = "hint";
  hint.setAttribute("role", "status");
  box.after(hint);
  for (const type of ["keydown", "keyup"]) {
    input.addEventListener(type, (event) => {
      hint.textContent = event.getModifierState?.("CapsLock") ? data.capsLock : "";
    });
  }
  input.addEventListener("blur", () => { hint.textContent = ""; });
}
