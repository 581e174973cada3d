// A report: the stage of a bench without a kernel. What one would answer is here in the file, or cannot be asked.

class Offline {
  constructor(book, bytes) {
    this.book = book;
    this.bytes = bytes;
    this.last = book.steps[book.steps.length - 1];
    this.chosen = new Map();
    this.unpacked = new Map();
    this.listeners = [];
  }

  // As a model of a widget, as far as a stage asks it.
  get(name) {
    return { bench: "report", palette: this.book.palette, panels: this.known }[name];
  }

  on() {}

  get known() {
    const { panels, presets, steps } = this.book;
    const titles = Object.fromEntries(Object.entries(panels).map(([name, { title }]) => [name, title]));
    if (this.book.program.steps) titles.drawing = "Draw one";
    return { titles, presets, layout: Object.keys(titles), steps, offline: true, files: ["png"] };
  }

  send(message) {
    if (message.type === "change" && message.name === "moment") this.move(message.value);
    if (message.type === "act") this.turn(message.panel, message.number);
    if (message.type === "export") this.save(message.panel);
    if (message.type === "row") this.tellRow(message.row);
    if (message.type === "search") this.look(message.panel, message.text);
  }

  // What the settings of a panel say of its points at the step shown: its name, and the mark with the points.
  saidOfPoints(name) {
    const { settings, frames } = this.book.panels[name];
    return frames[this.book.steps.indexOf(this.moment)].flatMap((number, place) =>
      scattersOf(this.frame(number)).filter((mark) => mark.pins).map((mark) => [settings[place]?.[2] ?? "", mark]));
  }

  // A row by all that it may be colored by.
  tellRow(row) {
    const lines = new Map();
    for (const name of Object.keys(this.book.panels)) {
      for (const [column, mark] of this.saidOfPoints(name)) {
        const at = mark.keys.indexOf(row);
        if (at >= 0 && column && (mark.values?.length || mark.groups.length)) lines.set(column, saidOf(mark, at));
      }
    }
    if (lines.size) setTimeout(() => this.stage.rows.hear({ row, text: [...lines].map((line) => line.join(": ")).join("\n") }), 0);
  }

  // As the kernel looks for rows, in what the page knows: "#12", a class or a word, or "column: word".
  look(name, text) {
    const said = this.saidOfPoints(name);
    const columns = said.map(([column]) => column);
    const colon = text.indexOf(":");
    const column = colon < 0 ? null : text.slice(0, colon).trim();
    const word = (colon < 0 ? text : text.slice(colon + 1)).trim().toLowerCase();
    const refusal = column !== null && !columns.includes(column) ? `there is no column '${column}' to look in; there are ${columns.join(", ")}` : "";
    let rows = text.startsWith("#") ? [Number(text.slice(1))] : [];
    const asked = said.filter(([each]) => column === null || each === column).sort(([one], [other]) => (other === "label") - (one === "label"));
    for (const fits of [(value) => value === word, (value) => value.includes(word)]) {
      for (const [, mark] of asked) {
        if (rows.length || (mark.values?.length && column === null)) continue;
        rows = [...mark.keys].filter((_, i) => fits(saidOf(mark, i).toLowerCase()));
      }
    }
    if (!rows.length && column === null && Number.isInteger(Number(word))) rows = [Number(word)];
    for (const panel of this.stage.panels.values()) if (panel.name === name) panel.found({ text, refusal }, rows);
  }

  // The stage exists once this is called.
  begin(stage) {
    this.stage = stage;
    this.show();
  }

  get moment() {
    return this.stage.store.values.moment ?? this.last;
  }

  // Only steps that are in the file can be shown: the nearest of them.
  move(step) {
    const found = step === null ? null : nearestStep(this.book.steps, step);
    const wanted = found === this.last ? null : found;
    if (wanted !== this.stage.store.values.moment) this.stage.store.put("moment", wanted);
    else this.show();
  }

  show() {
    const { steps, told, panels, first } = this.book;
    const at = steps.indexOf(this.moment);
    for (const [name, panel] of Object.entries(panels)) this.put(name, this.frame(panel.frames[at][this.chosen.get(name) ?? 0]));
    const text = at === steps.length - 1 ? "the last step of the report" : "an earlier step";
    this.put("status", { meta: { state: "paused", text, facts: told[at], step: steps[at] }, arrays: {} });
    this.put("timeline", { meta: { first, last: this.last, told: "recorded", breakpoints: [], branches: [], saved: "" }, arrays: { ticks: Int32Array.from(steps) } });
    this.stage.schedule();
  }

  put(name, frame) {
    if (this.book.panels[name]) glideFrom(this.stage.frames.get(name), frame);
    this.stage.frames.set(name, frame);
    for (const panel of this.stage.panels.values()) if (panel.name === name) panel.dirty = true;
  }

  // A frame is unpacked when it is first shown; its numbers stay where they are.
  frame(number) {
    if (!this.unpacked.has(number)) {
      const meta = this.book.frames[number];
      const arrays = {};
      for (const [key, place] of meta.arrays) arrays[key] = this.array(place);
      this.unpacked.set(number, { meta, arrays });
    }
    return this.unpacked.get(number);
  }

  // The arrays of a step of the network, by name.
  weightsOf(place) {
    return Object.fromEntries(this.book.program.weights[place].map(([key, number]) => [key, this.array(number)]));
  }

  array(number) {
    const [type, offset, length] = this.book.arrays[number];
    return new ARRAY_TYPES[type](this.bytes, this.start + offset, length);
  }

  choose(name, place) {
    this.chosen.set(name, place);
    this.show();
    for (const listener of this.listeners) listener(name, place);
  }

  // A click on a node of the network: other panels show it, where they can.
  turn(panel, number) {
    for (const [name, knob, value] of this.book.panels[panel]?.turns[number] ?? []) {
      const place = (this.book.panels[name]?.settings ?? []).findIndex(([, key, said]) => key === knob && said === value);
      if (place >= 0) this.choose(name, place);
    }
    const standing = this.book.panels[panel]?.frames.flatMap((places) => places) ?? [];
    for (const each of standing) for (const plot of this.frame(each).meta.plots) for (const mark of plot.marks) if (mark.kind === "nodemap") mark.chosen = number;
    for (const each of standing) delete this.frame(each).plots;
    this.show();
  }

  save(name) {
    const panel = [...this.stage.panels.values()].find((each) => each.name === name);
    const link = document.createElement("a");
    Object.assign(link, { href: panel.canvas.toDataURL("image/png"), download: `${name}-step-${this.moment}.png` });
    link.click();
  }
}

// The value of a point, or the name of its group.
const saidOf = (mark, i) => (mark.values?.length ? formatNumber(mark.values[i]) : mark.names[mark.groups[i]] ?? "");

const nearestStep = (steps, wanted) => steps.reduce((best, step) => (Math.abs(step - wanted) < Math.abs(best - wanted) ? step : best));

// The page of a report: what ipywidgets makes of a bench in a notebook.
function layOutReport(offline, root) {
  const make = (tag, className, parent, text) => {
    const element = document.createElement(tag);
    element.className = className;
    if (text !== undefined) element.textContent = text;
    parent.append(element);
    return element;
  };
  const mounts = [];
  const bench = make("div", "cortex-bench", root);
  const line = make("div", "cortex-line", bench);
  const steps = make("div", "cortex-steps", bench);
  const mount = (parent, name, kind, title, height) =>
    mounts.push({ element: make("div", "", parent), name, kind, title, height });
  mount(line, "status", "status", "Status");
  mount(line, "panels", "layout", "Panels");
  mount(steps, "timeline", "timeline", "Steps");
  const grid = make("div", "cortex-grid", bench);
  for (const [name, panel] of Object.entries(offline.book.panels)) {
    const card = make("div", `cortex-card cortex-card-${panel.place}`, grid);
    const header = make("div", "cortex-header", card);
    make("div", "widget-html-content", make("div", "cortex-title", header), panel.title);
    if (panel.settings.length > 1) {
      const group = make("label", "cortex-group", header, `${panel.settings[0][0]} `);
      const select = make("select", "", group);
      for (const [, , value] of panel.settings) make("option", "", select, value);
      select.addEventListener("change", () => offline.choose(name, select.selectedIndex));
      offline.listeners.push((changed, place) => {
        if (changed === name) select.selectedIndex = place;
      });
    }
    mount(card, name, "chart", panel.title, panel.height);
  }
  if (offline.book.program.steps) {
    const card = make("div", "cortex-card cortex-card-wide", grid);
    make("div", "widget-html-content", make("div", "cortex-title", make("div", "cortex-header", card)), "Draw one");
    offline.drawing = new Drawing(offline, make("div", "cortex-pad", card));
    mount(card, "drawing", "chart", "Draw one", 150);
  }
  return mounts;
}

async function openReport() {
  const said = document.getElementById("cortex-said");
  try {
    const packed = Uint8Array.from(atob(document.getElementById("cortex-data").textContent), (letter) => letter.charCodeAt(0));
    const unpacking = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
    const bytes = await new Response(unpacking).arrayBuffer();
    const length = new DataView(bytes).getUint32(0, true);
    const book = JSON.parse(new TextDecoder().decode(new Uint8Array(bytes, 4, length)));
    const offline = new Offline(book, bytes);
    offline.start = 4 + length;
    const dark = matchMedia("(prefers-color-scheme: dark)");
    const follow = () => document.body.setAttribute("data-jp-theme-light", String(!dark.matches));
    dark.addEventListener("change", follow);
    follow();
    const meets = meeting("report");
    for (const mount of layOutReport(offline, said.parentElement)) meets.mounts.add(mount);
    offline.begin(new Stage(offline, meets));
    offline.drawing?.changed();
    const steps = book.steps.length === 1 ? "one step" : `${book.steps.length} steps`;
    const able = book.program.steps || !book.program.cannot ? "it asks no server" : `it asks no server, and cannot compute the network: ${book.program.cannot}`;
    said.textContent = `What was recorded at ${steps}, in one file: ${able}.`;
  } catch (error) {
    said.textContent = `This report cannot be shown here: ${error.message ?? error}`;
    throw error;
  }
}

openReport();
