// What pages gain with script. Each works without.
"use strict";

// `/` goes to the search of the page, or to the first field of its filter.
document.addEventListener("keydown", (event) => {
  const isTyping = event.target.closest("input, textarea, select, [contenteditable]");
  const search = document.querySelector("main input[type=search], main .filters input:not([type=hidden])");
  if (event.key === "/" && !isTyping && search && !event.ctrlKey && !event.metaKey && !event.altKey) {
    event.preventDefault();
    search.focus();
    search.select();
  }
  // Escape closes an open menu and returns to its button.
  if (event.key === "Escape") {
    const open = event.target.closest("details.actions[open]");
    if (open) {
      open.open = false;
      open.querySelector("summary").focus();
    } else if (location.hash === "#navigation") {
      location.hash = "menu";
    }
  }
});

// One open menu at a time; a click elsewhere closes it.
document.addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll("details.actions[open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});

// Check boxes that stand for a set of others: `data-all` is the name of the set, `data-in` of a
// check box the sets that it is in. The counts of a set follow.
const update = (form) => {
  for (const all of form.querySelectorAll("input[data-all]")) {
    const members = [...form.querySelectorAll(`input[data-in~="${all.dataset.all}"]:not(:disabled)`)];
    const checked = members.filter((member) => member.checked).length;
    all.checked = checked > 0 && checked === members.length;
    all.indeterminate = checked > 0 && checked < members.length;
    for (const count of form.querySelectorAll(`[data-count="${all.dataset.all}"]`)) {
      count.textContent = checked;
    }
  }
};

document.addEventListener("change", (event) => {
  const { target } = event;
  if (!target.matches("input[type=checkbox]") || !target.form) return;
  if (target.dataset.all) {
    const members = `input[data-in~="${target.dataset.all}"]:not(:disabled)`;
    for (const member of target.form.querySelectorAll(members)) member.checked = target.checked;
  }
  update(target.form);
});

// Buttons that copy the text of an element. Hidden without script.
const copies = (within) => {
  for (const button of within.querySelectorAll("button[data-copies]")) {
    button.hidden = false;
    button.onclick = async () => {
      const from = document.getElementById(button.dataset.copies);
      await navigator.clipboard.writeText("value" in from ? from.value : from.textContent);
      const words = button.textContent;
      button.textContent = button.dataset.copied;
      setTimeout(() => { button.textContent = words; }, 2000);
    };
  }
};

// Buttons that search for what is typed into a field. Without script they send the form, of which
// passwords are not shown again. Enter in any field presses them too: with nothing to search for, the
// form is sent.
document.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-finds]");
  const field = button && document.getElementById(button.dataset.finds);
  if (!field?.value) return;
  event.preventDefault();
  htmx.trigger(field, "find");
});

// Check boxes that show what is typed into a password field. Hidden without script.
const shows = (within) => {
  for (const box of within.querySelectorAll("input[data-shows]")) {
    const field = document.getElementById(box.dataset.shows);
    box.closest("label").hidden = false;
    box.onchange = () => { field.type = box.checked ? "text" : "password"; };
    field.form.addEventListener("submit", () => { field.type = "password"; });
  }
};

const start = (within) => {
  for (const form of within.querySelectorAll("form")) update(form);
  copies(within);
  shows(within);
};
start(document);
document.addEventListener("htmx:load", (event) => start(event.detail.elt));

// Requests that a script makes by itself do not keep a session alive; when it has ended, the page
// says so.
document.addEventListener("htmx:configRequest", (event) => {
  if (!event.detail.elt.closest("[data-live]")) return;
  event.detail.headers["Portcullis-Live"] = "1";
  if (document.hidden) event.preventDefault();
});
document.addEventListener("htmx:beforeSwap", (event) => {
  const { xhr } = event.detail;
  if (xhr.responseURL && new URL(xhr.responseURL).pathname === "/sign-in") {
    event.detail.shouldSwap = false;
    location.reload();
  }
});

// What had the focus when its part of the page was replaced has it again: the link with the same
// address, or the field or button with the same name. Elements with an id are looked after by htmx.
const sameAs = (element) => {
  const names = ["href", "name", "value"].filter((name) => element.hasAttribute(name));
  const values = names.map((name) => `[${name}="${CSS.escape(element.getAttribute(name))}"]`);
  return element.localName + values.join("");
};
let focused = null;
document.addEventListener("htmx:beforeSwap", (event) => {
  const { activeElement: element } = document;
  const isReplaced = !element.id && element !== document.body && event.detail.target.contains(element);
  focused = isReplaced && { same: sameAs(element) };
  if (focused) focused.place = [...document.querySelectorAll(focused.same)].indexOf(element);
});
document.addEventListener("htmx:afterSwap", () => {
  if (!focused) return;
  document.querySelectorAll(focused.same)[focused.place]?.focus({ preventScroll: true });
  focused = null;
});

// The address of a list without the fields that were left empty.
document.addEventListener("submit", (event) => {
  if (!event.target.matches("form.filters")) return;
  for (const field of event.target.elements) {
    if (field.name && !field.value) field.disabled = true;
  }
});
addEventListener("pageshow", () => {
  for (const field of document.querySelectorAll("form.filters :disabled")) field.disabled = false;
});
