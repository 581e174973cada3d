// What every canvas panel shares: sharp pixels, legend, note and tooltip.

const PANELS = {};
// MARKS[kind](surface, mark, place) draws a mark and returns what tells of it under the pointer, or null.
const MARKS = {};

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
    this.showLegend(meta.legend ?? []);
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

  showLegend(entries) {
    const wanted = JSON.stringify([entries, this.theme.dark]);
    if (wanted === this.shownLegend) return;
    this.shownLegend = wanted;
    this.legend.replaceChildren(...entries.map((entry) => {
      const item = document.createElement("span");
      item.className = "cortex-legend-item";
      const swatch = document.createElement("i");
      swatch.className = `cortex-swatch cortex-swatch-${entry.mark}`;
      swatch.style.color = this.theme.color(entry.color === "ground" ? "text" : entry.color);
      if (entry.faint) swatch.style.opacity = 0.45;
      item.append(swatch, entry.label);
      item.addEventListener("pointerenter", () => this.highlight(entry.label));
      item.addEventListener("pointerleave", () => this.highlight(null));
      return item;
    }));
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

  showTooltip() {
    const found = this.pointer && this.hit ? this.hit(...this.pointer) : null;
    this.tooltip.hidden = !found;
    if (!found) return;
    setText(this.tooltip, found.text);
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
