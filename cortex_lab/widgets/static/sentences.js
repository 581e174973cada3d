// Things said, one below the other: what is wrong stands out, what can be done about it has a button.

const SAID = { line: 15, gap: 8, bullet: 14, button: 170, most: 900 };

MARKS.sentences = (surface, mark, place) => {
  const { context, theme } = surface;
  const { area } = place;
  const laid = layOutSentences(context, theme, mark, area.right - area.left);
  place.buttons = [];
  context.textAlign = "left";
  for (const { top, lines, detail, number, room } of laid.items) {
    const stands = mark.wrong_ones[number];
    context.fillStyle = stands ? theme.shades.fault : theme.muted;
    context.beginPath();
    context.arc(area.left + 5, area.top + top + SAID.line / 2, 3.5, 0, 2 * Math.PI);
    context.fill();
    context.font = theme.font;
    context.fillStyle = theme.text;
    lines.forEach((line, i) => context.fillText(fit(context, line, room), area.left + SAID.bullet, area.top + top + (i + 0.5) * SAID.line));
    context.fillStyle = theme.muted;
    if (detail) context.fillText(fitStart(context, detail, room), area.left + SAID.bullet, area.top + top + (lines.length + 0.5) * SAID.line);
    if (mark.actions[number]) {
      const left = area.right - SAID.button;
      place.buttons.push({ left, top: area.top + top, text: mark.actions[number], number, told: mark.texts[number] });
    }
  }
  return (x, y) => {
    const found = laid.items.find(({ top, height }) => y >= area.top + top && y < area.top + top + height);
    if (!found || x > area.right) return null;
    const detail = mark.details[found.number];
    return { x, y, text: detail || found.lines.join("\n") };
  };
};

function layOutSentences(context, theme, mark, width) {
  context.font = theme.font;
  const items = [];
  let top = 4;
  mark.texts.forEach((text, number) => {
    const room = width - SAID.bullet - (mark.actions[number] ? SAID.button + 12 : 0);
    const lines = wrapText(context, text, Math.max(120, Math.min(SAID.most, room)));
    const detail = mark.details[number];
    const height = Math.max(mark.actions[number] ? 28 : 0, (lines.length + (detail ? 1 : 0)) * SAID.line);
    items.push({ top, lines, detail, number, room: Math.max(120, room), height: height + SAID.gap });
    top += height + SAID.gap;
  });
  return { items, height: top };
}

function wrapText(context, text, room) {
  const lines = [""];
  for (const word of text.split(" ")) {
    const longer = lines[lines.length - 1] ? `${lines[lines.length - 1]} ${word}` : word;
    if (!lines[lines.length - 1] || context.measureText(longer).width <= room) lines[lines.length - 1] = longer;
    else lines.push(word);
  }
  return lines;
}

// Real buttons over the canvas, which can be reached by Tab and heard.
class SaidButtons {
  constructor(panel) {
    this.panel = panel;
    this.shown = "";
    this.elements = [];
  }

  show(wanted) {
    // In a report there is no training to act on.
    if (this.panel.stage.known.offline) return;
    const said = JSON.stringify(wanted);
    if (said === this.shown) return;
    this.shown = said;
    for (const element of this.elements) element.remove();
    this.elements = wanted.map(({ left, top, text, number, told }) => {
      const button = this.panel.add("button", "cortex-said-button", this.panel.figure);
      Object.assign(button, { type: "button", textContent: text, title: told });
      button.setAttribute("aria-label", `${text}. ${told}`);
      Object.assign(button.style, { left: `${left}px`, top: `${top}px`, width: `${SAID.button}px` });
      button.addEventListener("click", (event) => {
        event.stopPropagation();
        this.panel.stage.send({ type: "act", panel: this.panel.name, number });
      });
      return button;
    });
  }
}
