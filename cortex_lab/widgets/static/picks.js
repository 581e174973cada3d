// Marks whose click selects many rows at once, or is told to the kernel by its number.

// A mark says `place.pick(x, y)`, rows of the dataset, and `place.act(x, y)`, a number; null where there is nothing.
PANELS.chart = class extends ChartPanel {
  constructor(stage, mount) {
    super(stage, mount);
    const { store } = stage;
    this.lasso = new Lasso(this.figure, () => this.pins ?? [], (rows, more) =>
      store.put("selection", more ? new Set([...store.values.selection, ...rows]) : rows));
    this.figure.addEventListener("pointerdown", () => { this.zoom.dragged = false; }, { capture: true });
  }

  draw(frame, surface) {
    const hit = super.draw(frame, surface);
    this.picked = this.places.filter((place) => place.pick || place.act);
    if (this.picked.length) this.figure.classList.add("cortex-pins");
    return hit;
  }

  click(event) {
    if (this.lasso.drawn) return;
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
