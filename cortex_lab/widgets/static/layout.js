// Which panels are open, in what order, and which of them is large; and the menu that says so.

const cardOf = (panel) => panel.root.closest(".cortex-card");

// Cards are moved in the document, not only on the screen: Tab goes through them in the order that is seen.
function arrangePanels(panels, { layout, enlarged }) {
  const large = layout.includes(enlarged) ? enlarged : null;
  const grids = new Map();
  for (const panel of panels) {
    const card = cardOf(panel);
    if (!card) continue;
    const grid = card.parentElement;
    if (!grids.has(grid)) grids.set(grid, new Map());
    grids.get(grid).set(panel.name, card);
    card.classList.toggle("cortex-closed", !layout.includes(panel.name));
    card.classList.toggle("cortex-large", panel.name === large);
    panel.large = panel.name === large;
  }
  for (const [grid, cards] of grids) {
    grid.classList.toggle("cortex-one", large !== null);
    grid.classList.toggle("cortex-alone", layout.length === 1);
    const wanted = [...layout, ...[...cards.keys()].filter((name) => !layout.includes(name))];
    const ordered = wanted.map((name) => cards.get(name)).filter(Boolean);
    const stands = [...grid.children].filter((child) => ordered.includes(child));
    if (ordered.every((card, i) => card === stands[i])) continue;
    const focused = document.activeElement;
    for (const card of ordered) grid.append(card);
    if (grid.contains(focused)) focused.focus({ preventScroll: true });
  }
}

// The layout with a panel opened where it stands among all, or closed.
function withPanel(titles, layout, name, open) {
  const others = layout.filter((one) => one !== name);
  if (!open) return others;
  const all = Object.keys(titles);
  const after = others.findIndex((one) => all.indexOf(one) > all.indexOf(name));
  return after < 0 ? [...others, name] : [...others.slice(0, after), name, ...others.slice(after)];
}

class LayoutPanel extends BasePanel {
  constructor(stage, mount) {
    super(stage, mount);
    this.rows = chip("select none", () => stage.store.put("selection", []));
    this.menu = new Menu("Panels", "Which panels are open", () => this.items());
    this.menu.button.classList.add("cortex-wide-tool");
    this.menu.button.append("Panels ▾");
    this.acts = new Menu("Selected rows", "What to do with the rows selected", () => this.deeds());
    this.acts.button.classList.add("cortex-wide-tool");
    this.acts.button.append("With these ▾");
    this.root.replaceChildren(this.rows, this.acts.button, this.acts.list, this.menu.button, this.menu.list);
    this.tell();
  }

  items() {
    const { store, known } = this.stage;
    const { layout } = store.values;
    const panels = Object.entries(known.titles ?? {}).map(([name, title]) => ({
      text: title,
      checked: layout.includes(name),
      stays: true,
      act: () => store.put("layout", withPanel(known.titles, store.values.layout, name, !store.values.layout.includes(name))),
    }));
    const presets = Object.entries(known.presets ?? {}).map(([name, names]) => ({
      text: `as for “${name}”`,
      act: () => this.lay(names),
    }));
    return [...panels, null, { text: "as at first", act: () => this.lay(known.layout) }, ...presets];
  }

  // What becomes of the rows selected, as edits of the training.
  deeds() {
    const act = (what, number) => () => this.stage.send({ type: "rows", what, number });
    const { labels = [] } = this.stage.known;
    return [
      { text: "Leave out", act: act("exclude") },
      { text: "Count half", act: act("reweight", 0.5) },
      { text: "Count as others", act: act("reweight", 1) },
      { text: "Count twice", act: act("reweight", 2) },
      ...(labels.length ? [null] : []),
      ...labels.map((label, number) => ({ text: `Label as ${label}`, act: act("relabel", number) })),
    ];
  }

  lay(names) {
    if (this.stage.store.values.enlarged !== null) this.stage.store.put("enlarged", null);
    this.stage.store.put("layout", names);
  }

  tell() {
    const { chosen } = this.stage.store;
    this.acts.button.hidden = !chosen.size || !this.stage.known.trains;
    tellChip(this.rows, chosen.size ? `${chosen.size.toLocaleString("en-US")} ${chosen.size === 1 ? "row" : "rows"} selected` : "");
  }

  follow() {
    this.tell();
    this.menu.refresh();
  }
}

// What is chosen, as a button that lets go of it.
function chip(title, letGo) {
  const button = toolButton("", title, letGo);
  button.className = "cortex-chip";
  button.hidden = true;
  return button;
}

function tellChip(button, text) {
  button.hidden = !text;
  setText(button, text ? `${text} ✕` : "");
  button.setAttribute("aria-label", `${text}: ${button.title}`);
}

PANELS.layout = LayoutPanel;
