// Receives the frames of a bench, draws them in one animation frame, and says so where an answer is wanted.

class Stage {
  constructor(model, bench) {
    this.model = model;
    this.bench = bench;
    this.saved = new SavedNotebook(model, bench.id);
    this.page = Math.random().toString(36).slice(2, 10);
    this.palette = model.get("palette");
    this.frames = new Map();
    this.panels = new Map();
    this.controls = new Map();
    this.sequence = 0;
    this.asked = 0;
    this.acknowledged = 0;
    this.scheduled = false;
    this.hiding = null;
    this.redrawAll = () => this.redraw();
    this.known = model.get("panels");
    const send = (message, buffers) => this.send(message, buffers);
    this.store = new Store(this.page, { layout: this.known.layout ?? [] }, send, (name) => this.changed(name));
    this.rows = new RowCards(send, () => { for (const panel of this.panels.values()) panel.showTooltip?.(); });
    model.on("msg:custom", (content, buffers) => this.receive(content, buffers));
    this.themeObserver = new MutationObserver(this.redrawAll);
    const attributeFilter = ["data-jp-theme-name", "data-jp-theme-light", "class"];
    for (const root of [document.documentElement, document.body]) {
      this.themeObserver.observe(root, { attributes: true, attributeFilter });
    }
    window.addEventListener("resize", this.redrawAll);
    // On paper all is in sight.
    this.drawAll = () => this.draw(true);
    window.addEventListener("beforeprint", this.drawAll);
    bench.stage = this;
    for (const mount of bench.mounts) this.attach(mount);
    model.on("comm_live_update", () => setTimeout(() => this.lookForKernel(), 0));
    model.on("change:box", () => this.saved.strip());
    this.attempt(() => this.saved.restore());
    this.send({ type: "hello" });
  }

  // The bench as a picture, with a line that says how to be live again, from when its kernel is gone.
  lookForKernel() {
    const roots = [...this.panels.keys()].map(({ element }) => element.closest(".cortex-bench")).filter(Boolean);
    const gone = roots.some((root) => root.classList.contains("jupyter-widgets-disconnected"));
    this.hideStaticPicture(!gone && this.panels.size > 0);
  }

  attempt(act) {
    try {
      act();
    } catch (error) {
      console.warn("The lab bench leaves this notebook as it is:", error);
    }
  }

  close() {
    for (const mount of [...this.panels.keys()]) this.detach(mount);
    for (const controls of this.controls.values()) controls.close();
    this.themeObserver.disconnect();
    window.removeEventListener("resize", this.redrawAll);
    window.removeEventListener("beforeprint", this.drawAll);
    if (this.bench.stage === this) this.bench.stage = null;
    globalThis.cortexLabBenches?.delete(this.bench.id);
  }

  send(message, buffers = []) {
    try {
      this.model.send({ page: this.page, visible: this.visible(), ...message }, undefined, buffers);
    } catch {
      // The kernel is gone or starts again; the bench stays on the page as it was.
    }
  }

  visible() {
    const names = new Set();
    for (const panel of this.panels.values()) if (panel.visible) names.add(panel.name);
    return [...names];
  }

  attach(mount) {
    const Kind = PANELS[mount.kind] ?? CanvasPanel;
    const panel = new Kind(this, mount);
    this.panels.set(mount, panel);
    this.hideStaticPicture(true);
    this.attempt(() => this.saved.strip());
    this.unarranged = true;
    this.schedule();
  }

  detach(mount) {
    this.panels.get(mount)?.close();
    this.panels.delete(mount);
    if (this.panels.size > 0) return;
    this.hideStaticPicture(false);
    // A notebook that is closed leaves its models as they are, and nobody will show them again.
    setTimeout(() => this.panels.size === 0 && this.saved.isClosed && this.close(), 0);
  }

  // The saved picture of the bench is an output of its own; nobody should see both.
  hideStaticPicture(hide) {
    if (hide && !this.hiding) {
      const name = `cortex-lab-static-${this.bench.id}`;
      this.hiding = document.createElement("style");
      this.hiding.textContent =
        `.${name}, .jp-OutputArea-child:has(.${name}) { display: none !important; }`;
      document.head.append(this.hiding);
    } else if (!hide && this.hiding) {
      this.hiding.remove();
      this.hiding = null;
    }
  }

  // What views share has changed, here or elsewhere.
  changed(name) {
    const panels = [...this.panels.values()];
    if (name === "glance") {
      for (const panel of panels) panel.dirty ||= Boolean(panel.stepped?.length);
      this.schedule();
      return;
    }
    if (name === "layout" || name === "enlarged") arrangePanels(panels, this.store.values);
    for (const panel of panels) {
      panel.follow?.();
      // A chart that has no axis of steps shows the moment once its numbers are there.
      panel.dirty ||= name !== "moment" || panel.stepped?.length !== 0;
    }
    this.schedule();
  }

  receive(content, buffers) {
    if (content.type === "change") return this.store.hear(content, buffers);
    if (content.type === "answer") {
      if (content.page === this.page) for (const controls of this.controls.values()) controls.hear(content);
      return null;
    }
    if (content.type === "row") return content.page === this.page && this.rows.hear(content, buffers);
    if (content.type === "found") {
      const rows = content.page === this.page ? new Int32Array(copyBytes(buffers[0])) : [];
      for (const panel of this.panels.values()) if (content.page === this.page && panel.name === content.panel) panel.found(content, rows);
      return null;
    }
    if (content.type === "file") return content.page === this.page && takeFile(content, buffers[0]);
    if (content.type === "frame") {
      const bytes = buffers.length ? copyBytes(buffers[0]) : new ArrayBuffer(0);
      for (const [name, meta] of Object.entries(content.panels)) {
        this.frames.set(name, { meta, arrays: unpack(meta.arrays, bytes) });
        for (const panel of this.panels.values()) if (panel.name === name) panel.dirty = true;
      }
    }
    this.sequence = Math.max(this.sequence, content.sequence);
    if (content.answer) this.asked = this.sequence;
    this.schedule();
  }

  schedule() {
    if (this.scheduled) return;
    this.scheduled = true;
    requestAnimationFrame(() => this.draw());
  }

  redraw() {
    for (const panel of this.panels.values()) panel.dirty = true;
    this.schedule();
  }

  draw(all = false) {
    this.scheduled = false;
    this.dress();
    if (this.unarranged) {
      this.unarranged = [...this.panels.keys()].some((mount) => !mount.element.isConnected);
      this.changed("layout");
    }
    for (const panel of this.panels.values()) {
      if (!panel.dirty || !(panel.visible || all)) continue;
      const frame = this.frames.get(panel.name);
      if (!frame) continue;
      if (!panel.laidOut()) {
        // JupyterLab takes its window off the page for one frame when the theme changes: no observer tells.
        if (!panel.displayed()) this.schedule();
        continue;
      }
      panel.dirty = false;
      panel.show(frame);
      panel.root.dataset.sequence = this.sequence;
      if (frame.meta.step !== undefined) panel.root.dataset.step = frame.meta.step;
    }
    if (this.asked > this.acknowledged) {
      this.acknowledged = this.sequence;
      this.send({ type: "drawn", sequence: this.sequence });
    }
  }

  // Each copy of the bench on the page has controls of its own, which are there before or after the panels.
  dress() {
    for (const panel of this.panels.values()) {
      const root = panel.root.closest(".cortex-bench");
      if (root && !this.controls.has(root)) this.controls.set(root, new BenchControls(root, (message) => this.send(message)));
    }
    for (const [root, controls] of this.controls) {
      if (root.isConnected) continue;
      controls.close();
      this.controls.delete(root);
    }
  }

  visibilityChanged() {
    this.send({ type: "visible" });
    this.schedule();
  }
}

function copyBytes(view) {
  return view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength);
}

const ARRAY_TYPES = { float32: Float32Array, uint8: Uint8Array, int32: Int32Array };

function unpack(entries, bytes) {
  const arrays = {};
  for (const [name, type, offset, length] of entries ?? []) {
    arrays[name] = new ARRAY_TYPES[type](bytes, offset, length);
  }
  return arrays;
}
