// A map of points coloured by label. It has no axes: positions of a t-SNE map mean nothing by themselves.

class ScatterPanel extends CanvasPanel {
  draw(frame, surface) {
    const { meta, arrays } = frame;
    const { context, width, height, theme } = surface;
    const { x: xs, y: ys, labels, rows } = arrays;
    const radius = Math.max(2, Math.min(4, Math.min(width, height) / 100));
    const place = fitInto(xs, ys, width, height, radius + 7);
    const groups = meta.legend?.length || 1;
    for (let group = 0; group < groups; group++) {
      context.fillStyle = theme.color(group);
      context.globalAlpha = this.highlighted < 0 || this.highlighted === group ? 0.9 : 0.12;
      context.strokeStyle = theme.background;
      context.lineWidth = 0.6;
      for (let i = 0; i < xs.length; i++) {
        if (labels[i] !== group) continue;
        const [x, y] = place(i);
        context.beginPath();
        traceMark(context, Math.floor(group / theme.shades.categories.length), x, y, radius);
        context.fill();
        context.stroke();
      }
    }
    context.globalAlpha = 1;
    const pinned = rows.indexOf(meta.pinned);
    if (pinned >= 0) {
      const [x, y] = place(pinned);
      context.strokeStyle = theme.text;
      context.lineWidth = 1.8;
      context.beginPath();
      context.arc(x, y, radius + 4, 0, 2 * Math.PI);
      context.stroke();
    }
    this.find = (x, y) => {
      let [best, distance] = [-1, 100];
      for (let i = 0; i < xs.length; i++) {
        const [left, top] = place(i);
        const squared = (left - x) ** 2 + (top - y) ** 2;
        if (squared < distance) [best, distance] = [i, squared];
      }
      return best;
    };
    return (x, y) => {
      const i = this.find(x, y);
      if (i < 0) return null;
      const label = meta.legend?.[labels[i]]?.label;
      const [left, top] = place(i);
      return { x: left, y: top, text: label === undefined ? `row ${rows[i]}` : `row ${rows[i]}: ${label}` };
    };
  }

  click(event) {
    if (!this.find) return;
    const box = this.figure.getBoundingClientRect();
    const i = this.find(event.clientX - box.left, event.clientY - box.top);
    if (i >= 0) this.stage.send({ type: "pin", row: this.frame.arrays.rows[i] });
  }
}

// Both directions on the same scale, as large as they fit: neighbours are what counts, not coordinates.
function fitInto(xs, ys, width, height, margin) {
  const [left, right, low, high] = [minimum(xs), -minimum(xs, -1), minimum(ys), -minimum(ys, -1)];
  const scale = Math.min(
    (width - 2 * margin) / (right - left || 1e-9), (height - 2 * margin) / (high - low || 1e-9),
  );
  const [middleX, middleY] = [(left + right) / 2, (low + high) / 2];
  return (i) => [width / 2 + (xs[i] - middleX) * scale, height / 2 - (ys[i] - middleY) * scale];
}

function minimum(values, sign = 1) {
  let least = Infinity;
  for (const value of values) if (sign * value < least) least = sign * value;
  return least;
}

// Beyond the ten colours the mark changes too.
function traceMark(context, mark, x, y, radius) {
  if (mark % 3 === 0) context.arc(x, y, radius, 0, 2 * Math.PI);
  else if (mark % 3 === 1) context.rect(x - radius, y - radius, 2 * radius, 2 * radius);
  else {
    context.moveTo(x, y - 1.3 * radius);
    context.lineTo(x + 1.2 * radius, y + radius);
    context.lineTo(x - 1.2 * radius, y + radius);
    context.closePath();
  }
}

PANELS.scatter = ScatterPanel;
