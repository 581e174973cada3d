"""A graph as a picture: plain SVG, in layers from top to bottom."""

from __future__ import annotations

import html

from cortex_lab.nn.graph.graph import Graph, PlacedNode

BOX = (150, 34)
GAP = (18, 26)

COLORS = {
    "input": "#9aa5b1",
    "learns": "#3b8bd4",
    "joins": "#d97706",
    "other": "#64748b",
}


def draw_graph(graph: Graph) -> str:
    """SVG of the graph: a box per node with its output shape, colored by whether it learns or joins.

    Other colors follow the notebook's theme where there is one.
    """
    places = _places(graph)
    width = max(x for x, _ in places.values()) + BOX[0] + GAP[0] + 20
    height = max(y for _, y in places.values()) + BOX[1] + GAP[1] / 2
    edges = [
        _edge(places[source], places[node.name], position, len(node.inputs))
        for node in graph.nodes.values()
        for position, source in enumerate(node.inputs)
    ]
    boxes = [_box(name, "input", graph.inputs[name], places[name], "input") for name in graph.inputs]
    boxes += [
        _box(node.name, type(node.layer).__name__, node.out_shape, places[node.name], _color(node))
        for node in graph.nodes.values()
    ]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" role="img" '
        f'viewBox="0 0 {width:.0f} {height:.0f}" aria-label="graph of {len(graph.nodes)} layers" '
        'font-family="var(--jp-ui-font-family, sans-serif)" font-size="11">'
        + "".join(edges + boxes)
        + "</svg>"
    )


def _places(graph: Graph) -> dict[str, tuple[float, float]]:
    """Upper left corners: as deep as the longest way there, side by side where several share a depth."""
    depth = dict.fromkeys(graph.inputs, 0)
    for node in graph.nodes.values():
        depth[node.name] = 1 + max(depth[source] for source in node.inputs)
    rows: dict[int, list[str]] = {}
    for name, level in depth.items():
        rows.setdefault(level, []).append(name)
    widest = max(len(names) for names in rows.values())
    places = {}
    for level, names in rows.items():
        indent = (widest - len(names)) * (BOX[0] + GAP[0]) / 2
        for position, name in enumerate(names):
            x = GAP[0] / 2 + indent + position * (BOX[0] + GAP[0])
            places[name] = (x, GAP[1] / 4 + level * (BOX[1] + GAP[1]))
    return places


def _box(name: str, kind: str, shape: tuple[int, ...], place: tuple[float, float], color: str) -> str:
    x, y = place
    label = name if len(name) <= 24 else f"…{name[-23:]}"
    size = " × ".join(map(str, shape))
    return (
        f"<g><title>{html.escape(f'{name}: {kind}, {size}')}</title>"
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{BOX[0]}" height="{BOX[1]}" rx="5" '
        f'fill="var(--jp-layout-color1, white)" stroke="{COLORS[color]}" stroke-width="1.5"/>'
        f'<text x="{x + BOX[0] / 2:.1f}" y="{y + 14:.1f}" text-anchor="middle" '
        f'fill="var(--jp-ui-font-color1, #222)">{html.escape(label)}</text>'
        f'<text x="{x + BOX[0] / 2:.1f}" y="{y + 27:.1f}" text-anchor="middle" font-size="9.5" '
        f'fill="var(--jp-ui-font-color2, #666)">{size}</text></g>'
    )


def _edge(start: tuple[float, float], end: tuple[float, float], position: int, inputs: int) -> str:
    x1, y1 = start[0] + BOX[0] / 2, start[1] + BOX[1]
    x2, y2 = end[0] + BOX[0] * (position + 1) / (inputs + 1), end[1]
    skipped = (y2 - y1) > GAP[1] + 1
    middle = (y1 + y2) / 2
    path = f"M{x1:.1f},{y1:.1f} C{x1:.1f},{middle:.1f} {x2:.1f},{middle:.1f} {x2:.1f},{y2:.1f}"
    if skipped and abs(x1 - x2) < BOX[0] / 2:
        # Past other boxes in its way, an edge swings out to the right of them.
        right = start[0] + BOX[0] + GAP[0] + 40
        path = f"M{x1:.1f},{y1:.1f} C{right:.1f},{y1 + 20:.1f} {right:.1f},{y2 - 20:.1f} {x2:.1f},{y2:.1f}"
    return f'<path d="{path}" fill="none" stroke="var(--jp-ui-font-color3, #aaa)" stroke-width="1.3"/>'


def _color(node: PlacedNode) -> str:
    if node.layer.several_inputs and len(node.inputs) > 1:
        return "joins"
    return "learns" if node.layer.parameters(*node.in_shapes) else "other"
