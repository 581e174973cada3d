// A network, drawn in layers: nodes in columns from left to right, in bands one below the other.

MARKS.nodemap = (surface, mark, place) => {
  const { context, theme } = surface;
  const { area } = place;
  const { names, details, told, across, down, values, dead } = mark;
  const [wide, tall] = [area.right - area.left, area.bottom - area.top];
  const [width, height] = [Math.min(132, (wide / mark.columns) * 0.86), Math.min(38, (tall / Math.max(1, mark.lanes)) * 0.8)];
  const at = (x, y) => [area.left + x * wide, area.top + y * tall];
  context.strokeStyle = theme.muted;
  context.lineWidth = 1;
  context.beginPath();
  let pen = null;
  for (let i = 0; i < mark.way_x.length; i++) {
    if (!Number.isFinite(mark.way_x[i])) {
      pen = null;
      continue;
    }
    const [x, y] = at(mark.way_x[i], mark.way_y[i]);
    const middle = pen && (pen[0] + x) / 2;
    if (pen) context.bezierCurveTo(middle, pen[1], middle, y, x, y);
    else context.moveTo(x, y);
    pen = [x, y];
  }
  context.stroke();
  const ramp = rampOf(theme.shades.sequential);
  context.textAlign = "center";
  names.forEach((name, i) => {
    const [x, y] = at(across[i], down[i]);
    const shaded = values?.length && Number.isFinite(values[i]);
    context.fillStyle = shaded ? shadeOf(ramp, 0.7 * values[i]) : theme.background;
    const onDark = brightness(context.fillStyle) < 128;
    const wrong = mark.wrong_ones?.[i];
    context.strokeStyle = i === mark.chosen ? theme.color(6) : wrong ? theme.shades.fault : theme.muted;
    context.lineWidth = i === mark.chosen || wrong ? 2.2 : 1;
    context.beginPath();
    context.roundRect(x - width / 2, y - height / 2, width, height, 4);
    context.fill();
    context.stroke();
    if (dead?.[i] > 0) {
      context.fillStyle = theme.muted;
      context.fillRect(x - width / 2, y + height / 2 - 4, width * dead[i], 4);
    }
    if (width < 26 || height < 11) return;
    context.fillStyle = onDark ? "#ffffff" : "#15181d";
    const both = height >= 27 && details[i];
    context.font = theme.strongFont;
    context.fillText(fit(context, name, width - 6), x, both ? y - 7 : y);
    context.font = theme.font;
    if (both) context.fillText(fit(context, details[i], width - 6), x, y + 6);
  });
  const find = (x, y) => names.findIndex((_, i) => {
    const [middle, level] = at(across[i], down[i]);
    return Math.abs(x - middle) <= width / 2 && Math.abs(y - level) <= height / 2;
  });
  place.act = (x, y) => {
    const node = find(x, y);
    return node < 0 ? null : node;
  };
  return (x, y) => {
    const node = find(x, y);
    return node < 0 ? null : { x, y, text: told[node] };
  };
};
