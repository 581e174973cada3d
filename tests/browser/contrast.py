"""How well text stands out, computed from the styles that the page ends up with."""

FAINT_TEXT = """root => {
    const probe = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
    const parse = color => {
        probe.clearRect(0, 0, 1, 1);
        probe.fillStyle = color;
        probe.fillRect(0, 0, 1, 1);
        const [red, green, blue, alpha] = probe.getImageData(0, 0, 1, 1).data;
        return [red, green, blue, alpha / 255];
    };
    const over = (top, below) => [0, 1, 2].map(i => top[i] * top[3] + below[i] * (1 - top[3]));
    const brightness = color => {
        const [red, green, blue] = color.map(value => value / 255)
            .map(value => value <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
    };
    const groundOf = element => {
        const layers = [];
        for (let each = element; each; each = each.parentElement) {
            layers.unshift(getComputedStyle(each).backgroundColor);
        }
        return layers.reduce((below, color) => over(parse(color), below), [255, 255, 255]);
    };
    const contrast = (color, ground) => {
        const both = [brightness(over(parse(color), ground)), brightness(ground)];
        const [dark, bright] = both.sort((a, b) => a - b);
        return (bright + 0.05) / (dark + 0.05);
    };
    const found = [];
    const look = (name, color, ground) => {
        const ratio = contrast(color, ground);
        if (ratio < 4.5) found.push(`${name}: ${ratio.toFixed(2)}`);
    };
    const isText = node => node.nodeType === 3 && node.textContent.trim();
    const speaks = element => [...element.childNodes].some(isText);
    let seen = 0;
    for (const element of root.querySelectorAll("*")) {
        if (element.disabled || element.matches("option") || !element.checkVisibility()) continue;
        if (!speaks(element) && !element.matches('input:not([type="range"])')) continue;
        seen += 1;
        const name = `${element.className} ${element.textContent.trim().slice(0, 20)}`;
        look(name, getComputedStyle(element).color, groundOf(element));
    }
    // What canvases write with.
    for (const name of ["--jp-ui-font-color1", "--jp-ui-font-color2"]) {
        const ground = groundOf(root.querySelector(".cortex-figure"));
        look(`canvas ${name}`, getComputedStyle(root).getPropertyValue(name), ground);
    }
    return [seen, found];
}"""
"""How many texts an element has, and those among them that stand out too little, gray buttons aside."""
