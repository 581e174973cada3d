// A panel is a place on the page; what is drawn there comes from the stage of its bench.

function render({ model, el }) {
  const bench = meeting(model.get("bench"));
  const mount = {
    element: el,
    name: model.get("name"),
    kind: model.get("kind"),
    title: model.get("title"),
    height: model.get("height"),
  };
  bench.mounts.add(mount);
  bench.stage?.attach(mount);
  return () => {
    bench.mounts.delete(mount);
    bench.stage?.detach(mount);
  };
}

export default { render };
