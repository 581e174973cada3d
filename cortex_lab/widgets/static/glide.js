// Points that are there before and after go from place to place where the eye can follow them.

const GLIDE = { milliseconds: 450 };

// Have the points of a new frame start from where those of the frame before are.
function glideFrom(before, after) {
  if (!before || before === after || matchMedia("(prefers-reduced-motion: reduce)").matches) return;
  const [gone, come] = [scattersOf(before), scattersOf(after)];
  for (const mark of [...gone, ...come]) settle(mark, mark.glide ? { x: mark.x, y: mark.y } : null);
  come.forEach((mark, i) => {
    const other = gone[i];
    if (!other || !mark.keys.length) return;
    const { x, y } = other.left ?? other;
    const places = new Map(other.keys.length === mark.keys.length && other.keys.every((key, k) => key === mark.keys[k]) ? [] : [...other.keys].map((key, k) => [key, k]));
    const at = (k) => (places.size ? places.get(mark.keys[k]) : k);
    const start = (from, to) => Float32Array.from(to, (goal, k) => from[at(k)] ?? goal);
    mark.glide = { from: { x: start(x, mark.x), y: start(y, mark.y) }, to: { x: mark.x, y: mark.y }, began: performance.now() };
  });
}

const scattersOf = (frame) => plotsOf(frame).flatMap((plot) => plot.marks.filter((mark) => mark.kind === "scatter"));

// At the end of its way; `left` is where it was when it was left.
function settle(mark, left) {
  mark.left = left;
  if (mark.glide) Object.assign(mark, mark.glide.to);
  mark.glide = null;
}

// Points of these plots as far as they have come by now; whether any is still on its way.
function glideOn(plots) {
  let moving = false;
  for (const mark of plots.flatMap((plot) => plot.marks).filter((each) => each.glide)) {
    const { from, to, began } = mark.glide;
    const share = Math.min(1, (performance.now() - began) / GLIDE.milliseconds);
    const eased = share * share * (3 - 2 * share);
    if (share === 1) {
      settle(mark, null);
      continue;
    }
    for (const axis of ["x", "y"]) mark[axis] = to[axis].map((goal, k) => from[axis][k] + eased * (goal - from[axis][k]));
    moving = true;
  }
  return moving;
}
