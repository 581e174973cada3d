// What each layer makes of one row, from input to output: feature maps as pictures, vectors as cells.

const BLOCK = { height: 116, label: 34, gap: 26, rowGap: 12, output: 176, widestOutput: 380 };

class ActivationsPanel extends CanvasPanel {
  heightFor(frame, width) {
    const { rows, zoom } = this.layout(frame.meta.layers, width);
    const heights = rows.map((row) => BLOCK.label + rowHeight(row, zoom));
    return heights.reduce((sum, height) => sum + height, 0) + (rows.length - 1) * BLOCK.rowGap + 4;
  }

  // One row if the blocks fit when shrunk or grown a little, else as many rows as it takes.
  layout(layers, width) {
    const blocks = layers.map((layer) => ({ layer, ...gridOf(layer) }));
    const widthOf = (block, zoom) =>
      Math.max(block.layer.kind === "output" ? BLOCK.output : block.width * zoom, 56);
    const total = (row, zoom) =>
      row.reduce((sum, block) => sum + widthOf(block, zoom), 0) + BLOCK.gap * (row.length - 1);
    for (let zoom = 1.1; zoom >= 0.74; zoom -= 0.04) {
      const left = width - total(blocks, zoom);
      if (left < 0) continue;
      // What room is left goes to the answer.
      const output = Math.min(BLOCK.widestOutput, BLOCK.output + left);
      return {
        zoom, rows: [blocks], widthOf: (block, z) => (block.layer.kind === "output" ? output : widthOf(block, z)),
      };
    }
    const rows = [[]];
    const zoom = 0.9;
    for (const block of blocks) {
      const row = rows[rows.length - 1];
      if (row.length && total([...row, block], zoom) > width) rows.push([block]);
      else row.push(block);
    }
    return { zoom, rows, widthOf };
  }

  draw(frame, surface) {
    const { context, theme } = surface;
    const { rows, zoom, widthOf } = this.layout(frame.meta.layers, surface.width);
    const places = [];
    let top = 0;
    rows.forEach((row, rowPosition) => {
      let left = 0;
      const height = rowHeight(row, zoom);
      row.forEach((block, position) => {
        const size = widthOf(block, zoom);
        this.drawLabel(surface, block.layer, left, top, size + BLOCK.gap - 8);
        const origin = { left, top: top + BLOCK.label, height };
        const array = frame.arrays[block.layer.name];
        if (block.layer.kind === "output") places.push(drawOutput(surface, block.layer, array, origin, size));
        else places.push(drawGrid(surface, block, array, origin, zoom));
        left += size + BLOCK.gap;
        const last = position === row.length - 1 && rowPosition === rows.length - 1;
        if (last) return;
        context.fillStyle = theme.muted;
        context.font = `16px ${theme.font.slice(5)}`;
        context.textAlign = "center";
        context.fillText("›", left - BLOCK.gap / 2, origin.top + origin.height / 2);
        context.font = theme.font;
      });
      top += BLOCK.label + height + BLOCK.rowGap;
    });
    return (x, y) => {
      for (const hit of places) {
        const text = hit(x, y);
        if (text) return { x, y, text };
      }
      return null;
    };
  }

  drawLabel({ context, theme }, layer, left, top, room) {
    context.textAlign = "left";
    context.font = theme.strongFont;
    context.fillStyle = theme.text;
    context.fillText(fit(context, layer.title, room), left, top + 8);
    context.font = theme.font;
    context.fillStyle = theme.muted;
    context.fillText(fit(context, layer.detail, room), left, top + 22);
  }
}

// The bars of the answer must stay readable where the pictures may shrink.
function rowHeight(row, zoom) {
  const bars = row.find((block) => block.layer.kind === "output")?.layer.labels.length ?? 0;
  return Math.max(BLOCK.height * zoom, 12.5 * Math.min(12, bars));
}

function fit(context, text, room) {
  if (context.measureText(text).width <= room) return text;
  let cut = text;
  while (cut.length > 1 && context.measureText(`${cut}…`).width > room) cut = cut.slice(0, -1);
  return `${cut}…`;
}

function gridOf(layer) {
  if (layer.kind === "output") return { width: BLOCK.output };
  if (layer.kind === "image") {
    const tile = BLOCK.height / layer.height;
    return { rows: 1, columns: 1, width: layer.width * tile, tileHeight: BLOCK.height, tileWidth: layer.width * tile };
  }
  const gap = layer.kind === "maps" ? 3 : 1;
  const aspect = layer.width / layer.height;
  const rows = Math.max(1, Math.round(Math.sqrt((layer.count * aspect) / 1.2)));
  const columns = Math.ceil(layer.count / rows);
  const tallest = layer.kind === "maps" ? BLOCK.height : 15;
  const tileHeight = Math.min(tallest, (BLOCK.height - gap * (rows - 1)) / rows);
  const tileWidth = tileHeight * aspect;
  return { rows, columns, gap, tileHeight, tileWidth, width: columns * tileWidth + gap * (columns - 1) };
}

function drawGrid(surface, block, array, origin, zoom) {
  const { context, theme } = surface;
  const { layer, columns, gap = 0 } = block;
  const [tileWidth, tileHeight, space] = [block.tileWidth * zoom, block.tileHeight * zoom, gap * zoom];
  const atlas = paintAtlas(layer, array, theme);
  context.imageSmoothingEnabled = false;
  const place = (tile) => [
    origin.left + (tile % columns) * (tileWidth + space),
    origin.top + Math.floor(tile / columns) * (tileHeight + space),
  ];
  for (let tile = 0; tile < layer.count; tile++) {
    const [left, top] = place(tile);
    context.drawImage(
      atlas, 0, tile * layer.height, layer.width, layer.height, left, top, tileWidth, tileHeight,
    );
  }
  return (x, y) => {
    const column = Math.floor((x - origin.left) / (tileWidth + space));
    const row = Math.floor((y - origin.top) / (tileHeight + space));
    const tile = row * columns + column;
    if (row < 0 || column < 0 || column >= columns || tile >= layer.count) return null;
    const [left, top] = place(tile);
    const i = Math.floor(((y - top) / tileHeight) * layer.height);
    const j = Math.floor(((x - left) / tileWidth) * layer.width);
    if (i >= layer.height || j >= layer.width) return null;
    if (layer.channels === 3) return `${layer.title} [${i}, ${j}]`;
    const level = array[(tile * layer.height + i) * layer.width + j] / 255;
    const value = formatNumber(Number((layer.low + level * (layer.high - layer.low)).toPrecision(3)));
    if (layer.kind === "vector") return `${layer.title} [${tile}]\n≈ ${value}`;
    if (layer.kind === "image") return `${layer.title} [${i}, ${j}]\n≈ ${value}`;
    return `${layer.title}, map ${tile} [${i}, ${j}]\n≈ ${value}`;
  };
}

// All tiles of a layer one below the other on a canvas of their own, a pixel per value.
function paintAtlas(layer, array, theme) {
  const { width, height, count } = layer;
  const atlas = document.createElement("canvas");
  atlas.width = width;
  atlas.height = height * count;
  const context = atlas.getContext("2d");
  const image = context.createImageData(width, height * count);
  const pixels = image.data;
  const size = width * height * count;
  if (layer.channels === 3) {
    for (let i = 0; i < size; i++) {
      for (let k = 0; k < 3; k++) pixels[4 * i + k] = array[3 * i + k];
      pixels[4 * i + 3] = 255;
    }
  } else {
    const ramp = rampOf(theme.shades[layer.ramp]);
    for (let i = 0; i < size; i++) {
      const shade = 3 * array[i];
      pixels[4 * i] = ramp[shade];
      pixels[4 * i + 1] = ramp[shade + 1];
      pixels[4 * i + 2] = ramp[shade + 2];
      pixels[4 * i + 3] = 255;
    }
  }
  context.putImageData(image, 0, 0);
  return atlas;
}

const ramps = new Map();

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

function drawOutput({ context, theme }, layer, chances, origin, width) {
  const count = chances.length;
  const pitch = Math.min(18, origin.height / count);
  context.font = theme.font;
  const names = layer.labels.map((label) => fit(context, label, 64));
  const room = Math.max(...names.map((name) => context.measureText(name).width));
  const left = origin.left + room + 8;
  const full = width - room - 8 - 40;
  for (let i = 0; i < count; i++) {
    const middle = origin.top + (i + 0.5) * pitch;
    const truth = i === layer.truth;
    context.font = truth ? theme.strongFont : theme.font;
    context.textAlign = "right";
    context.fillStyle = truth ? theme.text : theme.muted;
    if (pitch >= 9) context.fillText(names[i], left - 6, middle);
    context.fillStyle = theme.line;
    context.fillRect(left, middle - pitch * 0.36, full, pitch * 0.72);
    context.fillStyle = truth ? theme.color(0) : theme.muted;
    context.fillRect(left, middle - pitch * 0.36, full * chances[i], pitch * 0.72);
    context.textAlign = "left";
    context.fillStyle = truth ? theme.text : theme.muted;
    if (pitch >= 9) context.fillText(`${(100 * chances[i]).toFixed(0)}%`, left + full + 6, middle);
  }
  return (x, y) => {
    const i = Math.floor((y - origin.top) / pitch);
    if (i < 0 || i >= count || x < origin.left || x > origin.left + width) return null;
    return `${layer.labels[i]}: ${(100 * chances[i]).toFixed(2)}%${i === layer.truth ? "\nthe row's label" : ""}`;
  };
}

PANELS.activations = ActivationsPanel;
