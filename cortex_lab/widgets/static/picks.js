// Marks whose click selects many rows at once, or is told to the kernel by its number; and rows that are looked for.

// A mark says `place.pick(x, y)`, rows of the dataset, and `place.act(x, y)`, a number; null where there is nothing.
PANELS.chart = class extends ChartPanel {
  constructor(stage, mount) {
    super(stage, mount);
    this.lasso = new Lasso(this.figure, () => this.places, stage.store, () => { this.zoom.dragged = true; });
    this.taker = toolButton("◌", "Lasso: drag around rows to select them (or hold Shift; Alt for a box)", () => this.take());
    this.taker.setAttribute("aria-pressed", "false");
    this.search = new RowSearch(this, (text) => this.look(text));
    this.tools.bar.prepend(this.search.button, this.taker);
    this.taker.hidden = this.search.button.hidden = true;
  }

  take() {
    this.lasso.taken = !this.lasso.taken;
    this.taker.setAttribute("aria-pressed", String(this.lasso.taken));
    this.figure.classList.toggle("cortex-lassoed", this.lasso.taken);
  }

  draw(frame, surface) {
    const hit = super.draw(frame, surface);
    this.picked = this.places.filter((place) => place.pick || place.act);
    this.taker.hidden = this.search.button.hidden = !this.lasso.marks.length;
    if (this.picked.length) this.figure.classList.add("cortex-pins");
    return hit;
  }

  look(text) {
    if (text.trim()) this.stage.send({ type: "search", panel: this.name, text });
    else this.found({ text: "" }, []);
  }

  // The rows that were looked for: those of them that are shown here are selected.
  found({ text, refusal }, rows) {
    if (refusal) return this.search.tell(refusal);
    const wanted = new Set(rows);
    const here = new Set(this.lasso.marks.flatMap(({ mark }) => [...mark.keys].filter((row) => wanted.has(row))));
    this.stage.store.put("selection", [...here]);
    if (!text) return this.search.tell("");
    const count = here.size.toLocaleString("en-US");
    this.search.tell(here.size || !wanted.size ? `${count} ${here.size === 1 ? "row" : "rows"}` : "none of those shown");
  }

  tellRow(row) {
    const { rows } = this.stage;
    const card = row === undefined ? null : rows.about(row);
    if (row === undefined) rows.leave();
    this.tooltip.classList.toggle("cortex-card-of", Boolean(card));
    this.tooltip.replaceChildren(this.said, ...(card?.picture ? [card.picture] : []));
    if (card?.text) setText(this.said, `${this.said.textContent}\n${card.text}`);
  }

  point(event) {
    super.point(event);
    if (!event) this.stage.rows.leave();
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
