// The check: a text or a message goes to the service, and its verdict comes back with the words that made it.
import { about, ask, byId, count, el, foot, json, show, tame } from "./common.js";
import { examples } from "./examples.js";
import { forget, list_history, remember } from "./history.js";
import { showReasons, showVerdict, way } from "./verdict.js";
import { MOST, bars, marked, signed, strongest } from "./words.js";

const SIGNS = {
  "link-text-domain": "A link names another site",
  "reply-to-domain": "Answers go elsewhere",
  "display-name-address": "The sender's name poses as an address",
  "punycode-domain": "An encoded domain",
  "mixed-script-domain": "Letters of several alphabets",
  "ip-link": "A link to a bare number",
  "authentication-failed": "The sender could not be confirmed",
  "hidden-text": "Hidden text",
  "executable-attachment": "An attachment that runs code",
};

const NO_MAIL = /^(image|audio|video|font)\/|pdf|zip|officedocument|msword/; // types of files

const text = byId("text");
let file = null; // the message that is checked, where it is one
let explained = null; // the last explanation, and what it is of
let judged = null; // the text or message that the shown verdict is about
let turn = 0;

/** A request for a text or a message. */
const request = (given) =>
  given instanceof Blob ? { method: "POST", headers: { "content-type": "message/rfc822" }, body: given } : json({ text: given });

/** Where a text or a message goes. */
const path = (name, given) => (given instanceof Blob ? `${name}/message` : name);

/** What made the verdict, or null where the service does not explain. The same is not asked twice. */
async function explanation(given, key) {
  if (explained?.key === key) return explained.body;
  explained = null;
  try {
    const { body } = await ask(path("explain", given), request(given));
    explained = { key, body };
    return body;
  } catch (error) {
    if ([404, 405, 501].includes(error.status)) return null;
    throw error;
  }
}

/** Whether a text is the source of a message, as mail programs show it: headers first, and one that people do not write. */
function isSource(pasted) {
  const head = pasted.slice(0, 100000).split(/\r?\n\r?\n/, 1)[0];
  return head.split(/\r?\n/).every((line) => /^([!-9;-~]+:|[ \t])/.test(line)) && /^(received|message-id|mime-version):/im.test(head);
}

/** What to do about a refusal, where the service's own words are for programs. */
function remedy(error) {
  if (error.status === 413) {
    return `${error.message} ${file ? "Paste the part that people read instead." : "Paste less of it, or drop the mail as an .eml file, which may be larger."}`;
  }
  if (file && [400, 415, 422].includes(error.status)) {
    return `There is no message in ${tame(file.name)}. In a mail program save the mail as .eml and drop that, or paste its text.`;
  }
  return error.message;
}

/** No verdict stays above a mail that it is not about. */
function withdraw() {
  judged = null;
  for (const id of ["verdict", "weights", "message"]) show(byId(id), false);
  byId("lead").classList.remove("unseen");
  byId("said").textContent = "";
}

async function check() {
  const source = !file && isSource(text.value);
  const key = file ?? text.value;
  const given = source ? new Blob([text.value]) : key;
  if (!file && !text.value.trim()) {
    withdraw();
    problem("There is nothing to check yet: paste a text, drop a message, or try an example.");
    text.focus();
    return;
  }
  const mine = ++turn;
  byId("sheet").setAttribute("aria-busy", "true");
  try {
    const { body, milliseconds, headers } = await ask(path("predict", given), request(given));
    if (mine !== turn) return;
    problem(null);
    judged = key;
    const again = explained?.key === key;
    byId("said").textContent = await showVerdict(body, way(headers), milliseconds);
    showMessage(body);
    if (!again) showText(file ? null : text.value, [], source);
    remember(body.subject || (file ? file.name : text.value), body);
    byId("lead").classList.add("unseen");
    byId("verdict").scrollIntoView({ block: "nearest" });
    const words = await explanation(given, key);
    if (mine === turn) showExplanation(words, source);
  } catch (error) {
    if (mine !== turn) return;
    if (judged !== key) withdraw();
    problem(remedy(error));
  } finally {
    if (mine === turn) byId("sheet").removeAttribute("aria-busy");
  }
}

/** Mark the words and list them; without an explanation, what there is stays as it is. */
function showExplanation(words, source) {
  showReasons(words?.reasons ?? []);
  showWeights(words);
  if (words) showText(words.text ?? text.value, words.parts, source);
  else if (file) byId("reading").replaceChildren(el("span", { class: "note" }, "This service does not show the text of a message."));
}

function showText(shown, parts, source) {
  const reading = byId("reading");
  const { nodes, whole } = marked(shown ?? "", parts);
  reading.replaceChildren(...nodes);
  reading.scrollTop = 0;
  byId("cut").textContent = `Only the first ${count(MOST)} characters are shown; the verdict is over all that was read.`;
  byId("sheet-name").textContent = file ? tame(file.name) : source ? "The mail, read from its source" : "The mail";
  view(true);
  show(byId("cut"), !whole);
  show(byId("key"), parts.length > 0);
}

/** Show the text to read, or the field to write in. */
function view(reading) {
  if (reading && document.activeElement === text) byId("check").focus();
  show(byId("reading"), reading);
  show(text, !reading);
  show(byId("edit"), reading);
  show(byId("clear"), reading);
  show(byId("choose"), !reading);
  show(byId("hint"), !reading);
  if (!reading) for (const id of ["key", "cut"]) show(byId(id), false);
  byId("check").textContent = reading ? "Check again" : "Check";
}

function showWeights(explanation) {
  show(byId("weights"), Boolean(explanation));
  if (!explanation) return;
  const { parts, base, rest } = explanation;
  const words = strongest(parts, 12);
  byId("weight-list").replaceChildren(words.length ? bars(words) : el("p", {}, "The model knows none of these words."));
  byId("weights-note").textContent =
    `Shares in the logarithm of the odds: +0.69 doubles the odds of phishing. This mail begins at ${signed(base)}.` +
    (Math.abs(rest) < 0.005 ? "" : ` Only the ${count(parts.length)} strongest places are told; all others add ${signed(rest)}.`);
}

function showMessage({ subject, sender, links, attachments, signs, cut }) {
  show(byId("message"), subject !== undefined);
  if (subject === undefined) return;
  const facts = [
    ["From", [sender.name, sender.address].filter(Boolean).join(" · ") || "nobody"],
    ["Subject", subject || "none"],
    ["Holds", `${plural(links, "link")}, ${plural(attachments, "attachment")}`],
    ...(cut.length ? [["Cut", cut.join("; ")]] : []),
  ];
  byId("facts").replaceChildren(...facts.flatMap(([name, value]) => [el("dt", {}, name), el("dd", { dir: "auto" }, value)]));
  byId("signs").replaceChildren(
    ...(signs.length
      ? signs.map(({ name, detail }) => el("li", {}, el("strong", {}, SIGNS[name] ?? name), el("span", {}, detail)))
      : [el("li", { class: "none" }, "No signs that a reader should know of.")]),
  );
}

const plural = (number, word) => `${number ? count(number) : "no"} ${word}${number === 1 ? "" : "s"}`;

function problem(said) {
  byId("problem").textContent = said ?? "";
  show(byId("problem"), Boolean(said));
}

/** Back to an empty, or a given, text. */
function begin(with_text = "") {
  turn++;
  file = null;
  text.value = with_text;
  problem(null);
  byId("sheet-name").textContent = "The mail";
  byId("sheet").removeAttribute("aria-busy");
  view(false);
}

function empty() {
  begin();
  withdraw();
  text.focus();
}

/** Take a file: a message as it is, a plain text as if it were pasted. */
async function take(given) {
  begin();
  if (NO_MAIL.test(given.type)) {
    withdraw();
    problem(`${tame(given.name)} is no mail. In a mail program save the mail as .eml and drop that, or paste its text.`);
    return;
  }
  if (given.name.toLowerCase().endsWith(".txt")) text.value = await given.text();
  else file = given;
  await check();
}

function edit() {
  const shown = file ? (explained?.body.text ?? "") : text.value;
  begin(shown);
  text.focus();
  text.setSelectionRange(0, 0);
  text.scrollTop = 0;
}

function listen() {
  const sheet = byId("sheet");
  sheet.addEventListener("submit", (event) => {
    event.preventDefault();
    check();
  });
  sheet.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      check();
    }
  });
  text.addEventListener("input", () => {
    file = null; // what is written is checked, not a file that could not be read
  });
  byId("edit").addEventListener("click", edit);
  byId("clear").addEventListener("click", empty);
  byId("forget").addEventListener("click", forget);
  byId("choose").addEventListener("click", () => byId("file").click());
  byId("file").addEventListener("change", (event) => {
    const [chosen] = event.target.files;
    event.target.value = "";
    if (chosen) take(chosen);
  });
  // A file may be dropped anywhere: beside the sheet the browser would leave the page for it.
  const carries = (event) => event.dataTransfer?.types.includes("Files");
  addEventListener("dragover", (event) => {
    if (!carries(event)) return;
    event.preventDefault();
    sheet.classList.add("over");
  });
  addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) sheet.classList.remove("over");
  });
  addEventListener("drop", (event) => {
    if (!carries(event)) return;
    event.preventDefault();
    sheet.classList.remove("over");
    const [dropped] = event.dataTransfer.files;
    if (dropped) take(dropped);
  });
}

function offer({ name, about: kind, text: sample, file: make }) {
  const choose = () => {
    if (make) {
      take(make());
    } else {
      begin(sample);
      check();
    }
  };
  return el("li", {}, el("button", { type: "button", onclick: choose }, el("strong", {}, name), el("small", {}, kind)));
}

byId("example-list").append(...examples.map(offer));
listen();
list_history();
about().catch(() => null);
foot().catch(() => null);
