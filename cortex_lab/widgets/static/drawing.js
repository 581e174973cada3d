// A picture drawn by hand, and what every layer of the network makes of it.

class Drawing {
  constructor(offline, mount) {
    this.offline = offline;
    this.program = offline.book.program;
    const [height, width] = this.program.shape;
    [this.height, this.width] = [height, width];
    this.ink = new Float32Array(height * width);
    this.canvas = document.createElement("canvas");
    Object.assign(this.canvas, { width, height, tabIndex: 0, className: "cortex-drawing" });
    this.canvas.setAttribute("role", "img");
    this.canvas.setAttribute("aria-label", "Draw here");
    this.clear = toolButton("Clear", "Begin anew", () => { this.ink.fill(0); this.changed(); });
    this.clear.classList.add("cortex-wide-tool");
    mount.append(this.canvas, this.clear);
    this.canvas.addEventListener("pointerdown", (event) => {
      this.canvas.setPointerCapture(event.pointerId);
      this.stroke(event);
    });
    this.canvas.addEventListener("pointermove", (event) => event.buttons && this.stroke(event));
    this.waiting = false;
  }

  // A soft pen, as wide as a stroke of the pictures that the network knows.
  stroke(event) {
    const box = this.canvas.getBoundingClientRect();
    const [x, y] = [((event.clientX - box.left) / box.width) * this.width, ((event.clientY - box.top) / box.height) * this.height];
    const pen = Math.max(0.75, this.width / 20);
    for (let i = 0; i < this.height; i++) {
      for (let j = 0; j < this.width; j++) {
        const level = Math.max(0, Math.min(1, 1.5 - Math.hypot(j + 0.5 - x, i + 0.5 - y) / pen));
        this.ink[i * this.width + j] = Math.max(this.ink[i * this.width + j], level);
      }
    }
    if (!this.waiting) requestAnimationFrame(() => this.changed());
    this.waiting = true;
  }

  get input() {
    const [low, high] = this.program.limits;
    return this.ink.map((level) => low + level * (high - low));
  }

  changed() {
    this.waiting = false;
    const context = this.canvas.getContext("2d");
    const image = context.createImageData(this.width, this.height);
    this.ink.forEach((level, i) => image.data.set([255 * level, 255 * level, 255 * level, 255], 4 * i));
    context.putImageData(image, 0, 0);
    this.found = computeNetwork(this.program, this.input, (place) => this.offline.weightsOf(place));
    this.offline.put("drawing", this.frame());
    this.offline.stage.schedule();
  }

  // The layers as the panel of activations shows them.
  frame() {
    const { steps, output, classes, link } = this.program;
    const [plots, arrays] = [[], {}];
    for (const step of steps) {
      const values = this.found[step.name];
      const place = plots.length;
      const described = { title: step.name, aside: "", detail: step.shape.join("×"), axes: false, share: 1 };
      if (step.name === output && classes.length === values.length) {
        const chances = link === "softmax" ? activated(Float64Array.from(values), "softmax", values.length) : values;
        const best = chances.indexOf(Math.max(...chances));
        arrays[`${place}.0.values`] = Float32Array.from(chances);
        const marks = [{ kind: "bars", name: `${place}.0`, names: classes, label: "", color: 0, told: "", strong: best }];
        plots.push({ ...described, detail: `says ${classes[best]} (${(100 * chances[best]).toFixed(0)}%)`, share: 1.25, x: { limits: [0, 1], label: "", percent: true, log: false }, marks });
      } else if (!step.view || step.name === output) {
        plots.push({ ...described, marks: [tilesOf(values, step.shape, `${place}.0`, arrays)] });
      }
    }
    const said = plots.at(-1)?.detail ?? "";
    return { meta: { arrange: "flow", caption: "computed here, from the weights of the last step", note: "", summary: `The drawing, layer by layer: ${said}`, legend: [], plots }, arrays };
  }
}

// Maps, or units, of a layer as bytes between the lowest, or 0, and the highest of them.
function tilesOf(values, shape, name, arrays) {
  const [height, width, count] = shape.length === 3 ? shape : [1, 1, sizeOf(shape)];
  const shown = Math.min(count, shape.length === 3 ? 64 : 1024);
  let [low, high] = [0, 1e-12];
  for (const value of values) [low, high] = [Math.min(low, value), Math.max(high, value)];
  if (low < 0) [low, high] = [-Math.max(-low, high), Math.max(-low, high)];
  const bytes = new Uint8Array(shown * height * width);
  for (let tile = 0; tile < shown; tile++) {
    for (let i = 0; i < height * width; i++) bytes[tile * height * width + i] = (255 * (values[i * count + tile] - low)) / (high - low);
  }
  arrays[`${name}.values`] = bytes;
  return { kind: "tiles", name, limits: [low, high], ramp: low < 0 ? "diverging" : "sequential", unit: "map", pins: false, told: [], count: shown, height, width, channels: 1 };
}
