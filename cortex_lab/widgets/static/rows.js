// What the kernel knows of a row, to be shown beside its point; and rows found by what they say.

// Milliseconds for which a pointer rests on a point before its row is asked for, and how many are remembered.
const CARDS = { rest: 60, kept: 400, side: 72 };

class RowCards {
  constructor(send, changed) {
    Object.assign(this, { send, changed });
    this.cards = new Map();
    this.wanted = null;
  }

  // {text, picture} of a row; null until it has been told.
  about(row) {
    if (this.cards.has(row)) return this.cards.get(row);
    if (this.wanted !== row) {
      clearTimeout(this.waiting);
      this.wanted = row;
      this.waiting = setTimeout(() => this.send({ type: "row", row }), CARDS.rest);
    }
    return null;
  }

  leave() {
    clearTimeout(this.waiting);
    this.wanted = null;
  }

  hear({ row, text, shape }, buffers) {
    if (this.cards.size >= CARDS.kept) this.cards.delete(this.cards.keys().next().value);
    this.cards.set(row, { text, picture: shape ? pictureOf(shape, new Uint8Array(copyBytes(buffers[0]))) : null });
    this.wanted = null;
    this.changed();
  }
}

// Bytes (height, width, 1 or 3) as a canvas, a pixel each.
function pictureOf([height, width, channels], bytes) {
  const canvas = Object.assign(document.createElement("canvas"), { width, height, className: "cortex-thumbnail" });
  const context = canvas.getContext("2d");
  const image = context.createImageData(width, height);
  for (let i = 0; i < width * height; i++) {
    for (let k = 0; k < 3; k++) image.data[4 * i + k] = bytes[channels * i + (channels === 3 ? k : 0)];
    image.data[4 * i + 3] = 255;
  }
  context.putImageData(image, 0, 0);
  const zoom = CARDS.side / Math.max(width, height);
  Object.assign(canvas.style, { width: `${Math.round(width * zoom)}px`, height: `${Math.round(height * zoom)}px` });
  return canvas;
}

// A field to look for rows in, which opens beside the tools of a panel.
class RowSearch {
  // `ask(text)` asks for the rows; `found(rows)` shows them and says how many there are.
  constructor(panel, ask) {
    this.button = toolButton("⌕", "Find rows: a label, a word of a column, column: word, or #number", () => this.toggle());
    this.button.setAttribute("aria-expanded", "false");
    this.button.classList.add("cortex-look");
    this.field = document.createElement("input");
    Object.assign(this.field, { type: "search", placeholder: "label, word, column: word, #row", hidden: true });
    this.field.setAttribute("aria-label", `Find rows on ${panel.title}`);
    this.count = document.createElement("span");
    this.box = panel.add("div", "cortex-search", panel.figure);
    this.box.hidden = true;
    this.box.append(this.field, this.count);
    this.count.setAttribute("role", "status");
    for (const kind of ["pointerdown", "pointermove", "pointerup", "click", "dblclick", "wheel"]) this.box.addEventListener(kind, (event) => event.stopPropagation());
    this.field.addEventListener("keydown", (event) => {
      event.stopPropagation();
      if (event.key === "Enter") ask(this.field.value);
      if (event.key === "Escape") this.toggle();
    });
    this.field.addEventListener("search", () => this.field.value || ask(""));
  }

  toggle() {
    const open = this.box.hidden;
    this.box.hidden = this.field.hidden = !open;
    this.button.setAttribute("aria-expanded", String(open));
    setText(this.count, "");
    (open ? this.field : this.button).focus();
  }

  tell(text) {
    setText(this.count, text);
  }
}
