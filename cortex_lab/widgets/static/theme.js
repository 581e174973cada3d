// How things look: colors of the page's theme, ramps, the marks of points, and numbers as text.

// Theme -------------------------------------------------------------------------------------------

function readTheme(element, palette) {
  const style = getComputedStyle(element);
  const read = (name, otherwise) => style.getPropertyValue(name).trim() || otherwise;
  const background = read("--jp-layout-color0", "#ffffff");
  const dark = brightness(background) < 128;
  const shades = dark ? palette.dark : palette.light;
  const theme = {
    dark,
    shades,
    background,
    text: read("--jp-ui-font-color1", dark ? "#e0e0e0" : "#212121"),
    muted: read("--jp-ui-font-color2", dark ? "#a0a0a0" : "#616161"),
    line: read("--jp-border-color2", dark ? "#424242" : "#e0e0e0"),
    font: `11px ${read("--jp-ui-font-family", "system-ui, sans-serif")}`,
    strongFont: `600 11px ${read("--jp-ui-font-family", "system-ui, sans-serif")}`,
  };
  const plain = { muted: theme.muted, text: theme.text, ground: background, fault: shades.fault };
  theme.color = (color) => plain[color] ?? shades.categories[color % shades.categories.length];
  return theme;
}

function brightness(color) {
  const [red, green, blue] = parseColor(color);
  return 0.299 * red + 0.587 * green + 0.114 * blue;
}

const colorProbe = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
const parsedColors = new Map();

function parseColor(color) {
  if (!parsedColors.has(color)) {
    colorProbe.fillStyle = color;
    colorProbe.fillRect(0, 0, 1, 1);
    parsedColors.set(color, [...colorProbe.getImageData(0, 0, 1, 1).data.slice(0, 3)]);
  }
  return parsedColors.get(color);
}

const ramps = new Map();

// 256 colors from the first stop of a ramp to the last, three bytes each.
function rampOf(stops) {
  const key = stops.join();
  if (!ramps.has(key)) {
    const colors = stops.map(parseColor);
    const ramp = new Uint8Array(3 * 256);
    for (let i = 0; i < 256; i++) {
      const place = (i / 255) * (colors.length - 1);
      const below = Math.min(colors.length - 2, Math.floor(place));
      for (let k = 0; k < 3; k++) {
        ramp[3 * i + k] = colors[below][k] + (place - below) * (colors[below + 1][k] - colors[below][k]);
      }
    }
    ramps.set(key, ramp);
  }
  return ramps.get(key);
}

function shadeOf(ramp, level) {
  const i = 3 * Math.round(255 * Math.min(1, Math.max(0, level)));
  return `rgb(${ramp[i]} ${ramp[i + 1]} ${ramp[i + 2]})`;
}

// Beyond the ten colors the mark changes too.
function traceMark(context, mark, x, y, radius) {
  if (mark === "star") {
    for (let i = 0; i < 10; i++) {
      const [reach, turn] = [(i % 2 ? 0.9 : 2.2) * radius, (Math.PI * i) / 5];
      context[i ? "lineTo" : "moveTo"](x + reach * Math.sin(turn), y - reach * Math.cos(turn));
    }
    context.closePath();
  } else if (mark === "square") context.rect(x - radius, y - radius, 2 * radius, 2 * radius);
  else if (mark === "triangle") {
    context.moveTo(x, y - 1.3 * radius);
    context.lineTo(x + 1.2 * radius, y + radius);
    context.lineTo(x - 1.2 * radius, y + radius);
    context.closePath();
  } else context.arc(x, y, radius, 0, 2 * Math.PI);
}

// The text, cut in the middle if there is no room for it: names of layers differ at their ends.
function fit(context, text, room) {
  if (context.measureText(text).width <= room) return text;
  for (let kept = text.length - 1; kept > 1; kept--) {
    const start = Math.floor(0.45 * kept);
    const cut = `${text.slice(0, start)}…${text.slice(text.length - kept + start)}`;
    if (context.measureText(cut).width <= room) return cut;
  }
  return "…";
}

// A sentence, cut at its end.
function fitStart(context, text, room) {
  let cut = text;
  while (cut.length > 1 && context.measureText(cut === text ? cut : `${cut}…`).width > room) cut = cut.slice(0, -1);
  return cut === text ? text : `${cut}…`;
}

// As many of the parts between commas as there is room for.
function fitParts(context, text, room) {
  const parts = text.split(", ");
  while (parts.length > 1 && context.measureText(parts.join(", ")).width > room) parts.pop();
  return fitStart(context, parts.join(", "), room);
}

// Numbers -----------------------------------------------------------------------------------------

function niceTicks(low, high, wanted) {
  const rough = (high - low) / Math.max(1, wanted);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((factor) => factor * power).find((size) => size >= rough * 0.999);
  const ticks = [];
  for (let value = Math.ceil(low / step - 1e-9) * step; value <= high + step * 1e-9; value += step) {
    ticks.push(Math.abs(value) < step * 1e-9 ? 0 : value);
  }
  const decimals = Math.min(8, Math.max(0, -Math.floor(Math.log10(step) + 1e-9) + (step / power === 2.5 ? 1 : 0)));
  return { ticks, label: (value) => formatFixed(value, decimals) };
}

// Powers of ten, with 2 and 5 times each where there is room, or every so many of them where there is none.
function powerTicks(low, high, wanted) {
  const [first, last] = [Math.floor(Math.log10(low) + 1e-9), Math.ceil(Math.log10(high) - 1e-9)];
  const decades = Math.log10(high / low);
  const factors = 3 * decades <= wanted ? [1, 2, 5] : [1];
  const stride = Math.max(1, Math.ceil(decades / wanted));
  const ticks = [];
  for (let power = first; power <= last; power++) {
    if (power % stride) continue;
    for (const factor of factors) ticks.push(Number(`${factor}e${power}`));
  }
  const within = ticks.filter((tick) => tick >= low * 0.9999 && tick <= high * 1.0001);
  return { ticks: within, label: (value) => (value < 1e-3 || value >= 1e5 ? value.toExponential() : trimZeros(value.toFixed(4))).replace("-", "−").replace("e+", "e") };
}

function formatFixed(value, decimals) {
  const size = Math.abs(value);
  if (size >= 1e6) return `${trimZeros((value / 1e6).toFixed(2))}M`;
  if (size >= 1e4) return `${trimZeros((value / 1e3).toFixed(1))}k`;
  const options = { minimumFractionDigits: decimals, maximumFractionDigits: decimals };
  return value.toLocaleString("en-US", options).replace("-", "−");
}

function trimZeros(text) {
  return text.includes(".") ? text.replace(/0+$/, "").replace(/\.$/, "") : text;
}

function formatNumber(value) {
  if (!Number.isFinite(value)) return String(value);
  if (value !== 0 && (Math.abs(value) < 1e-3 || Math.abs(value) >= 1e6)) return value.toExponential(2);
  return trimZeros(value.toLocaleString("en-US", { maximumSignificantDigits: 4 }));
}

// A value of an axis, for people.
function formatValue(value, percent) {
  if (percent) return `${(100 * value).toFixed(1)}%`;
  return Math.abs(value) >= 1000 && Math.abs(value) < 1e6 ? Math.round(value).toLocaleString("en-US") : formatNumber(value);
}
