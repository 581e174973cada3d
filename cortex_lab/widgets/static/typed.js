// Conditions that are typed: what may come next is offered, what cannot be is said at once, by the kernel.

const TYPED = { until: ".cortex-typed-until input", break: ".cortex-typed-break input", fork: ".cortex-typed-fork input" };
const MOST_OFFERED = 8;
const MOST_SAID = 170;

class TypedField {
  constructor(field, input, send, refuse) {
    Object.assign(this, { field, input, send, refuse });
    this.words = [];
    this.list = document.createElement("div");
    this.list.className = "cortex-menu cortex-offers";
    this.list.setAttribute("role", "listbox");
    this.list.hidden = true;
    input.autocomplete = "off";
    input.spellcheck = false;
    input.setAttribute("role", "combobox");
    input.setAttribute("aria-expanded", "false");
    input.after(this.list);
    // The widget would send what is half typed to the kernel; it does so when it is entered.
    input.addEventListener("input", () => this.typed());
    input.addEventListener("focus", () => this.ask());
    input.addEventListener("blur", () => setTimeout(() => this.offer([]), 150));
    input.addEventListener("keydown", (event) => this.press(event), true);
  }

  get token() {
    const before = this.input.value.slice(0, this.input.selectionStart ?? this.input.value.length);
    return before.match(/[A-Za-z_][\w]*$/)?.[0] ?? "";
  }

  typed() {
    this.ask();
    this.complete();
  }

  ask() {
    this.send({ type: "typed", field: this.field, text: this.input.value });
  }

  hear({ text, refusal, words }) {
    const had = this.words.length;
    this.words = words;
    // What was typed meanwhile is answered in its turn.
    if (text === this.input.value) {
      this.refuse(refusal.length > MOST_SAID ? `${refusal.slice(0, MOST_SAID)}…` : refusal);
      this.input.title = refusal;
      this.input.toggleAttribute("aria-invalid", Boolean(refusal));
    }
    if (!had) this.complete();
  }

  complete() {
    const { token } = this;
    const fits = token ? this.words.filter((word) => word.toLowerCase().startsWith(token.toLowerCase()) && word !== token) : [];
    this.offer(document.activeElement === this.input ? fits.slice(0, MOST_OFFERED) : []);
  }

  offer(words) {
    this.at = -1;
    this.list.hidden = !words.length;
    this.input.setAttribute("aria-expanded", String(words.length > 0));
    this.list.replaceChildren(...words.map((word) => {
      const entry = document.createElement("button");
      Object.assign(entry, { type: "button", textContent: word, tabIndex: -1 });
      entry.setAttribute("role", "option");
      // Before the field loses the focus.
      entry.addEventListener("pointerdown", (event) => {
        event.preventDefault();
        this.take(word);
      });
      return entry;
    }));
  }

  take(word) {
    const { input, token } = this;
    const end = input.selectionStart ?? input.value.length;
    input.value = input.value.slice(0, end - token.length) + word + input.value.slice(end);
    input.setSelectionRange(end - token.length + word.length, end - token.length + word.length);
    // For the widget, as if somebody had typed it.
    input.dispatchEvent(new Event("input", { bubbles: true }));
    this.offer([]);
  }

  press(event) {
    const entries = [...this.list.children];
    if (!entries.length) return;
    const move = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (move) {
      this.at = (this.at + move + entries.length) % entries.length;
      entries.forEach((entry, i) => entry.setAttribute("aria-selected", String(i === this.at)));
    } else if (event.key === "Tab" || (event.key === "Enter" && this.at >= 0)) {
      this.take(entries[Math.max(0, this.at)].textContent);
    } else if (event.key === "Escape") {
      this.offer([]);
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }
}
