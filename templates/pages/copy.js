// Adds buttons: to copy recovery codes, a new access token or the key for an app, and to print the
// codes.
for (const source of document.querySelectorAll("[data-copy]")) {
  const data = source.dataset;
  const hasTools = source.nextElementSibling?.matches(".tools");
  const tools = hasTools ? source.nextElementSibling : document.createElement("div");
  tools.classList.add("tools");
  const hint = document.createElement("p");
  hint.className = "hint";
  hint.setAttribute("role", "status");
  const add = (label, act) => {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "quiet";
    button.textContent = label;
    button.addEventListener("click", act);
    tools.append(button);
  };
  // Over plain http, browsers have no clipboard for pages.
  if (navigator.clipboard) {
    add(data.copy, async () => {
      const lines = [...source.querySelectorAll("li")].map((line) => `${line.textContent}\n`);
      // The key is shown in groups, which not every app accepts.
      const text = lines.join("") || source.textContent.replace(/\s/g, "");
      try {
        await navigator.clipboard.writeText(text);
        hint.textContent = data.copied;
      } catch {
        hint.textContent = data.notCopied;
      }
    });
  }
  if (data.print) {
    add(data.print, () => window.print());
  }
  if (!hasTools) {
    source.after(tools);
  }
  tools.after(hint);
}
