// Marks in a plane: points, ways through it, and the heights around them.

MARKS.scatter = (surface, mark, place) => {
  const { context, theme, width, height } = surface;
  const { x: across, y: up } = place.scales;
  const { x, y, groups, keys } = mark;
  const radius = Math.max(2, Math.min(4, Math.min(width, height) / 100));
  const names = mark.names.length ? mark.names : [""];
  const stands = surface.store.placesIn(mark);
  const valued = mark.values?.length > 0;
  mark.around ??= new Set(mark.outlined);
  mark.isShown = shownOf(mark, place);
  const symbolOf = (group) => mark.symbol || ["dot", "square", "triangle"][Math.floor(group / theme.shades.categories.length) % 3];
  if (x.length > MANY.stamped) {
    stampPoints(surface, mark, place, { radius, stands, symbolOf, presence: (group) => place.presence(names[group]) });
  } else {
    tracePoints(surface, mark, place, { radius, stands, symbolOf, names });
  }
  const chosen = mark.chosen === undefined ? -1 : keys.indexOf(mark.chosen);
  if (chosen >= 0) {
    context.strokeStyle = theme.text;
    context.lineWidth = 1.8;
    context.beginPath();
    context.arc(across(x[chosen]), up(y[chosen]), radius + 4, 0, 2 * Math.PI);
    context.stroke();
  }
  const find = (left, top) => nearestPoint(mark, place.scales, left, top);
  if (mark.pins) {
    place.pin = (left, top) => {
      const i = find(left, top);
      return i < 0 ? null : keys[i];
    };
  }
  return (left, top) => {
    const i = find(left, top);
    if (i < 0) return null;
    const name = mark.names[groups.length ? groups[i] : 0];
    const said = valued ? formatNumber(mark.values[i]) : name;
    const wrong = mark.around.has(keys[i]) ? ", wrong" : "";
    const text = `${mark.key_name} ${keys.length ? keys[i] : i}${said === undefined ? "" : `: ${said}`}${wrong}`;
    return { x: across(x[i]), y: up(y[i]), text, row: mark.pins ? keys[i] : undefined };
  };
};

// Whether a point is drawn, and can be pointed at and selected, of those that the legend lets through.
function shownOf(mark, place) {
  if (!place.filter?.active) return () => true;
  const { names, groups, keys, around } = mark;
  return (i) => place.filter.shows([names[groups.length ? groups[i] : 0], ...(around.has(keys[i]) ? ["wrong"] : [])]);
}

function tracePoints({ context, theme }, mark, place, { radius, stands, symbolOf, names }) {
  const { x: across, y: up } = place.scales;
  const { x, y, groups, keys } = mark;
  const valued = mark.values?.length > 0;
  const ramp = valued ? rampOf(theme.shades[mark.ramp]) : null;
  const [low, high] = mark.limits ?? [0, 1];
  // Those selected come last, so that they lie above the others.
  for (const above of stands.size ? [false, true] : [false]) {
    names.forEach((name, group) => {
      context.fillStyle = theme.color(typeof mark.color === "number" ? mark.color + group : mark.color);
      context.globalAlpha = (stands.size && !above ? 0.25 : 0.9) * place.presence(name);
      context.strokeStyle = mark.color === "ground" || above ? theme.text : theme.background;
      context.lineWidth = above ? 1.4 : mark.color === "ground" ? 1 : 0.6;
      const symbol = symbolOf(group);
      for (let i = 0; i < x.length; i++) {
        if ((groups.length ? groups[i] !== group : group) || stands.has(i) !== above || !mark.isShown(i)) continue;
        if (valued) {
          const level = (mark.values[i] - low) / (high - low || 1);
          context.fillStyle = Number.isFinite(level) ? shadeOf(ramp, level) : theme.muted;
        }
        context.beginPath();
        traceMark(context, symbol, across(x[i]), up(y[i]), (mark.symbol ? radius + 1 : radius) + (above ? 1 : 0));
        context.fill();
        if (!above && mark.around.has(keys[i])) {
          context.save();
          [context.strokeStyle, context.lineWidth] = [theme.color("fault"), 1.6];
          context.stroke();
          context.restore();
        } else {
          context.stroke();
        }
      }
    });
  }
  context.globalAlpha = 1;
}

MARKS.trail = (surface, mark, place) => {
  const { context, theme } = surface;
  const { x: across, y: up } = place.scales;
  const { x, y, values } = mark;
  if (!x.length) return null;
  context.strokeStyle = context.fillStyle = theme.color(mark.color);
  context.globalAlpha = place.presence(mark.label);
  context.lineWidth = 1.8;
  context.lineJoin = "round";
  context.beginPath();
  for (let i = 0; i < x.length; i++) context[i ? "lineTo" : "moveTo"](across(x[i]), up(y[i]));
  context.stroke();
  for (let i = 0; i < x.length; i++) {
    context.beginPath();
    context.arc(across(x[i]), up(y[i]), 1.6, 0, 2 * Math.PI);
    context.fill();
  }
  context.strokeStyle = theme.background;
  for (const [i, symbol] of [[0, "dot"], [x.length - 1, "square"]]) {
    context.beginPath();
    traceMark(context, symbol, across(x[i]), up(y[i]), 4);
    context.fill();
    context.stroke();
  }
  context.globalAlpha = 1;
  return (left, top) => {
    const i = nearestPoint(mark, place.scales, left, top);
    if (i < 0) return null;
    return { x: across(x[i]), y: up(y[i]), text: `${mark.label}\nstep ${i}: ${formatNumber(values[i])}` };
  };
};

MARKS.contours = (surface, mark, place) => {
  const { context, theme } = surface;
  const { area, scales } = place;
  const [width, height] = [Math.round(area.right - area.left), Math.round(area.bottom - area.top)];
  const image = new ImageData(width, height);
  const ramp = rampOf(theme.shades[mark.ramp]);
  const heights = heightsOn(mark, scales, area, width, height);
  const band = (i) => Math.min(mark.bands - 1, Math.floor(heights[i] * mark.bands));
  for (let i = 0; i < heights.length; i++) {
    if (!Number.isFinite(heights[i])) continue;
    const edge = ((i + 1) % width && band(i) !== band(i + 1)) || (i + width < heights.length && band(i) !== band(i + width));
    const shade = 3 * Math.round((255 * (band(i) + 0.5)) / mark.bands);
    for (let k = 0; k < 3; k++) image.data[4 * i + k] = ramp[shade + k];
    image.data[4 * i + 3] = edge ? 70 : 140;
  }
  const layer = document.createElement("canvas");
  [layer.width, layer.height] = [width, height];
  layer.getContext("2d").putImageData(image, 0, 0);
  context.drawImage(layer, area.left, area.top);
  return (left, top) => {
    const [x, y] = [scales.x.invert(left), scales.y.invert(top)];
    if (!within(mark.x, x) || !within(mark.y, y)) return null;
    const [column, row] = [nearest(mark.x, x), nearest(mark.y, y)];
    const told = [mark.x[column], mark.y[row]].map(formatNumber).join(", ");
    return { x: left, y: top, text: `${told}: ${formatNumber(mark.told[row * mark.x.length + column])}` };
  };
};

const within = (grid, wanted) => grid[0] <= wanted && wanted <= grid[grid.length - 1];

// Heights between the points of the grid, bilinear, for every pixel of the area; NaN beyond the grid.
function heightsOn({ x, y, z }, scales, area, width, height) {
  const weights = (grid, wanted) => {
    const above = Math.min(grid.length - 1, Math.max(1, grid.findIndex((value) => value >= wanted)));
    const share = (wanted - grid[above - 1]) / (grid[above] - grid[above - 1] || 1);
    return [above - 1, within(grid, wanted) ? share : NaN];
  };
  const columns = Array.from({ length: width }, (_, i) => weights(x, scales.x.invert(area.left + i + 0.5)));
  const heights = new Float32Array(width * height);
  for (let j = 0; j < height; j++) {
    const [row, up] = weights(y, scales.y.invert(area.top + j + 0.5));
    for (let i = 0; i < width; i++) {
      const [column, right] = columns[i];
      const at = row * x.length + column;
      const low = z[at] * (1 - right) + z[at + 1] * right;
      const high = z[at + x.length] * (1 - right) + z[at + x.length + 1] * right;
      heights[j * width + i] = low * (1 - up) + high * up;
    }
  }
  return heights;
}

function nearestPoint({ x, y, isShown }, scales, left, top) {
  let best = -1, distance = 100;
  for (let i = 0; i < x.length; i++) {
    const squared = (scales.x(x[i]) - left) ** 2 + (scales.y(y[i]) - top) ** 2;
    if (squared < distance && (!isShown || isShown(i))) [best, distance] = [i, squared];
  }
  return best;
}

// Both directions on the same scale, as large as they fit: neighbors are what counts, not coordinates.
function fitInto(marks, area, margin) {
  const [left, right] = rangeOf(marks.map((mark) => mark.x));
  const [low, high] = rangeOf(marks.map((mark) => mark.y));
  const [width, height] = [area.right - area.left, area.bottom - area.top];
  const scale = Math.min((width - 2 * margin) / (right - left || 1e-9), (height - 2 * margin) / (high - low || 1e-9));
  const [middleX, middleY] = [(area.left + area.right) / 2, (area.top + area.bottom) / 2];
  return {
    x: makeScale([(left + right) / 2 - 1, (left + right) / 2 + 1], middleX - scale, middleX + scale),
    y: makeScale([(low + high) / 2 - 1, (low + high) / 2 + 1], middleY + scale, middleY - scale),
  };
}

// A part of a plane, both directions on the same scale.
function planeScales({ x, y }, area) {
  const scale = (area.right - area.left) / (x[1] - x[0]);
  const [middle, half] = [(y[0] + y[1]) / 2, (area.bottom - area.top) / scale / 2];
  return {
    x: makeScale(x, area.left, area.right),
    y: makeScale([middle - half, middle + half], area.bottom, area.top),
  };
}

function rangeOf(arrays) {
  let [low, high] = [Infinity, -Infinity];
  for (const values of arrays) {
    for (let i = 0; i < (values?.length ?? 0); i++) {
      if (values[i] < low) low = values[i];
      if (values[i] > high) high = values[i];
    }
  }
  return low <= high ? [low, high] : [0, 1];
}
