// Where JupyterLab comes in: one stage for each bench, and nothing of its own to be seen.

function initialize({ model }) {
  const stage = new Stage(model, meeting(model.get("bench")));
  return () => stage.close();
}

function render({ el }) {
  el.style.display = "none";
}

export default { initialize, render };
