// The day's hours as columns (各时段): callers who asked for an operator, and within them those who were answered.
const [BASE, TOP] = [160, 26]; // where the columns stand, and how high the highest reaches
const [BEGINS, ENDS] = [8, 17]; // hours that are always there, so that a morning's chart does not jump about

function shape(name, attributes, text = "") {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.textContent = text;
  return made;
}

/** Draw into the SVG; `hours` as the state has them: hour, offered, answered. */
export function drawHours(svg, hours) {
  const known = new Map(hours.map((one) => [one.hour, one]));
  const first = Math.min(BEGINS, ...known.keys());
  const last = Math.max(ENDS, ...known.keys());
  const most = Math.max(1, ...hours.map((one) => one.offered));
  const step = 100 / (last - first + 1);
  const column = (x, number, kind) => {
    const height = (number / most) * (BASE - TOP);
    return shape("rect", { class: kind, x: `${x + step * 0.2}%`, y: BASE - height, width: `${step * 0.6}%`, height });
  };
  const drawn = [shape("line", { class: "ground", x1: 0, x2: "100%", y1: BASE, y2: BASE })];
  for (let hour = first; hour <= last; hour += 1) {
    const x = (hour - first) * step;
    const { offered = 0, answered = 0 } = known.get(hour) ?? {};
    const label = { x: `${x + step / 2}%`, "text-anchor": "middle" };
    drawn.push(column(x, offered, "offered"), column(x, answered, "answered"), shape("text", { ...label, y: BASE + 24 }, `${hour}时`));
    if (offered) drawn.push(shape("text", { ...label, class: "count", y: BASE - (offered / most) * (BASE - TOP) - 6 }, String(offered)));
  }
  svg.replaceChildren(...drawn);
}
