// A pair of axes with nice ticks whose labels never overlap and whose frame never moves.

function makeScale(range, from, to, log = false) {
  if (log) {
    const inner = makeScale(range.map(Math.log10), from, to);
    const scale = (value) => inner(value > 0 ? Math.log10(value) : -99);
    scale.invert = (pixel) => 10 ** inner.invert(pixel);
    return scale;
  }
  const [low, high] = range;
  const slope = (to - from) / (high - low || 1);
  const scale = (value) => from + (value - low) * slope;
  scale.invert = (pixel) => low + (pixel - from) / slope;
  return scale;
}

// area: {left, top, right, bottom} in CSS pixels. Returns the scales {x, y}.
function drawAxes(surface, area, { x: xRange, y: yRange, xLabel, yLabel, showX = true, percentX = false, percent = false, logX = false, log = false }) {
  const { context, theme } = surface;
  const x = makeScale(xRange, area.left, area.right, logX);
  const y = makeScale(yRange, area.bottom, area.top, log);
  context.save();
  context.font = theme.font;
  context.lineWidth = 1;
  const rows = (log ? powerTicks : niceTicks)(...yRange, Math.max(2, Math.floor((area.bottom - area.top) / (log ? 15 : 28))));
  const rowLabel = percent ? (value) => `${Math.round(value * 100)}%` : rows.label;
  context.textAlign = "right";
  for (const tick of rows.ticks) {
    const level = Math.round(y(tick)) + 0.5;
    context.strokeStyle = theme.line;
    context.beginPath();
    context.moveTo(area.left, level);
    context.lineTo(area.right, level);
    context.stroke();
    context.fillStyle = theme.muted;
    context.fillText(rowLabel(tick), area.left - 6, level);
  }
  const columns = (logX ? powerTicks : niceTicks)(...xRange, Math.max(2, Math.floor((area.right - area.left) / 50)));
  context.textAlign = "center";
  let free = -Infinity;
  const labelEnd = xLabel && showX ? area.right - context.measureText(xLabel).width - 14 : Infinity;
  for (const tick of columns.ticks) {
    const place = Math.round(x(tick)) + 0.5;
    context.strokeStyle = theme.muted;
    context.beginPath();
    context.moveTo(place, area.bottom);
    context.lineTo(place, area.bottom + 3);
    context.stroke();
    if (!showX) continue;
    const text = percentX ? `${Math.round(tick * 100)}%` : columns.label(tick);
    const half = context.measureText(text).width / 2;
    // The last label may be wider than the margin beside the axis.
    const middle = Math.min(place, surface.width - half - 1);
    if (middle - half < free || middle + half > labelEnd) continue;
    free = middle + half + 8;
    context.fillStyle = theme.muted;
    context.fillText(text, middle, area.bottom + 12);
  }
  context.strokeStyle = theme.muted;
  context.beginPath();
  context.moveTo(area.left, area.bottom + 0.5);
  context.lineTo(area.right, area.bottom + 0.5);
  context.stroke();
  if (xLabel && showX) {
    context.textAlign = "right";
    context.fillStyle = theme.muted;
    context.fillText(xLabel, area.right, area.bottom + 12);
  }
  if (yLabel) {
    context.textAlign = "left";
    context.fillStyle = theme.muted;
    context.fillText(yLabel, area.left + 4, area.top + 7);
  }
  context.restore();
  return { x, y };
}
