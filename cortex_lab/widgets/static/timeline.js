// The steps of the session to go back and forth in: every view shows the one that is chosen, the training goes on.

class TimelinePanel extends BasePanel {
  constructor(stage, mount) {
    super(stage, mount);
    this.first = this.last = 0;
    this.slider = document.createElement("input");
    Object.assign(this.slider, { type: "range", step: 1, min: 0, max: 0, value: 0, title: "The step that all views show" });
    this.slider.setAttribute("aria-label", "The step that all views show");
    this.ticks = document.createElement("canvas");
    this.ticks.className = "cortex-ticks";
    this.said = document.createElement("span");
    this.said.className = "cortex-said-moment";
    this.said.setAttribute("role", "status");
    const [back, on] = [[-1, "‹", "One step earlier"], [1, "›", "One step later"]].map(([by, text, told]) =>
      toolButton(text, told, () => this.go(Number(this.slider.value) + by)));
    const [name, title] = stage.known.offline ? ["Last", "Show the last step"] : ["Live", "Show the present again"];
    this.live = toolButton(name, title, () => this.stage.store.put("moment", null));
    this.live.classList.add("cortex-wide-tool");
    const track = document.createElement("div");
    track.className = "cortex-track";
    track.append(this.slider, this.ticks);
    this.beside = document.createElement("div");
    this.beside.className = "cortex-beside";
    this.root.replaceChildren(back, track, on, this.said, this.live, this.beside);
    this.slider.addEventListener("input", () => this.go(Number(this.slider.value)));
    this.slider.addEventListener("keydown", (event) => {
      const by = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1 }[event.key];
      if (!by) return;
      // Not for the notebook around, which has meanings of its own for arrows.
      event.preventDefault();
      event.stopPropagation();
      this.go(Number(this.slider.value) + by);
    });
    this.follow();
  }

  // At its right end is the present, whichever step that is.
  go(step) {
    const { steps } = this.stage.known;
    let found = Math.max(this.first, Math.min(this.last, step));
    // A report has some of the steps: the next that way, or the nearest.
    const now = this.stage.store.values.moment ?? this.last;
    if (steps) found = Math.abs(step - now) === 1 ? steps[Math.max(0, Math.min(steps.length - 1, steps.indexOf(now) + step - now))] : nearestStep(steps, found);
    const moment = found === this.last ? null : found;
    if (moment !== this.stage.store.values.moment) this.stage.store.put("moment", moment);
  }

  show({ meta, arrays }) {
    [this.first, this.last, this.told] = [meta.first, meta.last, meta.told];
    this.slider.min = meta.first;
    this.slider.max = Math.max(meta.last, meta.first + 1);
    if (arrays.ticks?.length) this.steps = arrays.ticks;
    this.slider.disabled = meta.last === meta.first;
    this.follow();
    this.mark();
    this.list(meta);
  }

  // Breakpoints, branches and the file that was saved, each with what can be done about it.
  list({ breakpoints, branches, saved }) {
    const said = JSON.stringify([breakpoints, branches, saved]);
    if (said === this.listed) return;
    this.listed = said;
    const { stage } = this;
    const chips = (breakpoints ?? []).map(([number, text]) =>
      listedChip(`break when ${text.replace(/^(['"])(.*)\1$/, "$2")}`, [["✕", `Forget breakpoint ${number}`, () => stage.send({ type: "clear_breakpoint", number })]]));
    for (const [number, label, told] of branches ?? []) {
      chips.push(listedChip(`${label}: ${told}`, [["keep", `Go on as the branch ${label}`, () => stage.send({ type: "keep", number })]]));
    }
    if (branches?.length) chips.push(listedChip("", [["forget branches", "Let go of all branches", () => stage.send({ type: "forget_branches" })]]));
    if (saved) chips.push(listedChip(`saved: ${saved}`, []));
    this.beside.replaceChildren(...chips);
  }

  follow() {
    const { moment } = this.stage.store.values;
    // Not while somebody holds it: what is dragged stays under the pointer.
    const value = moment ?? this.last;
    if (Number(this.slider.value) !== value) this.slider.value = value;
    const step = value.toLocaleString("en-US");
    const present = this.stage.known.offline ? "the last" : "live";
    const told = moment === null ? present : this.told === "live" ? "on its way" : this.told;
    setText(this.said, moment === null ? `step ${step}, ${present}` : `at step ${step}, ${told}`);
    this.slider.setAttribute("aria-valuetext", this.said.textContent);
    this.root.dataset.moment = moment === null ? "" : moment;
    this.root.dataset.told = told;
    this.live.disabled = moment === null;
  }

  // A short line below each step that is kept: there views are at once.
  mark() {
    const { clientWidth: width, clientHeight: height } = this.ticks;
    if (!width) return;
    const ratio = window.devicePixelRatio || 1;
    [this.ticks.width, this.ticks.height] = [width * ratio, height * ratio];
    const context = this.ticks.getContext("2d");
    context.scale(ratio, ratio);
    context.fillStyle = readTheme(this.root, this.stage.palette).muted;
    const span = Math.max(1, this.last - this.first);
    for (const step of this.steps ?? []) {
      // The middle of the thumb does not reach the ends.
      const left = 8 + ((step - this.first) / span) * (width - 16);
      context.fillRect(Math.round(left), 0, 1, height);
    }
  }
}

// Words, and buttons beside them.
function listedChip(text, buttons) {
  const chip = document.createElement("span");
  chip.className = "cortex-listed";
  chip.append(text, ...buttons.map(([name, title, act]) => toolButton(name, title, act)));
  return chip;
}

PANELS.timeline = TimelinePanel;
