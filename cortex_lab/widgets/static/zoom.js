// Zooming into the plots of a chart: the wheel zooms, dragging pans, a double click shows all again.

const ZOOM = { wheel: 0.0016, key: 1.4, least: 1e-4, apart: 300, still: 4 };

// A wheel that began to turn elsewhere scrolls the page on, also over a figure.
let wheel = { target: null, at: -Infinity };

function wheelBelongs(figure, at) {
  const goesOn = at - wheel.at < ZOOM.apart;
  wheel = { target: goesOn ? wheel.target : figure, at };
  return wheel.target === figure;
}

document.addEventListener("wheel", (event) => {
  if (!event.target.closest?.(".cortex-figure")) wheel = { target: null, at: event.timeStamp };
}, { passive: true, capture: true });

// A pointer that was moved begins anew; after a scroll, browsers tell of moves that are none.
document.addEventListener("pointermove", (event) => {
  if (event.movementX || event.movementY) wheel = { target: null, at: -Infinity };
}, { passive: true, capture: true });

class Zoom {
  // `places()` are the plots as they were drawn, `changed()` has them drawn anew.
  constructor(figure, places, changed) {
    this.figure = figure;
    this.places = places;
    this.changed = changed;
    this.windows = new Map();
    this.drag = null;
    this.dragged = false;
    figure.addEventListener("wheel", (event) => this.turn(event), { passive: false });
    figure.addEventListener("pointerdown", (event) => this.grasp(event));
    figure.addEventListener("pointermove", (event) => this.pull(event));
    for (const end of ["pointerup", "pointercancel"]) figure.addEventListener(end, (event) => this.release(event));
    figure.addEventListener("dblclick", () => this.reset());
    figure.addEventListener("keydown", (event) => this.press(event));
  }

  get zoomed() {
    return this.windows.size > 0;
  }

  // The part of plot number `position` to draw: {x: [low, high], y: [low, high]}, either may be missing.
  windowOf(position) {
    return this.windows.get(position) ?? {};
  }

  reset() {
    this.windows.clear();
    this.changed();
  }

  under(event) {
    const box = this.figure.getBoundingClientRect();
    const [x, y] = [event.clientX - box.left, event.clientY - box.top];
    const place = this.places().find(({ area, zooms }) =>
      zooms && x >= area.left - 8 && x <= area.right + 8 && y >= area.top - 8 && y <= area.bottom + 24);
    return { x, y, place };
  }

  turn(event) {
    const { x, y, place } = this.under(event);
    if (!wheelBelongs(this.figure, event.timeStamp) || !place) return;
    // Some turn the wheel sideways while shift is held.
    const turned = event.deltaY || event.deltaX;
    if (turned > 0 && !this.windows.has(place.position)) return;
    event.preventDefault();
    this.scale(place, [x, y], Math.exp(ZOOM.wheel * Math.max(-400, Math.min(400, turned))), event.shiftKey);
  }

  press(event) {
    const factor = { "+": 1 / ZOOM.key, "=": 1 / ZOOM.key, "-": ZOOM.key }[event.key];
    if (event.target !== this.figure || event.ctrlKey || event.metaKey || (!factor && event.key !== "0")) return;
    event.preventDefault();
    event.stopPropagation();
    if (!factor) return this.reset();
    for (const place of this.places().filter((one) => one.zooms)) {
      const { left, right, top, bottom } = place.area;
      this.scale(place, [(left + right) / 2, (top + bottom) / 2], factor, false);
    }
  }

  // Curves are stretched along their steps, upwards only on request; a plane in both directions.
  scale(place, [x, y], factor, upwards) {
    const { area, plot } = place;
    const ends = (low, high, at) => [at + (low - at) * factor, at + (high - at) * factor];
    const wanted = {};
    if (!plot.axes || !upwards) wanted.x = ends(area.left, area.right, x);
    if (!plot.axes || upwards) wanted.y = ends(area.bottom, area.top, y);
    this.show(place, wanted);
  }

  grasp(event) {
    this.dragged = false;
    const { x, y, place } = this.under(event);
    if (event.button !== 0 || !place) return;
    this.drag = { x, y, from: [x, y], position: place.position };
  }

  pull(event) {
    if (!this.drag) return;
    const { x, y } = this.under(event);
    if (!this.dragged && Math.hypot(x - this.drag.from[0], y - this.drag.from[1]) < ZOOM.still) return;
    if (!this.dragged) this.figure.setPointerCapture?.(event.pointerId);
    this.dragged = true;
    const place = this.places().find((one) => one.position === this.drag.position);
    const { left, right, top, bottom } = place.area;
    const [across, up] = [this.drag.x - x, this.drag.y - y];
    const { x: zoomedX, y: zoomedY } = this.windowOf(place.position);
    const wanted = {};
    if (zoomedX || !place.plot.axes) wanted.x = [left + across, right + across];
    if (zoomedY || !place.plot.axes) wanted.y = [bottom + up, top + up];
    [this.drag.x, this.drag.y] = [x, y];
    this.show(place, wanted);
  }

  release(event) {
    this.drag = null;
    if (this.figure.hasPointerCapture?.(event.pointerId)) this.figure.releasePointerCapture(event.pointerId);
  }

  // Have these pixels of a plot fill it; all of the plot is the most.
  show(place, pixels) {
    const alike = this.places().filter((one) =>
      one === place || (pixels.x && one.zooms && one.plot.axes && place.plot.axes && one.shared && place.shared));
    for (const one of alike) {
      const found = { ...this.windowOf(one.position) };
      for (const [name, ends] of Object.entries(pixels)) {
        if (one !== place && name === "y") continue;
        const scale = place.scales[name];
        const shown = clamped(ends, place.whole[name].map(scale));
        if (shown) found[name] = shown.map(scale.invert);
        else delete found[name];
      }
      if (Object.keys(found).length) this.windows.set(one.position, found);
      else this.windows.delete(one.position);
    }
    this.changed();
  }
}

// Two ends shifted to lie between two others; null if they reach as far.
function clamped([low, high], [lowest, highest]) {
  const [size, room] = [high - low, highest - lowest];
  if (size / room > 0.999) return null;
  if (size / room < ZOOM.least) return [low, low + ZOOM.least * room];
  const start = Math.min(Math.max((low - lowest) / room, 0), 1 - size / room);
  return [lowest + start * room, lowest + start * room + size];
}
