// What stands at the right of a panel's title: a menu, enlarge, close; and dragging a panel by its title.

// A button and the list that it opens. `items()` are {text, act, checked, stays} each; null is a line.
class Menu {
  constructor(name, title, items) {
    this.items = items;
    this.button = toolButton("", title);
    this.button.setAttribute("aria-haspopup", "menu");
    this.list = document.createElement("div");
    this.list.className = "cortex-menu";
    this.list.popover = "auto";
    this.list.setAttribute("role", "menu");
    this.list.setAttribute("aria-label", name);
    this.button.popoverTargetElement = this.list;
    this.list.addEventListener("beforetoggle", (event) => {
      if (event.newState === "open") this.fill();
    });
    this.list.addEventListener("toggle", (event) => {
      this.button.setAttribute("aria-expanded", event.newState === "open");
      if (event.newState !== "open") return;
      this.place();
      this.list.querySelector("button")?.focus();
    });
    this.list.addEventListener("keydown", (event) => this.press(event));
  }

  get open() {
    return this.list.matches(":popover-open");
  }

  fill() {
    this.list.replaceChildren(...this.items().map((item) => (item ? this.entry(item) : document.createElement("hr"))));
  }

  refresh() {
    if (!this.open) return;
    const focused = [...this.list.children].indexOf(document.activeElement);
    this.fill();
    this.list.children[focused]?.focus();
  }

  entry({ text, act, checked, stays }) {
    const entry = document.createElement("button");
    entry.type = "button";
    entry.setAttribute("role", checked === undefined ? "menuitem" : "menuitemcheckbox");
    if (checked !== undefined) entry.setAttribute("aria-checked", checked);
    entry.textContent = text;
    entry.addEventListener("click", () => {
      if (!stays) this.list.hidePopover();
      act();
    });
    return entry;
  }

  place() {
    const [box, list] = [this.button.getBoundingClientRect(), this.list.getBoundingClientRect()];
    const left = Math.max(4, Math.min(box.right - list.width, window.innerWidth - list.width - 4));
    const below = box.bottom + 3 + list.height < window.innerHeight;
    this.list.style.left = `${left}px`;
    this.list.style.top = `${Math.max(4, below ? box.bottom + 3 : box.top - list.height - 3)}px`;
  }

  press(event) {
    const move = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    // What keys mean elsewhere on the bench, they do not mean in a menu.
    if (event.key !== "Tab") event.stopPropagation();
    if (!move) return;
    event.preventDefault();
    const entries = [...this.list.querySelectorAll("button")];
    const at = entries.indexOf(document.activeElement);
    entries[(at + move + entries.length) % entries.length].focus();
  }
}

function toolButton(text, title, act) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "cortex-tool";
  button.textContent = text;
  button.title = title;
  button.setAttribute("aria-label", title);
  if (act) button.addEventListener("click", act);
  return button;
}

const FILES = { png: "PNG picture", svg: "SVG picture", html: "HTML page", csv: "CSV table" };

class Tools {
  constructor(stage, panel) {
    this.stage = stage;
    this.panel = panel;
    const { title } = panel;
    this.menu = new Menu(`${title}: more`, `${title}: more`, () => this.items());
    this.menu.button.textContent = "⋮";
    this.larger = toolButton("", "", () => this.enlarge());
    const shut = toolButton("✕", `Close ${title}`, () => this.shut());
    this.bar = panel.add("div", "cortex-tools");
    this.bar.append(this.menu.button, this.menu.list, this.larger, shut);
    panel.root.prepend(this.bar);
    this.tell();
    this.dragging = null;
    this.handlers = { pointerdown: (event) => this.grasp(event) };
    this.header = null;
  }

  get name() {
    return this.panel.name;
  }

  items() {
    const { layout } = this.stage.store.values;
    const at = layout.indexOf(this.name);
    const ask = (format) => () => this.stage.send({ type: "export", panel: this.name, format });
    return [
      ...(this.stage.known.offline ? [] : [{ text: "Open in plotly", act: ask("plotly") }]),
      ...Object.entries(FILES).filter(([format]) => this.stage.known.files?.includes(format) ?? true).map(([format, what]) => ({ text: `Save as ${what}`, act: ask(format) })),
      null,
      ...(at > 0 ? [{ text: "Move earlier", act: () => this.move(-1) }] : []),
      ...(at < layout.length - 1 ? [{ text: "Move later", act: () => this.move(1) }] : []),
      { text: this.panel.large ? "Back to all panels" : "Enlarge", act: () => this.enlarge() },
      { text: "Close", act: () => this.shut() },
    ];
  }

  enlarge() {
    this.stage.store.put("enlarged", this.panel.large ? null : this.name);
  }

  shut() {
    const { store } = this.stage;
    if (store.values.enlarged === this.name) store.put("enlarged", null);
    store.put("layout", store.values.layout.filter((name) => name !== this.name));
  }

  // One place on; or to where another panel is.
  move(by) {
    const { layout } = this.stage.store.values;
    this.moveTo(layout[layout.indexOf(this.name) + by]);
  }

  moveTo(other) {
    const { store } = this.stage;
    const { layout } = store.values;
    const [from, to] = [layout.indexOf(this.name), layout.indexOf(other)];
    if (from < 0 || to < 0 || from === to) return;
    const others = layout.filter((name) => name !== this.name);
    store.put("layout", [...others.slice(0, to), this.name, ...others.slice(to)]);
  }

  // The title can be taken once it is there.
  follow() {
    this.tell();
    const header = cardOf(this.panel)?.querySelector(".cortex-title");
    if (!header || header === this.header) return;
    this.close();
    this.header = header;
    for (const [kind, handle] of Object.entries(this.handlers)) header.addEventListener(kind, handle);
  }

  tell() {
    const { large, title } = this.panel;
    setText(this.larger, large ? "⤡" : "⤢");
    this.larger.title = large ? "Back to all panels" : `Enlarge ${title}`;
    this.larger.setAttribute("aria-label", this.larger.title);
    this.larger.setAttribute("aria-pressed", Boolean(large));
  }

  grasp(event) {
    if (event.button !== 0 || this.panel.large) return;
    const card = cardOf(this.panel);
    const start = [event.clientX, event.clientY];
    const controller = new AbortController();
    let target = null;
    const aim = (to) => {
      target?.classList.remove("cortex-target");
      target = to;
      target?.classList.add("cortex-target");
    };
    const end = () => {
      controller.abort();
      card.classList.remove("cortex-dragged");
      aim(null);
    };
    const pull = (at) => {
      if (Math.hypot(at.clientX - start[0], at.clientY - start[1]) < 6) return;
      card.classList.add("cortex-dragged");
      const over = document.elementFromPoint(at.clientX, at.clientY)?.closest(".cortex-card");
      aim(over && over !== card && over.parentElement === card.parentElement ? over : null);
    };
    const drop = () => {
      const other = target?.querySelector(".cortex-view-chart")?.dataset.view;
      end();
      if (other) this.moveTo(other);
    };
    const { signal } = controller;
    window.addEventListener("pointermove", pull, { signal });
    window.addEventListener("pointerup", drop, { signal });
    window.addEventListener("pointercancel", end, { signal });
    window.addEventListener("keydown", (key) => key.key === "Escape" && end(), { signal });
    event.preventDefault();
  }

  close() {
    for (const [kind, handle] of Object.entries(this.handlers)) this.header?.removeEventListener(kind, handle);
  }
}

// A file from the kernel: opened in a tab of its own, or saved.
function takeFile({ name, kind, opens }, bytes) {
  const url = URL.createObjectURL(new Blob([bytes], { type: kind }));
  if (!opens || !window.open(url, "_blank")) {
    const link = document.createElement("a");
    Object.assign(link, { href: url, download: name });
    link.click();
  }
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
