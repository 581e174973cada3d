// What every canvas panel shares: theme, sharp pixels, legend, note, tooltip, and nice ticks.

const PANELS = {};

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

  close() {}
}

class CanvasPanel extends BasePanel {
  constructor(stage, mount) {
    super(stage, mount);
    this.legend = this.add("div", "cortex-legend");
    this.figure = this.add("div", "cortex-figure");
    this.figure.tabIndex = 0;
    this.figure.setAttribute("role", "img");
    this.canvas = this.add("canvas", "cortex-canvas", this.figure);
    this.note = this.add("div", "cortex-note", this.figure);
    this.tooltip = this.add("div", "cortex-tooltip", this.figure);
    this.tooltip.hidden = true;
    this.caption = this.add("div", "cortex-caption");
    this.pointer = null;
    this.highlighted = -1;
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

  refresh() {
    this.dirty = true;
    this.stage.schedule();
  }

  // `draw(frame, surface)` of a subclass returns `hit(x, y)`, which says what lies under the pointer.
  show(frame) {
    const { meta } = frame;
    this.frame = frame;
    this.theme = readTheme(this.root, this.stage.palette);
    this.figure.setAttribute("aria-label", meta.summary ?? this.title);
    setText(this.caption, meta.caption ?? "");
    setText(this.note, meta.note ?? "");
    this.note.hidden = !meta.note;
    this.showLegend(meta.legend ?? []);
    const surface = this.prepare(frame);
    this.hit = null;
    if (surface && !meta.empty) this.hit = this.draw(frame, surface) ?? null;
    this.showTooltip();
  }

  heightFor() {
    return null;
  }

  prepare(frame) {
    const width = this.figure.clientWidth;
    if (width < 20) return null;
    const wanted = frame.meta.empty ? null : this.heightFor(frame, width);
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
    return { context, width, height, ratio, theme: this.theme };
  }

  showLegend(entries) {
    const wanted = JSON.stringify([entries, this.theme.dark]);
    if (wanted === this.shownLegend) return;
    this.shownLegend = wanted;
    this.legend.replaceChildren(...entries.map((entry, position) => {
      const item = document.createElement("span");
      item.className = "cortex-legend-item";
      const swatch = document.createElement("i");
      swatch.className = `cortex-swatch cortex-swatch-${entry.mark}`;
      swatch.style.color = this.theme.color(entry.color);
      if (entry.faint) swatch.style.opacity = 0.45;
      item.append(swatch, entry.label);
      item.addEventListener("pointerenter", () => this.highlight(position));
      item.addEventListener("pointerleave", () => this.highlight(-1));
      return item;
    }));
  }

  highlight(position) {
    this.highlighted = position;
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

// Theme -------------------------------------------------------------------------------------------

function readTheme(element, palette) {
  const style = getComputedStyle(element);
  const read = (name, otherwise) => style.getPropertyValue(name).trim() || otherwise;
  const background = read("--jp-layout-color0", "#ffffff");
  const dark = brightness(background) < 128;
  const shades = dark ? palette.dark : palette.light;
  return {
    dark,
    shades,
    background,
    text: read("--jp-ui-font-color1", dark ? "#e0e0e0" : "#212121"),
    muted: read("--jp-ui-font-color2", dark ? "#a0a0a0" : "#616161"),
    line: read("--jp-border-color2", dark ? "#424242" : "#e0e0e0"),
    font: `11px ${read("--jp-ui-font-family", "system-ui, sans-serif")}`,
    strongFont: `600 11px ${read("--jp-ui-font-family", "system-ui, sans-serif")}`,
    color: (position) =>
      position === "muted"
        ? read("--jp-ui-font-color2", dark ? "#a0a0a0" : "#616161")
        : shades.categories[position % shades.categories.length],
  };
}

function brightness(color) {
  const [red, green, blue] = parseColor(color);
  return 0.299 * red + 0.587 * green + 0.114 * blue;
}

const colorProbe = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
const parsedColors = new Map();

function parseColor(color) {
  if (!parsedColors.has(color)) {
    colorProbe.fillStyle = color;
    colorProbe.fillRect(0, 0, 1, 1);
    parsedColors.set(color, [...colorProbe.getImageData(0, 0, 1, 1).data.slice(0, 3)]);
  }
  return parsedColors.get(color);
}

// Numbers -----------------------------------------------------------------------------------------

function niceTicks(low, high, wanted) {
  const rough = (high - low) / Math.max(1, wanted);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((factor) => factor * power).find((size) => size >= rough * 0.999);
  const ticks = [];
  for (let value = Math.ceil(low / step - 1e-9) * step; value <= high + step * 1e-9; value += step) {
    ticks.push(Math.abs(value) < step * 1e-9 ? 0 : value);
  }
  const decimals = Math.min(8, Math.max(0, -Math.floor(Math.log10(step) + 1e-9) + (step / power === 2.5 ? 1 : 0)));
  return { ticks, label: (value) => formatFixed(value, decimals) };
}

function formatFixed(value, decimals) {
  const size = Math.abs(value);
  if (size >= 1e6) return `${trimZeros((value / 1e6).toFixed(2))}M`;
  if (size >= 1e4) return `${trimZeros((value / 1e3).toFixed(1))}k`;
  const options = { minimumFractionDigits: decimals, maximumFractionDigits: decimals };
  return value.toLocaleString("en-US", options).replace("-", "−");
}

function trimZeros(text) {
  return text.includes(".") ? text.replace(/0+$/, "").replace(/\.$/, "") : text;
}

function formatNumber(value) {
  if (!Number.isFinite(value)) return String(value);
  if (value !== 0 && (Math.abs(value) < 1e-3 || Math.abs(value) >= 1e6)) return value.toExponential(2);
  return trimZeros(value.toLocaleString("en-US", { maximumSignificantDigits: 4 }));
}
