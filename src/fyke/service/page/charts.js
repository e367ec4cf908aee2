// Charts, drawn here: nothing but numbers goes in, nothing but SVG comes out.
import { svg } from "./common.js";

const FOOT = 22; // below a chart, for its axis
const SIDE = 44; // beside it, for its scale

/** A frame of the holder's width: the drawing, and its inner size. */
function frame(holder, height, title) {
  const width = Math.max(holder.clientWidth, 200);
  const drawing = svg("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": title });
  holder.replaceChildren(drawing);
  return { drawing, wide: width - SIDE - 8, high: height - FOOT - 8 };
}

const text = (x, y, said, more = {}) => svg("text", { x, y, ...more }, said);

function scale(drawing, wide, high, marks) {
  for (const [share, label] of marks) {
    const y = 8 + high * (1 - share);
    drawing.append(
      svg("line", { class: share ? "grid" : "axis", x1: SIDE, x2: SIDE + wide, y1: y, y2: y }),
      text(SIDE - 8, y + 4, label, { "text-anchor": "end" }),
    );
  }
}

/** Hatches, so that areas differ by more than colour. */
function hatches(drawing, series, owner) {
  const kinds = { hatch: "M-1 7 7 -1M-1 1 1 -1M5 7 7 5", dots: "M1.500 3h1M4.500 0h1M4.500 6h1" };
  for (const { name, pattern } of series) {
    if (!pattern) continue;
    drawing.append(
      svg("defs", {}, svg(
        "pattern",
        { id: `fill-${name}-${owner}`, width: 6, height: 6, patternUnits: "userSpaceOnUse" },
        svg("rect", { width: 6, height: 6, class: `area ${name}` }),
        svg("path", { d: kinds[pattern], class: "hatch" }),
      )),
    );
  }
}

/**
 * Areas upon each other over time. `bins` hold a value for each series, oldest first, null where there was nothing;
 * `top` is the value at the upper edge, `marks` are [share of the height, label], `ages` the same along the axis.
 */
export function stack(holder, { bins, series, top, marks, ages, title, height = 200 }) {
  const { drawing, wide, high } = frame(holder, height, title);
  hatches(drawing, series, holder.id);
  scale(drawing, wide, high, marks);
  const step = wide / bins.length;
  const base = bins.map(() => 0);
  for (const { name, pattern } of series) {
    let path = "";
    bins.forEach((bin, at) => {
      if (!bin) return;
      const low = base[at];
      base[at] += bin[name] ?? 0;
      const [y1, y2] = [low, base[at]].map((value) => (8 + high * (1 - Math.min(1, value / top))).toFixed(1));
      if (y1 !== y2) path += `M${(SIDE + at * step).toFixed(1)} ${y1}V${y2}h${Math.max(0.5, step - 0.8).toFixed(1)}V${y1}z`;
    });
    const fill = pattern ? { fill: `url(#fill-${name}-${holder.id})` } : { class: `area ${name}` };
    drawing.append(svg("path", { d: path, ...fill }));
  }
  for (const [share, label] of wide < 360 ? [ages[0], ages.at(-1)] : ages) {
    const anchor = share === 0 ? "start" : share === 1 ? "end" : "middle";
    drawing.append(text(SIDE + wide * share, height - 5, label, { "text-anchor": anchor }));
  }
}

/** Bars on a logarithmic scale. `rows` are { name, label, value, said }, a null value has no bar. */
export function logBars(holder, { rows, least, most, ticks, title }) {
  const line = 34;
  const height = rows.length * line + FOOT;
  const width = Math.max(holder.clientWidth, 200);
  const left = 92;
  const right = 64;
  const wide = width - left - right;
  const at = (value) => left + (wide * (Math.log10(Math.min(most, Math.max(least, value))) - Math.log10(least))) / (Math.log10(most) - Math.log10(least));
  const drawing = svg("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": title });
  for (const [value, label] of wide < 220 ? ticks.filter((_, at) => at % 2 === 0) : ticks) {
    drawing.append(
      svg("line", { class: "grid", x1: at(value), x2: at(value), y1: 0, y2: height - FOOT }),
      text(at(value), height - 5, label, { "text-anchor": "middle" }),
    );
  }
  rows.forEach(({ name, label, value, said }, row) => {
    const y = row * line;
    drawing.append(text(0, y + 21, label, { class: "label" }));
    if (value !== null) {
      drawing.append(svg("rect", { class: `area ${name}`, x: left, y: y + 7, width: Math.max(2, at(value) - left), height: 20, rx: 3 }));
    }
    drawing.append(text((value === null ? left : at(value)) + 8, y + 21, said, { class: "value" }));
  });
  holder.replaceChildren(drawing);
}

/**
 * Points in the unit square with a line through them. `points` are { x, y, r, said, mark }; `diagonal` draws what
 * would be perfect, `xs` and `ys` are [share, label].
 */
export function square(holder, { points, diagonal, xs, ys, title, xName, yName, join = true }) {
  const width = Math.min(Math.max(holder.clientWidth, 220), 420);
  const [left, foot] = [64, 46];
  const wide = width - left - 22;
  const height = wide + foot + 12;
  const x = (share) => left + wide * share;
  const y = (share) => 12 + wide * (1 - share);
  const drawing = svg("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": title });
  for (const [share, label] of xs) {
    drawing.append(
      svg("line", { class: "grid", x1: x(share), x2: x(share), y1: y(0), y2: y(1) }),
      text(x(share), y(0) + 18, label, { "text-anchor": "middle" }),
    );
  }
  for (const [share, label] of ys) {
    drawing.append(
      svg("line", { class: share ? "grid" : "axis", x1: x(0), x2: x(1), y1: y(share), y2: y(share) }),
      text(left - 8, y(share) + 4, label, { "text-anchor": "end" }),
    );
  }
  if (diagonal) drawing.append(svg("line", { class: "ideal", x1: x(0), y1: y(0), x2: x(1), y2: y(1) }));
  if (join) drawing.append(svg("path", { class: "line", d: `M${points.map((one) => `${x(one.x).toFixed(1)} ${y(one.y).toFixed(1)}`).join("L")}` }));
  for (const { x: across, y: up, r = 3.5, said, mark } of points) {
    drawing.append(svg("circle", { class: mark ? "point mark" : "point", cx: x(across), cy: y(up), r }, svg("title", {}, said)));
  }
  drawing.append(
    text(x(0.5), height - 6, xName, { "text-anchor": "middle", class: "label" }),
    text(0, 0, yName, { "text-anchor": "middle", class: "label", transform: `translate(12 ${y(0.5)}) rotate(-90)` }),
  );
  holder.replaceChildren(drawing);
}
