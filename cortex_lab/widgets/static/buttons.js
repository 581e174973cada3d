// Buttons among the plots of a chart; they are real ones, which `SaidButtons` puts over the canvas.

MARKS.buttons = ({ context, theme }, mark, place) => {
  const { area } = place;
  const pitch = Math.min(44, (area.bottom - area.top) / Math.max(1, mark.names.length));
  place.buttons = mark.names.map((text, number) => ({ left: area.left, top: area.top + number * pitch, text, number, told: mark.told[number] }));
  context.textAlign = "left";
  context.fillStyle = theme.muted;
  context.font = theme.font;
  mark.told.forEach((told, number) => {
    const left = area.left + SAID.button + 10;
    if (context.measureText(told).width <= area.right - left) context.fillText(told, left, area.top + number * pitch + 13);
  });
  return (x, y) => {
    const number = Math.floor((y - area.top) / pitch);
    return x < area.left || x > area.right || !mark.told[number] ? null : { x, y, text: mark.told[number] };
  };
};
