// Any chart: its plots arranged in a column, a row or a flow, each with its heading, axes and marks.

const BLOCK = { label: 34, gap: 26, rowGap: 12, named: 176, widestNamed: 380, other: 240 };
const EDGES = { left: 44, right: 12, bottom: 22 };

class ChartPanel extends CanvasPanel {
  constructor(stage, mount) {
    super(stage, mount);
    this.places = [];
    this.zoom = new Zoom(this.figure, () => this.places, () => this.refresh());
    this.unzoom = this.add("button", "cortex-unzoom", this.figure);
    Object.assign(this.unzoom, { type: "button", textContent: "Show all", title: "Show all again (double click)" });
    this.unzoom.addEventListener("click", (event) => {
      event.stopPropagation();
      this.zoom.reset();
      this.figure.focus();
    });
    this.tools = new Tools(stage, this);
    this.saidButtons = new SaidButtons(this);
  }

  follow() {
    this.tools.follow();
  }

  close() {
    this.tools.close();
    super.close();
  }

  heightFor(frame, width) {
    const flows = frame.meta.arrange === "flow";
    const said = plotsOf(frame).flatMap((plot) => plot.marks).filter((mark) => mark.kind === "sentences");
    this.figure.classList.toggle("cortex-flow", flows || said.length > 0);
    this.figure.classList.toggle("cortex-said", said.length > 0);
    if (said.length) {
      const context = this.canvas.getContext("2d");
      return said.reduce((sum, mark) => sum + layOutSentences(context, this.theme, mark, width).height, 0);
    }
    return flows ? arrangeFlow(plotsOf(frame), width, this.large ? 2.4 : 1.1).height : null;
  }

  draw(frame, surface) {
    if (glideOn(plotsOf(frame))) requestAnimationFrame(() => this.refresh());
    const plots = sifted(plotsOf(frame), this.filter);
    const { arrange } = frame.meta;
    const found = arrange === "flow" ? drawFlow(surface, plots, this.large ? 2.4 : 1.1) : { areas: ARRANGE[arrange](surface, plots) };
    const named = new Set(plots.flatMap(labelsOf));
    const stands = named.has(this.highlighted) && this.filter.shows([this.highlighted]);
    const presence = (label) => (!stands || this.highlighted === label ? 1 : 0.12);
    const places = plots.map((plot, position) => {
      const showX = arrange !== "column" || position === plots.length - 1;
      return drawPlot(surface, plot, found.areas[position], showX, { presence, filter: this.filter }, this.zoom.windowOf(position));
    });
    places.forEach((place, position) => Object.assign(place, { position, shared: arrange === "column" }));
    this.places = places;
    this.root.dataset.zoomed = this.zoom.zoomed;
    this.unzoom.hidden = !this.zoom.zoomed;
    this.stepped = places.filter((place) => place.plot.axes && place.plot.x?.label === "step");
    for (const place of this.stepped) drawMoment(surface, place);
    this.saidButtons.show(places.flatMap((place) => place.buttons ?? []));
    this.pins = places.filter((place) => place.pin);
    this.figure.classList.toggle("cortex-pins", this.pins.length > 0);
    this.placeNote(frame, places[0].area);
    const lined = places.filter((place) => place.plot.axes && place.plot.marks.some((mark) => mark.kind === "line"));
    return (x, y) => {
      for (const place of places) {
        for (const hit of place.hits) {
          const under = hit(x, y);
          if (under) return under;
        }
        const bin = place.plot.axes ? readBins(place, x, y) : null;
        if (bin) return bin;
      }
      if (arrange === "column" && lined.length) return readLines(lined, x, y);
      for (const place of lined) {
        const read = readLines([place], x, y);
        if (read) return read;
      }
      return null;
    };
  }

  filtered(frame) {
    const plots = plotsOf(frame);
    const wrong = plots.some((plot) => plot.marks.some((mark) => mark.kind === "scatter" && mark.outlined?.length));
    return new Set([...plots.flatMap(labelsOf), ...(wrong ? ["wrong"] : [])]);
  }

  // In the middle of the first plot, so that it does not lie over the axes of others.
  placeNote({ meta }, area) {
    if (!meta.note) return;
    const { clientWidth, clientHeight } = this.figure;
    const inset = [area.top, clientWidth - area.right, clientHeight - area.bottom, area.left];
    this.note.style.inset = inset.map((edge) => `${Math.round(edge)}px`).join(" ");
  }

  show(frame) {
    if (!frame.meta.plots.length) this.note.style.inset = "";
    super.show(frame);
  }

  // A click on a point or a tile chooses its row, with shift or control one more; on a curve, the step.
  click(event) {
    if (this.zoom.dragged) return;
    const box = this.figure.getBoundingClientRect();
    const [x, y] = [event.clientX - box.left, event.clientY - box.top];
    const { store } = this.stage;
    if (event.altKey) return this.breakAt(x, y);
    const more = event.shiftKey || event.ctrlKey || event.metaKey;
    for (const place of (this.pins ?? []).filter((one) => isInside(one.area, x, y))) {
      const row = place.pin(x, y);
      if (row === null) {
        if (!more && store.chosen.size) store.put("selection", []);
      } else if (more) {
        store.toggle(row);
      } else {
        store.put("selection", [row]);
        this.stage.send({ type: "pin", row });
      }
    }
    const step = this.stepAt(x, y);
    if (step !== null) store.put("moment", step === store.values.moment ? null : step);
  }

  // A breakpoint on the curve nearest to a place: at its level there, on the side where the curve is not yet.
  breakAt(x, y) {
    const place = (this.stepped ?? []).find(({ area }) => isInside(area, x, y));
    const lines = (place?.plot.marks ?? []).filter((mark) => mark.kind === "line" && mark.key && !isOutline(mark) && mark.y.length);
    const away = (line) => Math.abs(place.scales.y(line.y[nearest(line.x, place.scales.x.invert(x))]) - y);
    const line = lines.sort((one, other) => away(one) - away(other))[0];
    if (!line) return;
    const level = Number(place.scales.y.invert(y).toPrecision(3));
    const sign = line.y[line.y.length - 1] > level ? "<" : ">";
    this.stage.send({ type: "break", text: `${line.key.replace(/\.mean$/, "")} ${sign} ${level}` });
  }

  point(event) {
    super.point(event);
    this.stage.store.look(this.pointer && !this.zoom.drag ? this.stepAt(...this.pointer) : null);
  }

  // The step of a curve at a place of the figure, null where there is none.
  stepAt(x, y) {
    const places = (this.stepped ?? []).filter(({ area }) => isInside(area, x, y));
    const read = places.length ? readLines(places, x, y) : null;
    return read && Number.isInteger(read.found) ? read.found : null;
  }
}

const isInside = ({ left, right, top, bottom }, x, y) => x >= left - 6 && x <= right + 6 && y >= top - 6 && y <= bottom + 6;

// By what a legend calls the marks of a plot; "wrong" is said of points beside the group that they are in.
function labelsOf(plot) {
  return plot.marks.flatMap((mark) => (mark.kind === "scatter" ? mark.names : mark.label ? [mark.label] : []));
}

const sifted = (plots, filter) =>
  (filter.active ? plots.map((plot) => ({ ...plot, marks: plot.marks.filter((mark) => !mark.label || filter.shows([mark.label])) })) : plots);

function plotsOf(frame) {
  frame.plots ??= frame.meta.plots.map((plot) => ({
    ...plot,
    marks: plot.marks.map((mark) => {
      const held = {};
      for (const [name, array] of Object.entries(frame.arrays)) {
        if (name.startsWith(`${mark.name}.`)) held[name.slice(mark.name.length + 1)] = array;
      }
      return { ...mark, ...held };
    }),
  }));
  return frame.plots;
}

function drawPlot(surface, plot, area, showX, lets, shown) {
  const { context } = surface;
  const place = { plot, area, ...lets, hits: [] };
  if (plot.axes) {
    place.whole = {
      x: plot.x?.limits ?? rangeOf(plot.marks.map((mark) => mark.edges ?? mark.x)),
      y: plot.y?.limits ?? rangeOf(plot.marks.flatMap((mark) => (mark.edges ? [mark.values, [0]] : [mark.y]))),
    };
    const ranges = { ...place.whole, ...shown };
    const percents = { percent: plot.y?.percent, percentX: plot.x?.percent };
    const logs = { log: plot.y?.log, logX: plot.x?.log };
    const labels = { xLabel: plot.x?.label, yLabel: plot.y?.label, showX };
    place.scales = drawAxes(surface, area, { ...ranges, ...percents, ...logs, ...labels });
  } else {
    const inPlane = plot.marks.filter((mark) => mark.x && mark.y);
    place.scales = inPlane.length ? fitInto(inPlane, area, 11) : null;
    if (place.scales) {
      const { x, y } = place.scales;
      place.whole = { x: [area.left, area.right].map(x.invert), y: [area.bottom, area.top].map(y.invert) };
      if (shown.x && shown.y) place.scales = planeScales(shown, area);
    }
  }
  place.zooms = Boolean(place.scales);
  const top = area.top - headerOf(plot);
  if (plot.title || plot.detail) {
    const cut = drawHeading(surface, plot, area, top);
    if (cut) place.hits.push(cut);
  }
  for (const mark of plot.marks) {
    context.save();
    if (plot.axes || shown.x) {
      context.beginPath();
      context.rect(area.left - 4, area.top - 4, area.right - area.left + 8, area.bottom - area.top + 8);
      context.clip();
    }
    const hit = MARKS[mark.kind](surface, mark, place);
    if (hit) place.hits.unshift(hit);
    context.restore();
  }
  return place;
}

function headerOf(plot) {
  if (plot.title && plot.detail) return BLOCK.label;
  return plot.title || plot.detail ? 20 : plot.axes ? 8 : 0;
}

function drawHeading({ context, theme, width }, plot, { left, right, spare = 8 }, top) {
  // A heading may reach a little into the gap to the next plot.
  const room = Math.min(right + spare, width) - left;
  context.textAlign = "left";
  context.font = theme.strongFont;
  context.fillStyle = theme.text;
  const title = fit(context, plot.title, room);
  const taken = title ? context.measureText(title).width + 8 : 0;
  let level = top + (headerOf(plot) === 20 ? 11 : 8);
  context.fillText(title, left, level);
  context.font = theme.font;
  context.fillStyle = theme.muted;
  const aside = plot.aside && taken + context.measureText(plot.aside).width > room ? "" : plot.aside;
  if (aside) context.fillText(aside, left + taken, level);
  if (title) level += 14;
  const detail = plot.detail ? fitParts(context, plot.detail, room) : plot.detail;
  if (detail) context.fillText(detail, left, level);
  if (title === plot.title && aside === plot.aside && detail === plot.detail) return null;
  const text = [[plot.title, plot.aside].filter(Boolean).join(" "), plot.detail].filter(Boolean).join("\n");
  return (x, y) => (x >= left && x <= left + room && y >= top && y < level + 7 ? { x, y, text } : null);
}

// Where the marks of each plot go: below its heading and inside its axes.
const ARRANGE = {
  column({ width, height }, plots) {
    const axes = plots.some((plot) => plot.axes);
    const gap = axes ? 8 : 6;
    const spent = plots.reduce((sum, plot) => sum + headerOf(plot), 0) + gap * (plots.length - 1);
    const room = height - (axes ? EDGES.bottom : 0) - spent;
    const whole = plots.reduce((sum, plot) => sum + plot.share, 0);
    let top = 0;
    return plots.map((plot) => {
      const start = top + headerOf(plot);
      const area = { left: axes ? EDGES.left : 0, right: width - (axes ? EDGES.right : 0), top: start };
      area.bottom = start + (room * plot.share) / whole;
      top = area.bottom + gap;
      return area;
    });
  },

  row({ width, height }, plots) {
    const gap = 20;
    const whole = plots.reduce((sum, plot) => sum + plot.share, 0);
    const header = Math.max(...plots.map(headerOf));
    const room = width - 8 - gap * (plots.length - 1);
    let left = 0;
    return plots.map((plot) => {
      const own = (room * plot.share) / whole;
      const start = left + (plot.axes ? 40 : 0);
      const area = { left: start, right: left + own, top: header, bottom: height - (plot.axes ? EDGES.bottom : 2) };
      left += own + gap;
      return area;
    });
  },
};

// One row if the blocks fit when shrunk or grown a little, else as many rows as it takes.
function arrangeFlow(plots, width, most) {
  const blocks = plots.map((plot) => ({ plot, ...blockOf(plot) }));
  const widthOf = (block, zoom) => Math.max(block.zooms ? block.width * zoom : block.width, 56);
  const total = (row, zoom) => row.reduce((sum, block) => sum + widthOf(block, zoom), 0) + BLOCK.gap * (row.length - 1);
  let [zoom, rows, spare] = [0.9, [[]], 0];
  for (let wanted = most; wanted >= 0.74; wanted -= 0.04) {
    if (total(blocks, wanted) > width) continue;
    [zoom, rows, spare] = [wanted, [blocks], width - total(blocks, wanted)];
    break;
  }
  if (rows[0] !== blocks) {
    for (const block of blocks) {
      const row = rows[rows.length - 1];
      if (row.length && total([...row, block], zoom) > width) rows.push([block]);
      else row.push(block);
    }
  }
  const placed = [];
  let top = 0;
  for (const row of rows) {
    let left = 0;
    const height = Math.max(TILE_BLOCK * zoom, ...row.map((block) => block.least));
    for (const block of row) {
      // What room is left goes to bars, which are read, not looked at.
      const size = block.grows ? Math.min(BLOCK.widestNamed, block.width + spare) : widthOf(block, zoom);
      const bottom = top + BLOCK.label + (block.zooms ? TILE_BLOCK * zoom : height);
      const middle = top + BLOCK.label + height / 2;
      placed.push({ left, right: left + size, top: top + BLOCK.label, bottom, middle, spare: BLOCK.gap - 8 });
      left += size + BLOCK.gap;
    }
    top += BLOCK.label + height + BLOCK.rowGap;
  }
  return { areas: placed, height: top - BLOCK.rowGap + 4 };
}

// The bars of an answer must stay readable where pictures may shrink.
function blockOf(plot) {
  const [mark] = plot.marks;
  if (mark?.kind === "tiles") return { width: gridOf(mark).width, zooms: true, grows: false, least: 0 };
  if (mark?.kind === "bars" && !mark.edges) {
    return { width: BLOCK.named, zooms: false, grows: true, least: 12.5 * Math.min(12, mark.names.length) };
  }
  return { width: BLOCK.other, zooms: false, grows: false, least: 0 };
}

function drawFlow(surface, plots, most) {
  const { context, theme } = surface;
  const { areas } = arrangeFlow(plots, surface.width, most);
  context.textAlign = "center";
  context.fillStyle = theme.muted;
  context.font = `16px ${theme.font.slice(5)}`;
  for (const area of areas.slice(0, -1)) context.fillText("›", area.right + BLOCK.gap / 2, area.middle);
  context.font = theme.font;
  return {
    areas: areas.map((area, position) =>
      plots[position].axes ? { ...area, left: area.left + 40, bottom: area.bottom - EDGES.bottom } : area),
  };
}

PANELS.chart = ChartPanel;
