// Sends texts with every form of the page, as a browser does, and looks at the pages that come back.
// `corpus`, `password`, `first` and `known` are set by the test, and `done` is called at the end.
const faults = new Set();
const shown = new Set();
const typed = {};
const plain = (text) => text.replace(/[\0\ufffd\r\n]/g, "").trim();

// What of a text would run or is markup, and the texts with a number of the corpus.
const look = (page, place) => {
  for (const element of page.querySelectorAll("*")) {
    const { localName: name } = element;
    if (name === "script" && !element.src.startsWith(`${location.origin}/`)) faults.add(`${place}: ${name}`);
    for (const { name: attribute, value } of element.attributes) {
      const isScript = /^(href|src|action|formaction)$/.test(attribute) && /^\s*(javascript|data:text)/i.test(value);
      if (isScript || /^on|^data-injected|^style$|^srcdoc$/.test(attribute)) {
        faults.add(`${place}: <${name} ${attribute}=${value}>`);
      }
    }
    if (/^(input|textarea)$/.test(name) && element.type !== "hidden") shown.add(plain(element.value));
  }
  const nodes = document.createTreeWalker(page.body, NodeFilter.SHOW_TEXT);
  while (nodes.nextNode()) if (/inj\d/.test(nodes.currentNode.data)) shown.add(plain(nodes.currentNode.data));
};

const isText = (it) => it.name && !it.readOnly && it.autocomplete !== "one-time-code" && (it.localName === "textarea" ||
  it.localName === "input" && !/hidden|checkbox|radio|file|submit|password/.test(it.type));

const path = (form) => form.getAttribute("action") || location.pathname;

const load = async (address, request) => {
  const response = await fetch(address, request);
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  look(page, address);
  return page;
};

const send = (form, button, values) => {
  const data = new FormData(form, button);
  for (const [name, value] of values) data.set(name, value);
  for (const secret of form.querySelectorAll("[type=password]")) data.set(secret.name, password);
  // Fields may be called `method`, so the form's attributes are read.
  const body = form.getAttribute("enctype") ? data : new URLSearchParams(data);
  const isSent = form.getAttribute("method") === "post";
  return isSent ? load(path(form), { method: "POST", body }) : load(`${path(form)}?${body}`);
};

// A value that a field of this type takes.
const proper = (field, number) => ({
  email: `inj${number}z@x.example`, url: `https://x.example/inj${number}z`, date: "2031-01-31", number: "7",
})[field.type] ?? `inj${number}z`;

const tryOut = async (form, button, text) => {
  const place = path(form).replace(/[0-9a-f]{8}[0-9a-f-]*/g, "ID");
  const values = new Map();
  const fields = [...form.elements].filter(isText);
  for (const field of fields) {
    const number = first + Object.keys(typed).length;
    const value = text.replaceAll("{n}", `inj${number}z`);
    typed[number] = { field: `${place} ${field.name}`, type: field.type, value: plain(value) };
    values.set(field.name, value);
    const suggestions = field.list && field.getAttribute("hx-get");
    if (suggestions) await load(`${suggestions}?${new URLSearchParams([[field.name, value], ["q", value]])}`);
  }
  // What is refused is corrected, so that the other texts are taken.
  for (let attempt = 0; attempt < 3; attempt += 1) {
    let page = await send(form, button, values);
    const question = page.querySelector("[name=confirmed]")?.form;
    if (question) page = await send(question, question.querySelector("button"), []);
    const refused = fields.filter((it) => page.querySelector(`[name="${it.name}"][aria-invalid=true]`));
    if (refused.length === 0) return;
    for (const field of refused) values.set(field.name, proper(field, first + Object.keys(typed).length));
  }
};

const main = async () => {
  for (const ran of window.ran) faults.add(`${location.pathname}: ${ran}`);
  look(document, location.pathname);
  const tried = [];
  for (const form of document.forms) {
    const names = [...form.elements].filter(isText).map((it) => it.name);
    const buttons = [...form.querySelectorAll("button")].filter((it) => it.type === "submit" && !it.matches(".danger"));
    for (const button of names.length ? buttons : []) {
      const key = [path(form).replace(/[0-9a-f]{8}[0-9a-f-]*/g, "ID"), button.value, ...names].join(" ");
      if (known.includes(key) || tried.includes(key)) continue;
      tried.push(key);
      for (const text of corpus) await tryOut(form, button, text);
    }
  }
  return { faults: [...faults], shown: [...shown], typed, tried };
};
main().then(done, (error) => done({ faults: [String(error)], shown: [], typed, tried: [] }));
