// Marks that fill a box: a bar for each name, a table of cells, a graph.

MARKS.bars = (surface, mark, place) => {
  if (mark.edges) {
    drawUprightBars(surface, mark, place);
    return null;
  }
  const { context, theme } = surface;
  const { area, plot } = place;
  const { values, names, strong } = mark;
  const count = values.length;
  if (!count) return null;
  const pitch = Math.min(18, (area.bottom - area.top) / count);
  const range = rangeOf([values]);
  const [low, high] = plot.x?.limits ?? [Math.min(0, range[0]), Math.max(0, range[1]) || 1];
  const tell = (value) => (plot.x?.percent ? `${(100 * value).toFixed(0)}%` : formatNumber(value));
  context.font = theme.font;
  const shown = names.map((name) => fit(context, name, 64));
  // Bars too thin for words are told of under the pointer, and have all the room.
  const worded = pitch >= 9;
  const left = area.left + (worded ? Math.max(...shown.map((name) => context.measureText(name).width)) + 8 : 0);
  const full = area.right - left - (worded ? 40 : 0);
  const across = makeScale([low, high], left, left + full);
  for (let i = 0; i < count; i++) {
    const middle = area.top + (i + 0.5) * pitch;
    const stands = strong === undefined ? false : i === strong;
    context.font = stands ? theme.strongFont : theme.font;
    context.textAlign = "right";
    context.fillStyle = stands ? theme.text : theme.muted;
    if (worded) context.fillText(shown[i], left - 6, middle);
    context.fillStyle = theme.line;
    context.fillRect(left, middle - pitch * 0.36, full, pitch * 0.72);
    context.fillStyle = stands || strong === undefined ? theme.color(mark.color) : theme.muted;
    const [from, to] = [across(Math.max(low, 0)), across(values[i])];
    context.fillRect(Math.min(from, to), middle - pitch * 0.36, Math.abs(to - from), pitch * 0.72);
    context.textAlign = "left";
    context.fillStyle = stands ? theme.text : theme.muted;
    if (worded) context.fillText(tell(values[i]), left + full + 6, middle);
  }
  const barAt = (x, y) => {
    const i = Math.floor((y - area.top) / pitch);
    return i < 0 || i >= count || x < area.left || x > area.right ? null : i;
  };
  pickBars(mark, place, barAt);
  frameChosen(surface, mark, (i) => [left, area.top + (i + 0.14) * pitch, full, pitch * 0.72]);
  return (x, y) => {
    const i = barAt(x, y);
    if (i === null) return null;
    const value = plot.x?.percent ? `${(100 * values[i]).toFixed(2)}%` : formatNumber(values[i]);
    return { x, y, text: `${names[i]}: ${value}${i === strong && mark.told ? `\n${mark.told}` : ""}${chosenOf(surface.store, mark, i).told}` };
  };
};

// The rows that a bar, or a cell of a matrix, stands for.
const membersOf = (mark, i) => (mark.starts?.length ? mark.members.subarray(mark.starts[i], mark.starts[i + 1]) : []);

// Whether some of these rows, and whether all of them, are selected; and how many, in words.
function chosenOf(store, mark, i) {
  const rows = store.chosen.size ? membersOf(mark, i) : [];
  const count = rows.reduce((sum, row) => sum + store.chosen.has(row), 0);
  return { some: count > 0, all: count > 0 && count === rows.length, told: count ? `\n${count} of ${rows.length} selected` : "" };
}

// What stands for rows has a frame where all of them are selected, and a thin one where some are.
function frameChosen({ context, theme, store }, mark, boxOf) {
  if (!store.chosen.size || !mark.starts?.length) return;
  context.strokeStyle = theme.color(6);
  for (let i = 0; i + 1 < mark.starts.length; i++) {
    const { some, all } = chosenOf(store, mark, i);
    context.lineWidth = all ? 2 : 1;
    context.setLineDash(all ? [] : [3, 2]);
    if (some) context.strokeRect(...boxOf(i));
  }
  context.setLineDash([]);
}

// A click on a bar selects the rows that it stands for.
function pickBars(mark, place, barAt) {
  if (!mark.starts?.length) return;
  const others = place.pick;
  place.pick = (x, y) => {
    const i = barAt(x, y);
    return i === null ? (others?.(x, y) ?? null) : membersOf(mark, i);
  };
}

MARKS.cells = (surface, mark, place) => {
  const { area } = place;
  const { context, theme } = surface;
  const { rows, columns, values } = mark;
  if (!rows.length || !columns.length) return null;
  context.font = theme.font;
  const names = rows.map((name) => fit(context, name, 72));
  const left = area.left + 8 + Math.max(...names.map((name) => context.measureText(name).width));
  const [width, height] = [(area.right - left) / columns.length, (area.bottom - area.top - 18) / rows.length];
  const ramp = rampOf(theme.shades[mark.ramp]);
  const [low, high] = mark.limits;
  rows.forEach((_, i) => {
    context.textAlign = "right";
    context.fillStyle = theme.muted;
    if (height >= 9) context.fillText(names[i], left - 6, area.top + (i + 0.5) * height);
    columns.forEach((__, j) => {
      const value = values[i * columns.length + j];
      const level = (value - low) / (high - low || 1);
      context.fillStyle = Number.isFinite(level) ? shadeOf(ramp, level) : theme.line;
      context.fillRect(left + j * width, area.top + i * height, width - 1, height - 1);
      const text = mark.texts.length ? fit(context, mark.texts[i * columns.length + j], width - 6) : formatNumber(value);
      if (!(mark.numbers || mark.texts.length) || height < 11 || context.measureText(text).width > width - 4) return;
      context.textAlign = "center";
      context.fillStyle = brightness(context.fillStyle) < 128 ? "#ffffff" : "#15181d";
      context.fillText(text, left + (j + 0.5) * width, area.top + (i + 0.5) * height);
    });
  });
  context.strokeStyle = theme.color(6);
  context.lineWidth = 2;
  for (const i of surface.store.placesIn(mark)) {
    context.strokeRect(left, area.top + i * height - 0.5, area.right - left - 1, height);
  }
  if (mark.pins) place.pin = (x, y) => mark.keys[Math.floor((y - area.top) / height)] ?? null;
  context.textAlign = "center";
  context.fillStyle = theme.muted;
  columns.forEach((name, j) => context.fillText(fit(context, name, width - 4), left + (j + 0.5) * width, area.bottom - 7));
  return (x, y) => {
    const [i, j] = [Math.floor((y - area.top) / height), Math.floor((x - left) / width)];
    if (i < 0 || j < 0 || i >= rows.length || j >= columns.length) return null;
    const at = i * columns.length + j;
    return { x, y, text: `${rows[i]}, ${columns[j]}: ${mark.texts.length ? mark.texts[at] : formatNumber(values[at])}` };
  };
};

MARKS.diagram = (surface, mark, { area }) => {
  const { context, theme } = surface;
  const { names, details, edges, places, values } = mark;
  const place = (i) => [
    area.left + places[2 * i] * (area.right - area.left),
    area.top + places[2 * i + 1] * (area.bottom - area.top),
  ];
  context.font = theme.font;
  const tall = details.length ? 34 : 20;
  const widths = names.map((name, i) =>
    16 + Math.max(context.measureText(name).width, details.length ? context.measureText(details[i]).width : 0));
  context.strokeStyle = theme.muted;
  context.lineWidth = 1;
  for (const [start, end] of edges) {
    const [[left, top], [right, bottom]] = [place(start), place(end)];
    const middle = (left + right) / 2;
    context.beginPath();
    context.moveTo(left, top);
    context.bezierCurveTo(middle, top, middle, bottom, right, bottom);
    context.stroke();
  }
  const ramp = rampOf(theme.shades.sequential);
  context.textAlign = "center";
  names.forEach((name, i) => {
    const [x, y] = place(i);
    context.fillStyle = values ? shadeOf(ramp, 0.7 * values[i]) : theme.background;
    const dark = values ? brightness(context.fillStyle) < 128 : theme.dark;
    context.beginPath();
    context.roundRect(x - widths[i] / 2, y - tall / 2, widths[i], tall, 4);
    context.fill();
    context.stroke();
    context.fillStyle = dark ? "#ffffff" : "#15181d";
    context.fillText(name, x, details.length ? y - 7 : y);
    if (details.length) context.fillText(details[i], x, y + 7);
  });
  return (x, y) => {
    const i = names.findIndex((_, node) => {
      const [middle, level] = place(node);
      return Math.abs(x - middle) < widths[node] / 2 && Math.abs(y - level) < tall / 2;
    });
    if (i < 0) return null;
    const value = values ? `\n${formatNumber(values[i])}` : "";
    return { x, y, text: `${names[i]}${details.length ? `\n${details[i]}` : ""}${value}` };
  };
};
