// Marks whose click selects many rows at once, or is told to the kernel by its number.

// A mark says `place.pick(x, y)`, rows of the dataset, and `place.act(x, y)`, a number; null where there is nothing.
PANELS.chart = class extends ChartPanel {
  constructor(stage, mount) {
    super(stage, mount);
    this.lasso = new Lasso(this.figure, () => this.places, stage.store, () => { this.zoom.dragged = true; });
    this.taker = toolButton("◌", "Lasso: drag around rows to select them (or hold Shift)", () => this.take());
    this.taker.setAttribute("aria-pressed", "false");
    this.taker.hidden = true;
    this.tools.bar.prepend(this.taker);
  }

  take() {
    this.lasso.taken = !this.lasso.taken;
    this.taker.setAttribute("aria-pressed", String(this.lasso.taken));
    this.figure.classList.toggle("cortex-lassoed", this.lasso.taken);
  }

  draw(frame, surface) {
    const hit = super.draw(frame, surface);
    this.picked = this.places.filter((place) => place.pick || place.act);
    this.taker.hidden = !this.lasso.marks.length;
    if (this.picked.length) this.figure.classList.add("cortex-pins");
    return hit;
  }

  click(event) {
    super.click(event);
    if (this.zoom.dragged || !this.picked) return;
    const box = this.figure.getBoundingClientRect();
    const [x, y] = [event.clientX - box.left, event.clientY - box.top];
    const { store } = this.stage;
    const more = event.shiftKey || event.ctrlKey || event.metaKey;
    for (const place of this.picked) {
      const rows = place.pick?.(x, y);
      if (rows) store.put("selection", more ? new Set([...store.values.selection, ...rows]) : rows);
      const number = place.act?.(x, y) ?? null;
      if (number !== null) this.stage.send({ type: "act", panel: this.name, number });
    }
  }
};
