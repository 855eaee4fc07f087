// Recovery codes can be copied and printed.
for (const list of document.querySelectorAll(".codes")) {
  const said = list.dataset;
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
  // Over plain http, browsers let no page write to the clipboard.
  if (navigator.clipboard) {
    add(said.copy, async () => {
      const codes = [...list.querySelectorAll("li")].map((code) => code.textContent);
      try {
        await navigator.clipboard.writeText(`${codes.join("\n")}\n`);
        hint.textContent = said.copied;
      } catch {
        hint.textContent = said.notCopied;
      }
    });
  }
  add(said.print, () => window.print());
  list.after(tools, hint);
}
