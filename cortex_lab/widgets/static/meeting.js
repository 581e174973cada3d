// Where the stage of a bench and its panels find each other on the page, whichever of them loads first.

function meeting(id) {
  const benches = (globalThis.cortexLabBenches ??= new Map());
  if (!benches.has(id)) benches.set(id, { id, stage: null, mounts: new Set() });
  return benches.get(id);
}
