// Adds buttons to copy and print recovery codes, and to copy an access token.
for (const list of document.querySelectorAll(".codes")) {
  const data = list.dataset;
  const tools = document.createElement("div");
  tools.className = "tools";
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
      const codes = [...list.querySelectorAll("li")].map((code) => code.textContent);
      try {
        await navigator.clipboard.writeText(`${codes.join("\n")}\n`);
        hint.textContent = data.copied;
      } catch {
        hint.textContent = data.notCopied;
      }
    });
  }
  if (data.print) {
    add(data.print, () => window.print());
  }
  list.after(tools, hint);
}
