// Marks over an axis: lines, outlines and upright bars, and how to read numbers off them.

const isOutline = (mark) => mark.kind === "line" && mark.x.length === mark.y.length + 1;
const isBinned = (mark) => isOutline(mark) || (mark.kind === "bars" && mark.edges !== undefined);

MARKS.line = (surface, mark, place) => {
  const { context, theme } = surface;
  const { x: across, y: up } = place.scales;
  const { x, y } = mark;
  context.strokeStyle = context.fillStyle = theme.color(mark.color);
  context.globalAlpha = (mark.faint ? 0.35 : 1) * place.presence(mark.label);
  context.lineJoin = "round";
  if (isOutline(mark)) {
    context.lineWidth = 1.2;
    drawOutline(context, place, x, y);
    return null;
  }
  context.lineWidth = mark.faint ? 1 : 1.8;
  context.beginPath();
  let pen = false;
  for (let i = 0; i < x.length; i++) {
    if (!Number.isFinite(y[i])) {
      pen = false;
      continue;
    }
    if (pen) context.lineTo(across(x[i]), up(y[i]));
    else context.moveTo(across(x[i]), up(y[i]));
    pen = true;
  }
  context.stroke();
  if (mark.dots || x.length < 3) {
    for (let i = 0; i < x.length; i++) {
      if (!Number.isFinite(y[i])) continue;
      context.beginPath();
      context.arc(across(x[i]), up(y[i]), 2.6, 0, 2 * Math.PI);
      context.fill();
    }
  }
  return null;
};

function drawOutline(context, { scales, area }, edges, values) {
  context.beginPath();
  context.moveTo(scales.x(edges[0]), area.bottom);
  for (let i = 0; i < values.length; i++) {
    const level = Math.max(area.top, scales.y(values[i]));
    context.lineTo(scales.x(edges[i]), level);
    context.lineTo(scales.x(edges[i + 1]), level);
  }
  context.lineTo(scales.x(edges[edges.length - 1]), area.bottom);
  context.stroke();
}

function drawUprightBars(surface, mark, place) {
  const { context, theme } = surface;
  const { scales, area, presence } = place;
  context.fillStyle = theme.color(mark.color);
  context.globalAlpha = 0.75 * presence(mark.label);
  const floor = Math.min(area.bottom, scales.y(0));
  for (let i = 0; i < mark.values.length; i++) {
    if (!mark.values[i]) continue;
    const [left, right] = [scales.x(mark.edges[i]), scales.x(mark.edges[i + 1])];
    const level = Math.max(area.top, scales.y(mark.values[i]));
    context.fillRect(left + 0.5, Math.min(level, floor), Math.max(1, right - left - 1), Math.abs(floor - level));
  }
  context.globalAlpha = 1;
  frameChosen(surface, mark, (i) => {
    const [left, right] = [scales.x(mark.edges[i]), scales.x(mark.edges[i + 1])];
    return [left, area.top, right - left, area.bottom - area.top];
  });
  pickBars(mark, place, (x, y) => {
    const at = scales.x.invert(x);
    const i = mark.edges.findIndex((edge, j) => edge <= at && at < mark.edges[j + 1]);
    return i < 0 || y < area.top || y > area.bottom ? null : i;
  });
}

// What the bars and outlines of a plot say about the bin under the pointer.
function readBins(place, x, y) {
  const marks = place.plot.marks.filter(isBinned);
  const { area } = place;
  if (!marks.length || x < area.left || x > area.right || y < area.top - 8) return null;
  const edgesOf = (mark) => mark.edges ?? mark.x;
  const edges = edgesOf(marks[0]);
  const at = place.scales.x.invert(x);
  const bin = edges.findIndex((edge, i) => edge <= at && at < edges[i + 1]);
  if (bin < 0) return null;
  const lines = [`${formatNumber(edges[bin])} to ${formatNumber(edges[bin + 1])}`];
  for (const mark of marks) {
    const value = (mark.values ?? mark.y)[bin];
    if (value === undefined || edgesOf(mark)[bin] !== edges[bin]) continue;
    lines.push(`${mark.label || place.plot.title}: ${formatValue(Math.round(1e6 * value) / 1e6, place.plot.y?.percent)}`);
  }
  return { x, y, text: lines.join("\n") };
}

// What the lines of plots on a common axis say about the place under the pointer.
function readLines(places, x, y) {
  const linesOf = (place) => place.plot.marks.filter((mark) => mark.kind === "line" && !isOutline(mark));
  const { area, scales, plot } = places[0];
  if (x < area.left - 6 || x > area.right + 6) return null;
  const wanted = scales.x.invert(x);
  const known = places.flatMap((place) => linesOf(place).map((line) => line.x[nearest(line.x, wanted)]))
    .filter((found) => found !== undefined);
  if (!known.length) return null;
  const found = known.reduce((best, one) => (Math.abs(one - wanted) < Math.abs(best - wanted) ? one : best));
  const number = Number.isInteger(found) ? found.toLocaleString("en-US") : formatNumber(found);
  const told = [`${plot.x?.label || "x"} ${number}`];
  for (const place of places) {
    for (const line of linesOf(place)) {
      const position = nearest(line.x, found);
      if (position < 0 || !Number.isFinite(line.y[position]) || (line.x[position] !== found && line.dots)) continue;
      const name = [place.plot.title, line.label].filter(Boolean).join(", ") || place.plot.y?.label || "y";
      const { percent } = place.plot.y ?? {};
      told.push(`${name}: ${percent ? formatValue(line.y[position], true) : formatNumber(line.y[position])}`);
    }
  }
  return { x: scales.x(found), y, text: told.join("\n"), found };
}

// The moment that all views share, or the step under the pointer: a line, and a dot on each curve.
function drawMoment(surface, place) {
  const { context, theme, store } = surface;
  const { area, scales, plot } = place;
  for (const [step, dash] of [[store.values.moment, []], [store.glance, [3, 3]]]) {
    const left = step === null ? NaN : Math.round(scales.x(step)) + 0.5;
    if (!(left >= area.left - 1 && left <= area.right + 1)) continue;
    context.save();
    context.strokeStyle = context.fillStyle = theme.text;
    context.lineWidth = 1;
    context.setLineDash(dash);
    context.beginPath();
    context.moveTo(left, area.top);
    context.lineTo(left, area.bottom);
    context.stroke();
    for (const line of plot.marks.filter((mark) => mark.kind === "line" && !isOutline(mark) && !mark.faint)) {
      const i = nearest(line.x, step);
      const level = i < 0 ? NaN : scales.y(line.y[i]);
      if (!(level >= area.top && level <= area.bottom) || Math.abs(scales.x(line.x[i]) - left) > 4) continue;
      context.beginPath();
      context.arc(left, level, 3, 0, 2 * Math.PI);
      context.fill();
    }
    context.restore();
  }
}

function nearest(sorted, wanted) {
  if (!sorted.length) return -1;
  let [low, high] = [0, sorted.length - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle] < wanted) low = middle + 1;
    else high = middle;
  }
  return low > 0 && wanted - sorted[low - 1] < sorted[low] - wanted ? low - 1 : low;
}
