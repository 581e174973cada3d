// A plane of cells on axes, each shaded by its value.

MARKS.heatmap = (surface, mark, place) => {
  const { context, theme } = surface;
  const { scales, presence } = place;
  const { x, y, values, groups } = mark;
  const [low, high] = mark.limits;
  const ramp = rampOf(theme.shades[mark.ramp]);
  const columns = x.length - 1;
  for (let j = 0; j < y.length - 1; j++) {
    const [bottom, top] = [scales.y(y[j]), scales.y(y[j + 1])].map(Math.round);
    for (let i = 0; i < columns; i++) {
      const level = (values[j * columns + i] - low) / (high - low || 1);
      if (!Number.isFinite(level)) continue;
      const shade = Math.min(1, Math.max(0, level));
      const [left, right] = [scales.x(x[i]), scales.x(x[i + 1])].map(Math.round);
      if (groups?.length) {
        const group = groups[j * columns + i];
        context.fillStyle = theme.color(group);
        context.globalAlpha = (0.06 + 0.5 * shade) * presence(mark.names[group]);
      } else {
        context.fillStyle = shadeOf(ramp, shade);
      }
      context.fillRect(left, top, Math.max(1, right - left), Math.max(1, bottom - top));
    }
  }
  context.globalAlpha = 1;
  return (left, top) => {
    const [at, level] = [scales.x.invert(left), scales.y.invert(top)];
    const i = x.findIndex((edge, place) => edge <= at && at < x[place + 1]);
    const j = y.findIndex((edge, place) => edge <= level && level < y[place + 1]);
    if (i < 0 || j < 0) return null;
    const value = values[j * columns + i];
    const name = groups?.length ? `${mark.names[groups[j * columns + i]]}: ` : "";
    const number = Number.isFinite(value) ? formatNumber(value) : "nothing";
    const where = `${formatNumber(y[j])} to ${formatNumber(y[j + 1])}`;
    return { x: left, y: top, text: groups?.length ? `${name}${number} ${mark.unit}` : `${where}\n${number} ${mark.unit}` };
  };
};
