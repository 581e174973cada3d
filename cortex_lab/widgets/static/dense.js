// Many points at once, stamped into pixels: a path for each takes a page as long as a hundred stamps.

// Points from which on they are stamped, and up to which those that are wrong have a line around them.
const MANY = { stamped: 2000, outlined: 50_000 };

const layers = new WeakMap();
const stamps = new Map();

// A canvas of so many pixels to stamp into, cleared; each panel keeps its own.
function layerOf(context, width, height) {
  let layer = layers.get(context);
  if (!layer || layer.canvas.width !== width || layer.canvas.height !== height) {
    const canvas = Object.assign(document.createElement("canvas"), { width, height });
    const image = canvas.getContext("2d").createImageData(width, height);
    layer = { canvas, image, pixels: new Uint32Array(image.data.buffer) };
    layers.set(context, layer);
  }
  layer.pixels.fill(0);
  return layer;
}

// Where a symbol covers pixels around its middle, and how much of each, from 1 to 255; `stroke` is the width of a
// line around it, 0 for the symbol itself.
function stampOf(symbol, radius, stroke) {
  const key = `${symbol} ${radius} ${stroke}`;
  if (!stamps.has(key)) {
    const reach = Math.ceil(1.5 * radius + stroke) + 1;
    const size = 2 * reach + 1;
    const canvas = Object.assign(document.createElement("canvas"), { width: size, height: size });
    const context = canvas.getContext("2d", { willReadFrequently: true });
    context.beginPath();
    traceMark(context, symbol, reach + 0.5, reach + 0.5, radius);
    context.lineWidth = stroke;
    if (stroke) context.stroke();
    else context.fill();
    const { data } = context.getImageData(0, 0, size, size);
    const [across, down, cover] = [[], [], []];
    for (let i = 0; i < size * size; i++) {
      if (!data[4 * i + 3]) continue;
      across.push((i % size) - reach);
      down.push(Math.floor(i / size) - reach);
      cover.push(data[4 * i + 3]);
    }
    stamps.set(key, { reach, across: Int32Array.from(across), down: Int32Array.from(down), cover: Uint8Array.from(cover) });
  }
  return stamps.get(key);
}

// A stamp for a layer: how far each of its pixels lies from the middle one. `crisp` has no half covered pixels, which
// take far longer and are lost among many points.
function setFor({ canvas: { width, height } }, { reach, across, down, cover }, crisp) {
  const chosen = [...cover.keys()].filter((k) => !crisp || cover[k] > 127);
  return {
    width, height, reach,
    across: Int32Array.from(chosen, (k) => across[k]),
    down: Int32Array.from(chosen, (k) => down[k]),
    away: Int32Array.from(chosen, (k) => down[k] * width + across[k]),
    cover: Uint8Array.from(chosen, (k) => (crisp ? 255 : cover[k])),
    crisp,
  };
}

function stamp(pixels, set, x, y, color) {
  const { width, height, reach, away, cover } = set;
  if (x < -reach || y < -reach || x >= width + reach || y >= height + reach) return;
  if (x < reach || y < reach || x >= width - reach || y >= height - reach) {
    stampAtEdge(pixels, set, x, y, color);
  } else if (set.crisp) {
    const middle = y * width + x;
    for (let k = 0; k < away.length; k++) pixels[middle + away[k]] = color;
  } else {
    const middle = y * width + x;
    for (let k = 0; k < away.length; k++) lay(pixels, middle + away[k], cover[k], color);
  }
}

function stampAtEdge(pixels, { width, height, across, down, cover }, x, y, color) {
  for (let k = 0; k < cover.length; k++) {
    const i = x + across[k], j = y + down[k];
    if (i >= 0 && j >= 0 && i < width && j < height) lay(pixels, j * width + i, cover[k], color);
  }
}

function lay(pixels, at, cover, color) {
  const under = pixels[at];
  if (cover === 255) pixels[at] = color;
  else if (under >>> 24 === 255) pixels[at] = mixed(under, color, cover / 255);
  else if (under >>> 24 < cover) pixels[at] = ((color & 0xffffff) | (cover << 24)) >>> 0;
}

// Of two opaque colors as bytes: so much of the second.
function mixed(one, other, share) {
  const part = (shift) => Math.round(((one >>> shift) & 255) * (1 - share) + ((other >>> shift) & 255) * share) << shift;
  return (part(0) | part(8) | part(16) | 0xff000000) >>> 0;
}

const packed = (color) => parseColor(color).reduce((sum, part, k) => sum | (part << (8 * k)), 0xff000000) >>> 0;

// For each point of a scatter the place of its color in a palette, and the palette; kept until the theme changes.
function colorsOf(mark, theme) {
  const { groups, values, names } = mark;
  if (mark.colored?.dark === theme.dark) return mark.colored;
  const count = mark.x.length;
  const codes = new Uint16Array(count);
  const palette = [];
  if (values?.length) {
    const ramp = rampOf(theme.shades[mark.ramp]);
    const [low, high] = mark.limits ?? [0, 1];
    for (let i = 0; i < 256; i++) palette.push(packed(shadeOf(ramp, i / 255)));
    palette.push(packed(theme.muted));
    for (let i = 0; i < count; i++) {
      const level = (values[i] - low) / (high - low || 1);
      codes[i] = Number.isFinite(level) ? Math.round(255 * Math.min(1, Math.max(0, level))) : 256;
    }
  } else {
    const colors = Math.max(1, names.length);
    for (let i = 0; i < colors; i++) palette.push(packed(theme.color(typeof mark.color === "number" ? mark.color + i : mark.color)));
    if (groups.length) codes.set(groups);
  }
  mark.colored = { dark: theme.dark, codes, palette };
  return mark.colored;
}

// All points of a scatter. `symbolOf(group)` is what one is drawn as, `presence(group)` how much of it is there.
function stampPoints(surface, mark, place, { radius, stands, symbolOf, presence }) {
  const { context, theme, width, height, ratio } = surface;
  const { x: across, y: up } = place.scales;
  const { x, y, groups, keys, around, isShown } = mark;
  const layer = layerOf(context, Math.round(width * ratio), Math.round(height * ratio));
  const { codes, palette } = colorsOf(mark, theme);
  const ground = packed(theme.background);
  const count = Math.max(1, mark.names.length);
  const size = Math.max(1, (x.length > MANY.outlined ? 0.5 : 1) * radius * ratio);
  const many = x.length > MANY.outlined;
  const symbols = Array.from({ length: count }, (_, group) => setFor(layer, stampOf(symbolOf(group), size, 0), many));
  const rims = Array.from({ length: count }, (_, group) => setFor(layer, stampOf(symbolOf(group), size, 1.6 * ratio), many));
  const there = Array.from({ length: count }, (_, group) => presence(group));
  const fault = packed(theme.color("fault"));
  const rimmed = around.size > 0 && !many;
  // Scales are straight, so two places on them say all.
  const [startX, stepX] = [across(0) * ratio, (across(1) - across(0)) * ratio];
  const [startY, stepY] = [up(0) * ratio, (up(1) - up(0)) * ratio];
  const sifts = Boolean(place.filter?.active), chooses = stands.size > 0, grouped = groups.length > 0;
  // What stands back is drawn first.
  for (const above of chooses ? [false, true] : [false]) {
    const shareOf = (group) => (chooses && !above ? 0.25 : 1) * there[group];
    const shadesOf = (colors, group) => (shareOf(group) > 0.99 ? colors : colors.map((color) => mixed(ground, color, shareOf(group))));
    const shades = there.map((_, group) => shadesOf(palette, group));
    const faults = there.map((_, group) => shadesOf([fault], group)[0]);
    for (let i = 0; i < x.length; i++) {
      if ((chooses && stands.has(i) !== above) || (sifts && !isShown(i))) continue;
      const group = grouped ? groups[i] : 0;
      const left = Math.floor(startX + stepX * x[i]), top = Math.floor(startY + stepY * y[i]);
      stamp(layer.pixels, symbols[group], left, top, shades[group][codes[i]]);
      if (rimmed && around.has(keys[i])) stamp(layer.pixels, rims[group], left, top, faults[group]);
    }
  }
  layer.canvas.getContext("2d").putImageData(layer.image, 0, 0);
  context.drawImage(layer.canvas, 0, 0, width, height);
}
