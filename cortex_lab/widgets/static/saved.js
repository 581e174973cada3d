// What a saved notebook keeps of a bench is its picture. The live view is taken out of the document as it is
// stored, since a page whose kernel knows nothing of it could only say that there is no such model; a page that
// finds the kernel alive puts it back.

const WIDGET_VIEW = "application/vnd.jupyter.widget-view+json";

class SavedNotebook {
  constructor(model, bench) {
    this.model = model;
    this.bench = bench;
  }

  get isClosed() {
    return Boolean(this.model.widget_manager?.context?.isDisposed);
  }

  // The cells of the notebook; none where the page is no JupyterLab.
  get cells() {
    return [...(this.model.widget_manager?.context?.model?.cells ?? [])].filter((cell) => cell.type === "code");
  }

  // The live view, or in its place nothing but whose place it is.
  output(id) {
    const view = { version_major: 2, version_minor: 0, model_id: id };
    const metadata = { cortex_lab_bench: this.bench };
    // Of no type at all, an output is one that those who convert notebooks warn of.
    return { output_type: "display_data", data: id ? { [WIDGET_VIEW]: view } : { "text/html": "" }, metadata };
  }

  // Without a word to those who draw the output: for them it stays what it is.
  strip() {
    const box = this.model.get("box");
    for (const { sharedModel } of box ? this.cells : []) {
      sharedModel.getOutputs?.().forEach((output, place) => {
        if (output.data?.[WIDGET_VIEW]?.model_id !== box) return;
        sharedModel.updateOutputs(place, place + 1, [this.output("")], "silent-change");
      });
    }
  }

  restore() {
    const box = this.model.get("box");
    for (const { outputs } of box ? this.cells : []) {
      for (let place = 0; place < outputs.length; place++) {
        const { data, metadata } = outputs.get(place);
        const empty = metadata?.cortex_lab_bench === this.bench && !data[WIDGET_VIEW];
        if (empty) outputs.set(place, this.output(box));
      }
    }
  }
}
