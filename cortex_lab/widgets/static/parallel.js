// Lines across upright axes, each axis with a scale of its own.

MARKS.parallel = (surface, mark, place) => {
  const { context, theme } = surface;
  const { area } = place;
  const { names, ticks, places, levels, told } = mark;
  const axes = names.length;
  const [top, bottom] = [area.top + 18, area.bottom - 6];
  const room = Math.min(64, (area.right - area.left) / (2 * Math.max(1, axes)));
  const [left, right] = [area.left + room, area.right - room];
  const across = (axis) => (axes > 1 ? left + ((right - left) * axis) / (axes - 1) : (left + right) / 2);
  const up = (level) => bottom - (bottom - top) * level;
  const ramp = rampOf(theme.shades.warm);
  context.lineJoin = "round";
  told.forEach((_, line) => {
    const level = levels?.length ? levels[line] : 0;
    const known = Number.isFinite(level);
    context.strokeStyle = known ? shadeOf(ramp, level) : theme.muted;
    context.lineWidth = known && level > 0.9 ? 1.8 : 1;
    context.globalAlpha = known ? 0.85 : 0.35;
    context.beginPath();
    let pen = false;
    for (let axis = 0; axis < axes; axis++) {
      const level = places[line * axes + axis];
      if (!Number.isFinite(level)) {
        pen = false;
        continue;
      }
      if (pen) context.lineTo(across(axis), up(level));
      else context.moveTo(across(axis), up(level));
      pen = true;
    }
    context.stroke();
  });
  context.globalAlpha = 1;
  names.forEach((name, axis) => {
    const x = Math.round(across(axis)) + 0.5;
    context.strokeStyle = theme.muted;
    context.lineWidth = 1;
    context.beginPath();
    context.moveTo(x, top);
    context.lineTo(x, bottom);
    context.stroke();
    context.fillStyle = theme.text;
    context.textAlign = "center";
    context.font = theme.strongFont;
    context.fillText(fit(context, name, 2 * room - 4), x, top - 11);
    context.font = theme.font;
    context.textAlign = "right";
    let last = Infinity;
    for (const [level, text] of ticks[axis]) {
      if (Math.abs(last - up(level)) < 11) continue;
      last = up(level);
      context.fillText(fit(context, text, room - 5), x - 4, last);
    }
  });
  return (x, y) => {
    const step = axes > 1 ? (right - left) / (axes - 1) : 1;
    const axis = Math.min(Math.max(0, axes - 2), Math.max(0, Math.floor((x - left) / step)));
    const share = axes > 1 ? Math.min(1, Math.max(0, (x - across(axis)) / step)) : 0;
    let [found, least] = [-1, 9];
    told.forEach((_, line) => {
      const from = places[line * axes + axis];
      const to = axes > 1 ? places[line * axes + axis + 1] : from;
      const apart = Math.abs(up(from + share * (to - from)) - y);
      if (apart < least) [found, least] = [line, apart];
    });
    return found < 0 ? null : { x, y, text: told[found] };
  };
};
