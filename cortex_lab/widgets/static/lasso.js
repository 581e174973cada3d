// Rows chosen by drawing around their points: shift and drag draws freely, alt and drag a box; control adds.

const LASSO = { still: 4 };

class Lasso {
  // `places()` are the plots as they were drawn, `chosen(rows, more)` is told what lies inside.
  constructor(figure, places, chosen) {
    this.figure = figure;
    this.places = places;
    this.chosen = chosen;
    this.path = null;
    this.drawn = false;
    this.layer = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    this.layer.classList.add("cortex-lasso");
    this.shape = document.createElementNS("http://www.w3.org/2000/svg", "polygon");
    this.layer.append(this.shape);
    figure.append(this.layer);
    // Before the zoom hears of it, which would move the plane.
    figure.addEventListener("pointerdown", (event) => this.grasp(event), { capture: true });
    figure.addEventListener("pointermove", (event) => this.pull(event), { capture: true });
    figure.addEventListener("pointerup", (event) => this.release(event), { capture: true });
    figure.addEventListener("pointercancel", () => this.end(), { capture: true });
    figure.addEventListener("keydown", (event) => event.key === "Escape" && this.end());
  }

  under(event) {
    const box = this.figure.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }

  grasp(event) {
    this.drawn = false;
    if (event.button !== 0 || !(event.shiftKey || event.altKey)) return;
    const at = this.under(event);
    if (!this.places().some((place) => isInside(place.area, ...at))) return;
    event.stopImmediatePropagation();
    this.path = [at];
    this.boxed = event.altKey;
  }

  pull(event) {
    if (!this.path) return;
    event.stopImmediatePropagation();
    const at = this.under(event);
    const [x, y] = this.path[0];
    if (!this.drawn && Math.hypot(at[0] - x, at[1] - y) < LASSO.still) return;
    if (!this.drawn) this.figure.setPointerCapture?.(event.pointerId);
    this.drawn = true;
    if (this.boxed) this.path = [[x, y], [at[0], y], at, [x, at[1]]];
    else this.path.push(at);
    this.shape.setAttribute("points", this.path.map((point) => point.map(Math.round).join(",")).join(" "));
    this.layer.classList.add("cortex-drawn");
  }

  release(event) {
    const { path } = this;
    if (!path) return;
    this.end();
    if (this.figure.hasPointerCapture?.(event.pointerId)) this.figure.releasePointerCapture(event.pointerId);
    if (!this.drawn) return;
    const rows = this.places().flatMap((place) => rowsInside(place, path));
    this.chosen([...new Set(rows)], event.ctrlKey || event.metaKey);
  }

  end() {
    this.path = null;
    this.layer.classList.remove("cortex-drawn");
  }
}

function rowsInside({ plot, scales }, path) {
  const rows = [];
  for (const mark of plot.marks.filter((one) => one.kind === "scatter" && one.pins)) {
    for (let i = 0; i < mark.x.length; i++) {
      if (liesInside(path, scales.x(mark.x[i]), scales.y(mark.y[i]))) rows.push(mark.keys[i]);
    }
  }
  return rows;
}

// By how often a line from the point to the right crosses the path.
function liesInside(path, x, y) {
  let inside = false;
  for (let i = 0, before = path.length - 1; i < path.length; before = i, i++) {
    const [x1, y1] = path[i];
    const [x2, y2] = path[before];
    if (y1 > y !== y2 > y && x < ((x2 - x1) * (y - y1)) / (y2 - y1) + x1) inside = !inside;
  }
  return inside;
}
