// What the views of a bench share: rows, a step, panels. It lives in the page; the kernel keeps a copy of it.

// Every change has a number, one more than the last its maker knew of. Of two the later holds, wherever
// they meet, so page, kernel and other pages come to the same.
class Store {
  // `send(message, buffers)` tells the kernel, `changed(name)` is called after every change that holds.
  constructor(maker, first, send, changed) {
    this.maker = maker;
    this.values = { selection: new Int32Array(0), moment: null, enlarged: null, layout: [], ...first };
    this.stamps = {};
    this.latest = 0;
    this.send = send;
    this.changed = changed;
    this.chosen = new Set();
    // The step under the pointer, which nobody else needs to know of.
    this.glance = null;
  }

  put(name, value) {
    this.latest += 1;
    const message = { type: "change", name, number: this.latest };
    this.keep(name, value, [this.latest, this.maker]);
    if (name === "selection") this.send(message, [this.values.selection.buffer]);
    else this.send({ ...message, value });
  }

  hear({ name, value, number, maker }, buffers) {
    this.latest = Math.max(this.latest, number);
    if (!isLater([number, maker], this.stamps[name])) return;
    this.keep(name, name === "selection" ? new Int32Array(copyBytes(buffers[0])) : value, [number, maker]);
  }

  keep(name, value, stamp) {
    this.stamps[name] = stamp;
    this.values[name] = name === "selection" ? Int32Array.from(value) : value;
    if (name === "selection") this.chosen = new Set(this.values.selection);
    this.changed(name);
  }

  // Add a row to those selected, or take it away.
  toggle(row) {
    const { selection } = this.values;
    this.put("selection", this.chosen.has(row) ? selection.filter((one) => one !== row) : [...selection, row]);
  }

  look(step) {
    if (this.glance === step) return;
    this.glance = step;
    this.changed("glance");
  }

  // The places in a mark of the rows selected; the mark keeps a table from rows to places.
  placesIn(mark) {
    if (!this.chosen.size || !mark.pins) return NOWHERE;
    mark.table ??= tableOf(mark.keys);
    const places = new Set();
    const rows = this.chosen.size < mark.table.size ? this.chosen : mark.table.keys();
    for (const row of rows) {
      if (this.chosen.has(row)) for (const place of mark.table.get(row) ?? []) places.add(place);
    }
    return places;
  }
}

const NOWHERE = new Set();

function isLater([number, maker], known) {
  if (!known) return true;
  return number > known[0] || (number === known[0] && maker > known[1]);
}

// From each row to its places; a row may be there several times.
function tableOf(keys) {
  const table = new Map();
  keys.forEach((row, place) => (table.has(row) ? table.get(row).push(place) : table.set(row, [place])));
  return table;
}
