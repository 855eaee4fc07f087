"use strict";
const password = document.getElementById("password");
const hint = document.getElementById("caps-lock");

if (password) {
  const toggle = document.createElement("button");
  toggle.type = "button";
  const show = (shown) => {
    password.type = shown ? "text" : "password";
    toggle.textContent = shown ? "Hide" : "Show";
    toggle.setAttribute("aria-label", shown ? "Hide password" : "Show password");
  };
  show(false);
  toggle.addEventListener("click", () => show(password.type === "password"));
  password.after(toggle);
  password.form.addEventListener("submit", () => show(false));

  for (const type of ["keydown", "keyup"]) {
    password.addEventListener(type, (event) => {
      const on = event.getModifierState?.("CapsLock");
      hint.textContent = on ? "Caps lock is on." : "";
    });
  }
  password.addEventListener("blur", () => { hint.textContent = ""; });
}
