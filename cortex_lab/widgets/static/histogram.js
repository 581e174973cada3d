// Histograms of the parameters of a layer, side by side, over the outline of how they looked at first.

class HistogramPanel extends CanvasPanel {
  draw(frame, surface) {
    const { parts } = frame.meta;
    const drawn = [];
    const gap = 20;
    const share = (surface.width - 8 - gap * (parts.length - 1)) / parts.length;
    parts.forEach((part, position) => {
      const start = position * (share + gap);
      const area = { left: start + 40, right: start + share, top: 34, bottom: surface.height - 22 };
      drawn.push(this.drawPart(frame, surface, area, part));
    });
    return (x, y) => {
      for (const one of drawn) {
        const bin = Math.floor(((x - one.area.left) / (one.area.right - one.area.left)) * one.counts.length);
        if (bin < 0 || bin >= one.counts.length || y < one.area.top - 8) continue;
        const [low, high] = one.part.x;
        const width = (high - low) / one.counts.length;
        const edge = low + bin * width;
        const now = Math.round(one.counts[bin]).toLocaleString("en-US");
        const first = Math.round(one.first[bin]).toLocaleString("en-US");
        const text = `${formatNumber(edge)} to ${formatNumber(edge + width)}\nnow: ${now}\n${frame.meta.firstLabel}: ${first}`;
        return { x, y, text };
      }
      return null;
    };
  }

  drawPart(frame, surface, area, part) {
    const { context, theme } = surface;
    const counts = frame.arrays[`${part.name}.counts`];
    const first = frame.arrays[`${part.name}.first`];
    const { x, y } = drawAxes(surface, area, { x: part.x, y: part.y });
    context.save();
    context.textAlign = "left";
    context.font = theme.strongFont;
    context.fillStyle = theme.text;
    const nameWidth = context.measureText(part.name).width;
    context.fillText(part.name, area.left, 8);
    context.font = theme.font;
    context.fillStyle = theme.muted;
    const room = area.right - area.left;
    for (const [text, left, level] of [[part.shape, nameWidth + 8, 8], [part.detail, 0, 22]]) {
      if (context.measureText(text).width + left <= room + 8) context.fillText(text, area.left + left, level);
    }
    const width = (area.right - area.left) / counts.length;
    const [low] = part.x;
    const step = (part.x[1] - low) / counts.length;
    context.fillStyle = theme.color(0);
    context.globalAlpha = 0.75;
    for (let bin = 0; bin < counts.length; bin++) {
      if (!counts[bin]) continue;
      const level = Math.max(area.top, y(counts[bin]));
      context.fillRect(x(low + bin * step) + 0.5, level, Math.max(1, width - 1), area.bottom - level);
    }
    context.globalAlpha = 1;
    context.strokeStyle = theme.muted;
    context.lineWidth = 1.2;
    context.beginPath();
    for (let bin = 0; bin < first.length; bin++) {
      const level = Math.max(area.top, y(first[bin]));
      if (bin === 0) context.moveTo(x(low), area.bottom);
      context.lineTo(x(low + bin * step), level);
      context.lineTo(x(low + (bin + 1) * step), level);
    }
    context.lineTo(area.right, area.bottom);
    context.stroke();
    context.restore();
    return { part, area, counts, first };
  }
}

PANELS.histogram = HistogramPanel;
