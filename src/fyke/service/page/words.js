// The words of a mail with their shares in the verdict: marked in the text, and the strongest in a list.
import { el, tame } from "./common.js";

export const MOST = 20000; // characters that are shown

const LEVELS = [[0.5, 3], [0.2, 2], [0.06, 1]];

/** Characters as the service counts them (code points), no more than are shown. */
const characters = (text) => Array.from(tame(text.slice(0, 2 * MOST))).slice(0, MOST);

/** The text with its telling words marked, as nodes; and whether all of it is there. */
export function marked(text, parts) {
  const all = characters(text);
  const strongest = Math.max(...spread(parts), 1e-9);
  const nodes = [];
  let at = 0;
  let plain = "";
  for (const { start, end, contribution } of parts) {
    if (end > all.length) break;
    const level = LEVELS.find(([least]) => Math.abs(contribution) >= least * strongest)?.[1];
    if (!level || start < at) continue;
    plain += all.slice(at, start).join("");
    if (plain) nodes.push(plain);
    plain = "";
    nodes.push(el("mark", { class: `${contribution > 0 ? "p" : "s"}${level}`, title: said(contribution) }, all.slice(start, end).join("")));
    at = end;
  }
  nodes.push(plain + all.slice(at).join(""));
  return { nodes, whole: all.length === MOST ? text.length <= all.join("").length : true };
}

function* spread(parts) {
  for (let at = 0; at < parts.length; at += 5000) {
    yield Math.max(...parts.slice(at, at + 5000).map((part) => Math.abs(part.contribution)));
  }
}

const said = (share) => `${signed(share)} toward ${share > 0 ? "phishing" : "safe"}`;

export const signed = (share) => `${share > 0 ? "+" : "−"}${Math.abs(share).toFixed(2)}`;

/** The words that moved the verdict most: each once, however it was written, with its number and its whole share. */
export function strongest(parts, most) {
  const words = new Map();
  for (const { word, contribution } of parts) {
    const name = word.toLowerCase();
    const one = words.get(name) ?? { word: name, times: 0, share: 0 };
    one.times += 1;
    one.share += contribution;
    words.set(name, one);
  }
  return [...words.values()]
    .filter((one) => Math.abs(one.share) >= 0.005)
    .sort((a, b) => Math.abs(b.share) - Math.abs(a.share))
    .slice(0, most);
}

/** A list of words with a bar each: to the right toward phishing, to the left toward safe. */
export function bars(words) {
  const largest = Math.max(...words.map((one) => Math.abs(one.share)));
  return el(
    "ul",
    { class: "bars" },
    ...words.map(({ word, times, share }) =>
      el(
        "li",
        { class: share > 0 ? "p" : "s" },
        el("span", { class: "word" }, Array.from(word).slice(0, 40).join(""), times > 1 ? el("small", {}, ` × ${times}`) : null),
        el("span", { class: "beam", "aria-hidden": "true" }, el("i", { style: { "--share": Math.abs(share) / largest } })),
        el("span", { class: "share" }, signed(share), el("span", { class: "unseen" }, share > 0 ? " toward phishing" : " toward safe")),
      ),
    ),
  );
}
