// What every canvas panel shares: sharp pixels, legend, note and tooltip.

const PANELS = {};
// MARKS[kind](surface, mark, place) draws a mark and returns what tells of it under the pointer, or null.
const MARKS = {};

// Which of the labels of a legend are shown: all but those that are hidden, or `only` one.
class Filter {
  constructor() {
    this.hidden = new Set();
    this.only = null;
  }

  get active() {
    return this.only !== null || this.hidden.size > 0;
  }

  // Whether something that goes by these labels is shown.
  shows(labels) {
    return this.only !== null ? labels.includes(this.only) : !labels.some((label) => this.hidden.has(label));
  }

  // A click hides a label or shows it again, one that asks for it `alone` hides all others.
  turn(label, alone) {
    if (alone) {
      this.only = this.only === label ? null : label;
      this.hidden.clear();
    } else if (this.only !== null) {
      this.only = null;
    } else if (!this.hidden.delete(label)) {
      this.hidden.add(label);
    }
  }

  // What is no longer there can hide nothing.
  keep(labels) {
    if (!labels.has(this.only)) this.only = null;
    for (const label of this.hidden) if (!labels.has(label)) this.hidden.delete(label);
  }
}

class BasePanel {
  constructor(stage, mount) {
    this.stage = stage;
    this.name = mount.name;
    this.title = mount.title;
    this.dirty = true;
    this.visible = true;
    this.root = mount.element;
    this.root.classList.add("cortex-view", `cortex-view-${mount.kind}`);
    this.root.dataset.view = mount.name;
  }

  laidOut() {
    return true;
  }

  close() {}
}

class CanvasPanel extends BasePanel {
  constructor(stage, mount) {
    super(stage, mount);
    this.legend = this.add("div", "cortex-legend");
    this.figure = this.add("div", "cortex-figure");
    this.figure.tabIndex = 0;
    this.figure.setAttribute("role", "img");
    // On a low window all of the bench should be in sight.
    if (mount.height) this.figure.style.height = `${Math.round(mount.height * Math.min(1, Math.max(0.56, (innerHeight - 80) / 1000)))}px`;
    this.canvas = this.add("canvas", "cortex-canvas", this.figure);
    this.note = this.add("div", "cortex-note", this.figure);
    this.tooltip = this.add("div", "cortex-tooltip", this.figure);
    this.tooltip.hidden = true;
    this.said = this.add("div", "cortex-said-of", this.tooltip);
    this.filter = new Filter();
    this.caption = this.add("div", "cortex-caption");
    this.pointer = null;
    this.highlighted = null;
    this.figure.addEventListener("pointermove", (event) => this.point(event));
    this.figure.addEventListener("pointerleave", () => this.point(null));
    this.figure.addEventListener("click", (event) => this.click(event));
    this.visible = false;
    this.resizing = new ResizeObserver(() => this.refresh());
    this.resizing.observe(this.figure);
    this.watching = new IntersectionObserver((entries) => {
      const visible = entries[entries.length - 1].isIntersecting;
      if (visible === this.visible) return;
      this.visible = visible;
      stage.visibilityChanged();
    }, { rootMargin: "100px" });
    this.watching.observe(this.figure);
  }

  close() {
    this.resizing.disconnect();
    this.watching.disconnect();
    this.root.replaceChildren();
  }

  add(tag, className, parent = this.root) {
    const element = document.createElement(tag);
    element.className = className;
    parent.append(element);
    return element;
  }

  displayed() {
    return this.figure.getClientRects().length > 0;
  }

  // Whether there is a place to draw on.
  laidOut() {
    return this.figure.clientWidth >= 20;
  }

  refresh() {
    this.dirty = true;
    this.stage.schedule();
  }

  // `draw(frame, surface)` of a subclass returns `hit(x, y)`, which says what lies under the pointer.
  show(frame) {
    const { meta } = frame;
    this.frame = frame;
    this.theme = readTheme(this.root, this.stage.palette);
    const said = meta.summary || this.title;
    const unsaid = meta.plots.map((plot) => plot.title).filter((title) => title && !said.includes(title));
    this.figure.setAttribute("aria-label", [said, unsaid.join(", ")].filter(Boolean).join(". "));
    setText(this.caption, meta.caption ?? "");
    setText(this.note, meta.note ?? "");
    this.note.hidden = !meta.note;
    this.showLegend(meta.legend ?? [], this.filtered(frame));
    const surface = this.prepare(frame);
    this.hit = null;
    if (meta.plots.length) this.hit = this.draw(frame, surface) ?? null;
    this.showTooltip();
  }

  heightFor() {
    return null;
  }

  prepare(frame) {
    const width = this.figure.clientWidth;
    const wanted = !frame.meta.plots.length ? null : this.heightFor(frame, width);
    if (wanted !== null && Math.abs(wanted - this.figure.clientHeight) > 1) {
      this.figure.style.height = `${wanted}px`;
    }
    const height = this.figure.clientHeight;
    const ratio = window.devicePixelRatio || 1;
    const [pixelWidth, pixelHeight] = [Math.round(width * ratio), Math.round(height * ratio)];
    if (this.canvas.width !== pixelWidth || this.canvas.height !== pixelHeight) {
      this.canvas.width = pixelWidth;
      this.canvas.height = pixelHeight;
      this.canvas.style.width = `${width}px`;
      this.canvas.style.height = `${height}px`;
    }
    const context = this.canvas.getContext("2d");
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, width, height);
    context.font = this.theme.font;
    context.textBaseline = "middle";
    return { context, width, height, ratio, theme: this.theme, store: this.stage.store };
  }

  // The labels of the legend that can be hidden.
  filtered() {
    return new Set();
  }

  showLegend(entries, filtered) {
    this.filter.keep(filtered);
    const wanted = JSON.stringify([entries, this.theme.dark, [...filtered]]);
    if (wanted !== this.shownLegend) {
      this.shownLegend = wanted;
      this.legend.replaceChildren(...entries.map((entry) => this.legendItem(entry, filtered.has(entry.label))));
    }
    for (const item of this.legend.querySelectorAll("button")) item.setAttribute("aria-pressed", String(this.filter.shows([item.dataset.label])));
  }

  legendItem(entry, filters) {
    const item = document.createElement(filters ? "button" : "span");
    item.className = "cortex-legend-item";
    const swatch = document.createElement("i");
    swatch.className = `cortex-swatch cortex-swatch-${entry.mark}`;
    swatch.style.color = this.theme.color(entry.color === "ground" ? "text" : entry.color);
    if (entry.faint) swatch.style.opacity = 0.45;
    item.append(swatch, entry.label);
    if (filters) {
      Object.assign(item, { type: "button", title: "Click: hide or show. Double click, or with Shift: this one alone" });
      item.dataset.label = entry.label;
      item.addEventListener("click", (event) => this.sift(entry.label, event.shiftKey));
      item.addEventListener("dblclick", () => this.sift(entry.label, true));
    }
    item.addEventListener("pointerenter", () => this.highlight(entry.label));
    item.addEventListener("pointerleave", () => this.highlight(null));
    return item;
  }

  sift(label, alone) {
    this.filter.turn(label, alone);
    this.refresh();
  }

  highlight(label) {
    this.highlighted = label;
    this.refresh();
  }

  point(event) {
    const box = this.figure.getBoundingClientRect();
    this.pointer = event && [event.clientX - box.left, event.clientY - box.top];
    this.showTooltip();
  }

  click() {}

  // What is known of a row, beside what is said of its point.
  tellRow() {}

  showTooltip() {
    const found = this.pointer && this.hit ? this.hit(...this.pointer) : null;
    this.tooltip.hidden = !found;
    if (!found) return;
    setText(this.said, found.text);
    this.tellRow(found.row);
    const { clientWidth: width, clientHeight: height } = this.figure;
    const { offsetWidth: tipWidth, offsetHeight: tipHeight } = this.tooltip;
    const left = found.x + 12 + tipWidth > width ? found.x - 12 - tipWidth : found.x + 12;
    const top = Math.min(Math.max(found.y - tipHeight / 2, 0), height - tipHeight);
    this.tooltip.style.left = `${Math.max(0, left)}px`;
    this.tooltip.style.top = `${Math.max(0, top)}px`;
  }
}

function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
