{
  const list = document.getElementById("recovery-codes");
  const button = (label, act) => {
    const made = document.createElement("button");
    made.type = "button";
    made.className = "quiet";
    made.textContent = label;
    made.addEventListener("click", () => act(made));
    return made;
  };
  if (list) {
    const codes = [...list.querySelectorAll("code")].map((code) => code.textContent);
    const tools = document.createElement("div");
    tools.className = "tools";
    const said = document.createElement("p");
    said.className = "hint";
    said.setAttribute("role", "status");
    // Only where the browser lets a page write to the clipboard: not over plain http.
    if (navigator.clipboard) {
      tools.append(button("Copy", () => {
        navigator.clipboard.writeText(codes.join("\n") + "\n").then(
          () => { said.textContent = "Copied."; },
          () => { said.textContent = "The browser did not allow it. Select the codes and copy them."; },
        );
      }));
    }
    tools.append(button("Print", () => window.print()));
    list.after(tools, said);
  }
}
