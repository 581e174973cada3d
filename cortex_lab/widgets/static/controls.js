// What the page adds to the controls of a bench: keys, names for those who hear it, and a word to impossible numbers.

const TYPED_INTO = "input, select, textarea, [contenteditable]";
const NUMBER = 'input[type="number"]';
const PRESSED = "button, summary, a";

class BenchControls {
  constructor(root, send) {
    this.root = root;
    this.send = send;
    // Not by Tab: to have the keys go somewhere once a button that was clicked is gray.
    root.tabIndex = -1;
    this.refusal = document.createElement("div");
    this.refusal.className = "cortex-refusal";
    this.refusal.setAttribute("role", "alert");
    root.querySelector(".cortex-toolbar")?.append(this.refusal);
    root.addEventListener("keydown", (event) => this.press(event));
    root.addEventListener("change", (event) => this.check(event), true);
    // The widgets leave out what is no digit, so that 3.5 would be 35.
    const typed = (event) => event.target.matches(NUMBER) && event.stopPropagation();
    for (const kind of ["keypress", "keyup"]) root.addEventListener(kind, typed, true);
    this.watching = new MutationObserver((changes) => this.follow(changes));
    this.watching.observe(root, { subtree: true, childList: true, attributes: true, attributeFilter: ["disabled"] });
    this.name();
    root.querySelector(".cortex-more")?.addEventListener("click", () => this.more());
    this.typed = {};
    this.find();
  }

  // The row of controls that is out of sight at first.
  more() {
    const open = this.root.classList.toggle("cortex-shows-more");
    this.root.querySelector(".cortex-more")?.setAttribute("aria-expanded", String(open));
  }

  // Fields are there some time after the boxes around them.
  find() {
    for (const [field, selector] of Object.entries(TYPED)) {
      const input = this.root.querySelector(selector);
      if (!input || this.typed[field]?.input === input) continue;
      this.typed[field] = new TypedField(field, input, this.send, (refusal) => setText(this.refusal, refusal));
    }
  }

  hear(answer) {
    this.typed[answer.field]?.hear(answer);
  }

  close() {
    this.watching.disconnect();
    this.refusal.remove();
  }

  press(event) {
    const { target, key } = event;
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || target.closest(TYPED_INTO)) return;
    if (key !== "ArrowRight" && (key !== " " || target.closest(PRESSED))) return;
    // Not for the notebook around, which would scroll.
    event.preventDefault();
    event.stopPropagation();
    if (key === "ArrowRight") this.root.querySelector(".cortex-step:not(:disabled)")?.click();
    // Which of the two is for the bench to say: its buttons are gray a little later.
    else if (!event.repeat) this.send({ type: "run_or_pause" });
  }

  follow(changes) {
    this.find();
    for (const { type, target } of changes) {
      if (type === "childList" && (target.matches?.("select") || target.closest?.(".cortex-toolbar, .cortex-header"))) this.name();
      if (type !== "attributes" || !target.disabled) continue;
      if (target === document.activeElement || (target === this.focused && document.activeElement === document.body)) {
        this.root.focus({ preventScroll: true });
      }
    }
  }

  // Two knobs of the same label are told apart by what stands before them.
  name() {
    for (const field of this.root.querySelectorAll("input, select")) {
      const label = field.labels?.[0]?.textContent ?? "";
      const before = field.closest(".cortex-header")?.querySelector(".cortex-title") ??
        field.closest(".cortex-group")?.querySelector("button");
      const name = [before?.textContent.trim(), label].filter(Boolean).join(" ");
      if (name && field.getAttribute("aria-label") !== name) field.setAttribute("aria-label", name);
      if (field.matches("select")) field.title = field.selectedOptions[0]?.textContent ?? "";
    }
  }

  check({ target }) {
    if (target.matches("select")) this.name();
    if (!target.matches(NUMBER)) return;
    const possible = target.value !== "" && target.validity.valid;
    setText(this.refusal, possible ? "" : refusalOf(target));
    // What is empty becomes what it was; and 1e3 is read as 1.
    target.value = possible ? Number(target.value) : "";
  }
}

function refusalOf(field) {
  const [low, high] = [field.min, field.max].map((limit) => limit && Number(limit).toLocaleString("en-US"));
  const kind = field.step === "any" ? "a number" : "a whole number";
  const limits = low && high ? (low === high ? `, and only ${low} now` : ` from ${low} to ${high}`) : "";
  const typed = field.value === "" ? "" : `, not ${field.value}`;
  return `“${field.getAttribute("aria-label")}” takes ${kind}${limits}${typed}; it stays as it was.`;
}
