// Curves over steps: one plot above the other on a common step axis.

class CurvePanel extends CanvasPanel {
  draw(frame, surface) {
    const { meta, arrays } = frame;
    const { width, height, theme, context } = surface;
    const plots = meta.plots;
    const [left, right, bottom, gap] = [44, width - 12, height - 22, 28];
    const room = bottom - 20 - gap * (plots.length - 1);
    const shares = plots.length === 2 ? [0.58, 0.42] : plots.map(() => 1 / plots.length);
    const drawn = [];
    let top = 20;
    plots.forEach((plot, position) => {
      const area = { left, right, top, bottom: top + room * shares[position] };
      top = area.bottom + gap;
      const last = position === plots.length - 1;
      const scales = drawAxes(surface, area, {
        x: meta.x, y: plot.y, percent: plot.percent, title: plot.title, showX: last, xLabel: "step",
      });
      const series = plot.series.map((line) => ({
        ...line, x: arrays[`${line.key}.x`], y: arrays[`${line.key}.y`],
      }));
      context.save();
      context.beginPath();
      context.rect(area.left - 4, area.top - 4, area.right - area.left + 8, area.bottom - area.top + 8);
      context.clip();
      for (const line of series) this.drawLine(context, theme, scales, line);
      context.restore();
      drawn.push({ plot, area, scales, series });
    });
    return (x, y) => this.readOff(surface, drawn, x, y);
  }

  drawLine(context, theme, scales, line) {
    context.strokeStyle = context.fillStyle = theme.color(line.color);
    context.globalAlpha = line.faint ? 0.35 : 1;
    context.lineWidth = line.faint ? 1 : 1.8;
    context.lineJoin = "round";
    context.beginPath();
    let pen = false;
    for (let i = 0; i < line.x.length; i++) {
      const value = line.y[i];
      if (!Number.isFinite(value)) {
        pen = false;
        continue;
      }
      const [x, y] = [scales.x(line.x[i]), scales.y(value)];
      if (pen) context.lineTo(x, y);
      else context.moveTo(x, y);
      pen = true;
    }
    context.stroke();
    if (line.dots || line.x.length < 3) {
      for (let i = 0; i < line.x.length; i++) {
        if (!Number.isFinite(line.y[i])) continue;
        context.beginPath();
        context.arc(scales.x(line.x[i]), scales.y(line.y[i]), 2.6, 0, 2 * Math.PI);
        context.fill();
      }
    }
    context.globalAlpha = 1;
  }

  readOff(surface, drawn, x, y) {
    const { area, scales } = drawn[0];
    if (x < area.left - 6 || x > area.right + 6) return null;
    const steps = drawn.flatMap(({ series }) => series.map((line) => line.x[nearest(line.x, scales.x.invert(x))]));
    const known = steps.filter((step) => step !== undefined);
    if (!known.length) return null;
    const wanted = scales.x.invert(x);
    const step = known.reduce((best, one) => (Math.abs(one - wanted) < Math.abs(best - wanted) ? one : best));
    const lines = [`step ${step.toLocaleString("en-US")}`];
    for (const { plot, series } of drawn) {
      for (const line of series) {
        const position = nearest(line.x, step);
        if (position < 0 || !Number.isFinite(line.y[position]) || (line.x[position] !== step && line.dots)) continue;
        const value = plot.percent ? `${(100 * line.y[position]).toFixed(1)}%` : formatNumber(line.y[position]);
        lines.push(`${plot.title}, ${line.label}: ${value}`);
      }
    }
    return { x: scales.x(step), y, text: lines.join("\n") };
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

PANELS.curve = CurvePanel;
