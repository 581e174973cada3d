// A way drawn around points selects their rows: with shift held, or once the lasso of the panel is taken; a box with
// alt held.

class Lasso {
  // `places()` are the plots as they were drawn; `ended()` is told that a drag was no click.
  constructor(figure, places, store, ended) {
    Object.assign(this, { figure, places, store, ended });
    this.taken = false;
    this.way = null;
    this.drawn = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    this.drawn.setAttribute("class", "cortex-lasso");
    this.line = document.createElementNS("http://www.w3.org/2000/svg", "polygon");
    this.drawn.append(this.line);
    // Before the plot is grasped to be moved.
    figure.addEventListener("pointerdown", (event) => this.grasp(event), true);
    figure.addEventListener("pointermove", (event) => this.pull(event), true);
    for (const end of ["pointerup", "pointercancel"]) figure.addEventListener(end, (event) => this.release(event), true);
  }

  // Points that stand for rows.
  get marks() {
    return this.places().flatMap((place) =>
      place.plot.marks.filter((mark) => mark.kind === "scatter" && mark.pins && place.scales).map((mark) => ({ mark, ...place.scales })));
  }

  at(event) {
    const box = this.figure.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }

  grasp(event) {
    if (event.button !== 0 || !(this.taken || event.shiftKey || event.altKey) || !this.marks.length) return;
    this.way = [this.at(event)];
    this.box = event.altKey;
    this.pointer = event.pointerId;
  }

  pull(event) {
    if (!this.way) return;
    const [from] = this.way, to = this.at(event);
    if (this.box) this.way = [from, [to[0], from[1]], to, [from[0], to[1]]];
    else this.way.push(to);
    event.stopPropagation();
    if (this.way.length < 4) return;
    this.figure.setPointerCapture?.(this.pointer);
    if (!this.drawn.isConnected) this.figure.append(this.drawn);
    this.line.setAttribute("points", this.way.map((place) => place.join()).join(" "));
  }

  release(event) {
    const way = this.way;
    this.way = null;
    this.drawn.remove();
    if (!way || way.length < 4 || event.type === "pointercancel") return;
    const rows = this.marks.flatMap(({ mark, x, y }) => [...mark.keys].filter((_, i) => mark.isShown(i) && isAround(way, x(mark.x[i]), y(mark.y[i]))));
    const more = event.ctrlKey || event.metaKey;
    this.store.put("selection", [...new Set(more ? [...this.store.values.selection, ...rows] : rows)]);
    this.ended();
  }
}

// Whether a way, closed, goes around a place: a ray from it crosses the way an odd number of times.
function isAround(way, x, y) {
  let inside = false;
  for (let i = 0, before = way.length - 1; i < way.length; before = i++) {
    const [[left, top], [right, bottom]] = [way[before], way[i]];
    if (top > y !== bottom > y && x < ((right - left) * (y - top)) / (bottom - top) + left) inside = !inside;
  }
  return inside;
}
