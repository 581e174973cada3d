// The status line: state, step, epoch, speed and the last measurements, as text.

class StatusPanel extends BasePanel {
  constructor(stage, mount) {
    super(stage, mount);
    this.root.setAttribute("role", "status");
    this.light = document.createElement("i");
    this.light.className = "cortex-light";
    this.state = document.createElement("b");
    this.facts = document.createElement("span");
    this.facts.className = "cortex-facts";
    this.root.replaceChildren(this.light, this.state, this.facts);
  }

  show({ meta }) {
    this.root.dataset.state = meta.state;
    setText(this.state, meta.text);
    while (this.facts.children.length < meta.facts.length) {
      const fact = document.createElement("span");
      fact.append(document.createElement("em"), document.createElement("span"));
      this.facts.append(fact);
    }
    while (this.facts.children.length > meta.facts.length) this.facts.lastChild.remove();
    meta.facts.forEach(([name, value], position) => {
      const [label, text] = this.facts.children[position].children;
      setText(label, name);
      setText(text, value);
    });
  }
}

PANELS.status = StatusPanel;
