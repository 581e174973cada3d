// A table of cells, each of which may stand for rows of the dataset.

MARKS.matrix = (surface, mark, place) => {
  const { area } = place;
  const { context, theme, store } = surface;
  const { rows, columns, values, texts } = mark;
  if (!rows.length || !columns.length) return null;
  context.font = theme.font;
  const names = rows.map((name) => fit(context, name, 110));
  const left = area.left + 8 + Math.max(...names.map((name) => context.measureText(name).width));
  const [width, height] = [(area.right - left) / columns.length, (area.bottom - area.top - 18) / rows.length];
  const ramp = rampOf(theme.shades[mark.ramp]);
  const [low, high] = mark.limits;
  rows.forEach((_, i) => {
    context.textAlign = "right";
    context.fillStyle = i === mark.chosen ? theme.text : theme.muted;
    if (height >= 9) context.fillText(names[i], left - 6, area.top + (i + 0.5) * height);
    columns.forEach((__, j) => {
      const cell = i * columns.length + j;
      const level = (values[cell] - low) / (high - low || 1);
      const shade = Number.isFinite(level) ? shadeOf(ramp, level) : theme.background;
      context.fillStyle = mark.wrong_ones?.[cell] ? theme.shades.fault : shade;
      context.fillRect(left + j * width, area.top + i * height, width - 1, height - 1);
      const text = fit(context, texts[cell], width - 4);
      if (height < 11 || !text) return;
      context.textAlign = "center";
      context.fillStyle = brightness(context.fillStyle) < 128 ? "#ffffff" : "#15181d";
      context.fillText(text, left + (j + 0.5) * width, area.top + (i + 0.5) * height);
    });
  });
  context.strokeStyle = theme.color(6);
  context.lineWidth = 2;
  if (mark.chosen !== undefined) context.strokeRect(left, area.top + mark.chosen * height - 0.5, area.right - left - 1, height);
  frameChosen(surface, mark, (cell) => [left + (cell % columns.length) * width, area.top + Math.floor(cell / columns.length) * height, width - 1, height - 1]);
  context.textAlign = "center";
  context.fillStyle = theme.muted;
  columns.forEach((name, j) => context.fillText(fit(context, name, width - 4), left + (j + 0.5) * width, area.bottom - 7));
  const find = (x, y) => {
    const [i, j] = [Math.floor((y - area.top) / height), Math.floor((x - left) / width)];
    return i < 0 || j < (mark.acts ? -Infinity : 0) || i >= rows.length || j >= columns.length ? null : [i, Math.max(0, j)];
  };
  if (mark.starts?.length) {
    place.pick = (x, y) => {
      const found = find(x, y);
      return found && membersOf(mark, found[0] * columns.length + found[1]);
    };
  }
  if (mark.acts) place.act = (x, y) => find(x, y)?.[0] ?? null;
  return (x, y) => {
    const found = find(x, y);
    if (!found) return null;
    const cell = found[0] * columns.length + found[1];
    const count = membersOf(mark, cell).length;
    const told = count ? `\n${count} row${count === 1 ? "" : "s"}, to be selected by a click` : "";
    return { x, y, text: `${rows[found[0]]}, ${columns[found[1]]}: ${texts[cell]}${told}${chosenOf(store, mark, cell).told}` };
  };
};
