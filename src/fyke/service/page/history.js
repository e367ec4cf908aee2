// What was checked in this browser: first words and verdicts, in this browser's own storage and nowhere else.
import { byId, el, percent, show } from "./common.js";

const KEY = "fyke.history";
const MOST = 12;
const WORDS = 7;

function kept() {
  try {
    const list = JSON.parse(localStorage.getItem(KEY) ?? "[]");
    return Array.isArray(list) ? list.filter((one) => typeof one?.words === "string") : [];
  } catch {
    return []; // no storage, or not ours
  }
}

function keep(list) {
  try {
    if (list.length) localStorage.setItem(KEY, JSON.stringify(list));
    else localStorage.removeItem(KEY);
  } catch {
    // a browser that keeps nothing
  }
}

/** Add a verdict on top; the same words are listed once. */
export function remember(text, { prediction, probability }) {
  const words = Array.from(text.slice(0, 2000).trim().split(/\s+/).slice(0, WORDS).join(" ")).slice(0, 80).join("");
  const list = kept().filter((one) => one.words !== words);
  keep([{ words, prediction, probability, at: Date.now() }, ...list].slice(0, MOST));
  list_history();
}

export function list_history() {
  const list = kept();
  byId("past").replaceChildren(
    ...list.map((one) => {
      const phishing = one.prediction === "Phishing Email";
      return el(
        "li",
        { class: phishing ? "phishing" : "safe" },
        el("span", { class: "words", dir: "auto" }, one.words || "(no words)"),
        el("span", { class: "tag" }, `${phishing ? "Phishing" : "Safe"} ${percent(Number(one.probability) || 0)}`),
      );
    }),
  );
  show(byId("history"), list.length > 0);
}

/** Clear it all. */
export function forget() {
  keep([]);
  list_history();
}
