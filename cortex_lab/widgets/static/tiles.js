// Small pictures side by side, or single cells.

const TILE_BLOCK = 116;

// How the tiles stand in a block of this height, and how wide the block is.
function gridOf(mark) {
  const { count, width, height } = mark;
  const single = height === 1 && width === 1;
  if (count === 1 && !single) {
    const tileWidth = Math.min(4, width / height) * TILE_BLOCK;
    return { columns: 1, gap: 0, tileHeight: (tileWidth * height) / width, tileWidth, width: tileWidth };
  }
  const gap = single ? 1 : 3;
  const aspect = width / height;
  const rows = Math.max(1, Math.round(Math.sqrt((count * aspect) / 1.2)));
  const columns = Math.ceil(count / rows);
  const tileHeight = Math.min(single ? 15 : TILE_BLOCK, (TILE_BLOCK - gap * (rows - 1)) / rows);
  const tileWidth = tileHeight * aspect;
  return { columns, gap, tileHeight, tileWidth, width: columns * tileWidth + gap * (columns - 1) };
}

// Pictures of rows fill the area: as many columns as make them largest.
function albumOf(mark, width, height) {
  const gap = 3;
  let best = { tileWidth: 0 };
  for (let columns = 1; columns <= mark.count; columns++) {
    const rows = Math.ceil(mark.count / columns);
    const tall = ((height - gap * (rows - 1)) / rows) * (mark.width / mark.height);
    const tileWidth = Math.min(tall, (width - gap * (columns - 1)) / columns);
    if (tileWidth > best.tileWidth) best = { columns, gap, tileWidth, tileHeight: (tileWidth * mark.height) / mark.width };
  }
  return best;
}

MARKS.tiles = (surface, mark, place) => {
  const { area, plot } = place;
  const { context, theme } = surface;
  const album = mark.pins && mark.count > 1;
  const [across, down] = [area.right - area.left, area.bottom - area.top];
  const grid = album ? albumOf(mark, across, down) : gridOf(mark);
  const zoom = album ? 1 : Math.min(across / grid.width, down / TILE_BLOCK);
  const [tileWidth, tileHeight, gap] = [grid.tileWidth * zoom, grid.tileHeight * zoom, grid.gap * zoom];
  const atlas = paintAtlas(mark, theme);
  context.imageSmoothingEnabled = false;
  const corner = (tile) => [
    area.left + (tile % grid.columns) * (tileWidth + gap),
    area.top + Math.floor(tile / grid.columns) * (tileHeight + gap),
  ];
  for (let tile = 0; tile < mark.count; tile++) {
    context.drawImage(atlas, 0, tile * mark.height, mark.width, mark.height, ...corner(tile), tileWidth, tileHeight);
    if (mark.dead?.[tile]) drawDead(surface, ...corner(tile), tileWidth, tileHeight);
  }
  context.strokeStyle = theme.color(6);
  context.lineWidth = 2.4;
  for (const tile of surface.store.placesIn(mark)) {
    const [left, top] = corner(tile);
    context.strokeRect(left, top, tileWidth, tileHeight);
  }
  const find = (x, y) => {
    const column = Math.floor((x - area.left) / (tileWidth + gap));
    const row = Math.floor((y - area.top) / (tileHeight + gap));
    const tile = row * grid.columns + column;
    return row < 0 || column < 0 || column >= grid.columns || tile >= mark.count ? -1 : tile;
  };
  if (mark.acts !== undefined) {
    place.act = (x, y) => {
      const tile = find(x, y);
      if (tile < 0) return null;
      const line = Math.floor(((y - area.top) / tileHeight) * mark.height);
      const alone = mark.count === 1 && mark.height > 1;
      return line < 0 || (alone && line >= mark.height) ? null : mark.acts + (alone ? line : tile);
    };
  }
  if (mark.pins) place.pin = (x, y) => mark.keys[find(x, y)] ?? null;
  return (x, y) => {
    const tile = find(x, y);
    if (tile < 0) return null;
    const [left, top] = corner(tile);
    const i = Math.floor(((y - top) / tileHeight) * mark.height);
    const j = Math.floor(((x - left) / tileWidth) * mark.width);
    if (i >= mark.height || j >= mark.width) return null;
    const at = (tile * mark.height + i) * mark.width + j;
    return { x, y, text: tellTile(mark, plot.title, tile, i, j, at) };
  };
};

// Gray and struck out: what is only 0 for this row looks like any other low number.
function drawDead({ context, theme }, left, top, width, height) {
  context.fillStyle = context.strokeStyle = theme.muted;
  context.globalAlpha = 0.55;
  context.fillRect(left, top, width, height);
  context.globalAlpha = 1;
  context.lineWidth = 1;
  context.strokeStyle = theme.background;
  context.beginPath();
  context.moveTo(left, top + height);
  context.lineTo(left + width, top);
  context.stroke();
}

function tellTile(mark, title, tile, i, j, at) {
  if (mark.pins && mark.count > 1) return `row ${mark.keys[tile]}${mark.told?.[tile] ? `: ${mark.told[tile]}` : ""}`;
  if (mark.channels === 3) return `${title} [${i}, ${j}]`;
  const [low, high] = mark.limits;
  const value = formatNumber(Number((low + (mark.values[at] / 255) * (high - low)).toPrecision(3)));
  const said = mark.odd?.includes(at) ? "not finite" : `≈ ${value}`;
  const dead = mark.dead?.[tile] ? "\ndead: 0 for every row looked at" : "";
  if (mark.height === 1 && mark.width === 1) return `${title} [${tile}]\n${said}${dead}`;
  return mark.count === 1
    ? `${title} [${i}, ${j}]\n${said}${dead}`
    : `${title}, ${mark.unit} ${tile} [${i}, ${j}]\n${said}${dead}`;
}

// All tiles one below the other on a canvas of their own, a pixel per value.
function paintAtlas(mark, theme) {
  const { width, height, count, values } = mark;
  const atlas = document.createElement("canvas");
  [atlas.width, atlas.height] = [width, height * count];
  const context = atlas.getContext("2d");
  const image = context.createImageData(width, height * count);
  const pixels = image.data;
  const size = width * height * count;
  const ramp = rampOf(theme.shades[mark.ramp]);
  for (let i = 0; i < size; i++) {
    const [source, from] = mark.channels === 3 ? [values, 3 * i] : [ramp, 3 * values[i]];
    pixels[4 * i] = source[from];
    pixels[4 * i + 1] = source[from + 1];
    pixels[4 * i + 2] = source[from + 2];
    pixels[4 * i + 3] = 255;
  }
  const odd = parseColor(theme.shades.fault);
  for (const i of mark.odd ?? []) for (let k = 0; k < 3; k++) pixels[4 * i + k] = odd[k];
  context.putImageData(image, 0, 0);
  return atlas;
}
