// The model, by its card: nothing here is computed but what follows from the card's own figures.
import { about, ask, byId, count, el, foot, percent, show } from "./common.js";
import { square } from "./charts.js";

const PHISHING = "Phishing Email";
const SAFE = "Safe Email";
const RECIPES = {
  baseline: "the published tutorial's: TF-IDF over words, and logistic regression",
  default: "hashed runs of bytes, words and pairs of words, linear and calibrated",
};
const WIDEST = 0.2; // share of safe mail flagged that the curve is drawn up to
const tenths = [[0, "0"], [0.2, "20 %"], [0.4, "40 %"], [0.6, "60 %"], [0.8, "80 %"], [1, "100 %"]];

/** How many of each kind were called what, from the recalls and supports of the report. */
function confusion({ report }) {
  const rows = [PHISHING, SAFE].map((label) => {
    const all = report[label].support;
    const right = Math.round(report[label].recall * all);
    return { label, all, right, wrong: all - right };
  });
  return { phishing: rows[0], safe: rows[1] };
}

function drawTiles(card, held, { phishing, safe }) {
  const tiles = [
    ["Right", percent(held.accuracy, 2), `of ${count(held.rows)} held-out mails`],
    ["Phishing found", percent(phishing.right / phishing.all), `${count(phishing.wrong)} of ${count(phishing.all)} missed`],
    ["Safe mail flagged", percent(safe.wrong / safe.all), `${count(safe.wrong)} of ${count(safe.all)}`],
    ["Trained on", count(card.split.train_rows), `mails, ${percent((card.label_counts[PHISHING] ?? 0) / card.rows, 0)} phishing`],
  ];
  byId("tiles").replaceChildren(
    ...tiles.map(([name, value, more]) => el("li", { class: "card tile" }, el("h2", {}, name), el("p", { class: "big num" }, value), el("p", { class: "note num" }, more))),
  );
}

function drawConfusion({ phishing, safe }, policy) {
  const cell = (number, all, kind, said) =>
    el("td", { class: kind, style: { "--share": number / all } }, el("strong", {}, count(number)), el("small", {}, `${percent(number / all)} ${said}`));
  byId("confusion").replaceChildren(
    el("thead", {}, el("tr", {}, el("td", {}), el("th", { scope: "col" }, "called phishing"), el("th", { scope: "col" }, "called safe"))),
    el("tbody", {},
      el("tr", {}, el("th", { scope: "row" }, "is phishing"), cell(phishing.right, phishing.all, "right", "found"), cell(phishing.wrong, phishing.all, "wrong", "missed")),
      el("tr", {}, el("th", { scope: "row" }, "is safe"), cell(safe.wrong, safe.all, "wrong", "flagged"), cell(safe.right, safe.all, "right", "let through")),
    ),
  );
  byId("confusion-note").textContent = `${policy.threshold === 0.5 ? "" : "At the published threshold, 0.5, which is not the one in force. "}Mail of the kind that it was trained on, kept back from training. Other mail is harder: see docs/quality.md.`;
}

function drawCalibration(bins, calibration) {
  if (!bins) {
    byId("calibration").replaceChildren(el("p", { class: "note" }, "This card does not say. A model that is trained anew with fyke train has it."));
    return;
  }
  const most = Math.max(...bins.map((bin) => bin.rows));
  square(byId("calibration"), {
    points: bins.map(({ low, high, rows, mean, share }) => ({
      x: mean, y: share, r: 3 + 5 * Math.sqrt(rows / most),
      said: `scores of ${percent(low, 0)} to ${percent(high, 0)}: ${count(rows)} mails, of which ${percent(share)} phishing`,
    })),
    diagonal: true, xs: tenths, ys: tenths, xName: "probability of phishing that it gave", yName: "share that was phishing",
    title: `Calibration: ${bins.map((bin) => `where it said ${percent(bin.mean, 0)}, ${percent(bin.share, 0)} were phishing`).join("; ")}`,
  });
  const rows = bins.reduce((sum, bin) => sum + bin.rows, 0);
  const gap = bins.reduce((sum, bin) => sum + Math.abs(bin.mean - bin.share) * bin.rows, 0) / rows;
  byId("calibration-note").textContent =
    `On the dashed line a probability is true. The mean distance over ${count(rows)} held-out mails is ${percent(gap)}; a larger point holds more mails.` +
    (calibration ? ` Its probabilities were calibrated on ${count(calibration.rows)} mails apart.` : " Its probabilities are as logistic regression gives them, not calibrated apart.");
}

/** The card's operating points; without any, what some thresholds make of the held-out mails. */
function pointsOf(card, held, policy) {
  if (card.policies) return card.policies;
  const told = held.thresholds?.filter(({ threshold }) => [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95].includes(threshold));
  return told?.map((one) => ({ ...one, policy: one.threshold === policy.threshold ? policy.name : "" }));
}

function drawPoints(card, held, policy) {
  const known = pointsOf(card, held, policy);
  const inForce = `In force: ${policy.name}. A mail is called phishing where its probability of phishing is above ${policy.threshold}${policy.abstain ? `, and uncertain within ${policy.abstain} of it` : ""}.`;
  if (!known) {
    byId("points").replaceChildren(el("tr", {}, el("td", { colspan: 3, class: "none" }, "This card has none.")));
    byId("points-note").textContent = inForce;
    return;
  }
  byId("points").replaceChildren(
    ...known.map(({ policy: name, threshold, false_positive_rate: flagged, recall }) => {
      const ours = name === policy.name;
      return el(
        "tr", { class: ours ? "ours" : null },
        el("th", { scope: "row" }, Number(threshold.toPrecision(3)).toString(), name ? el("small", {}, name) : null, ours ? el("span", { class: "badge" }, "in force") : null),
        el("td", { class: "num" }, percent(flagged, 2)),
        el("td", { class: "num" }, percent(recall)),
      );
    }),
  );
  byId("points-note").textContent = `${inForce} Rates on ${card.policies ? "validation" : "the held-out"} mails.`;
}

function drawCurve(card, held, policy) {
  const known = [...(held.thresholds ?? card.policies ?? [])]
    .filter((one) => one.false_positive_rate <= WIDEST)
    .sort((a, b) => a.false_positive_rate - b.false_positive_rate || a.recall - b.recall);
  const marked = known.some((one) => one.threshold === policy.threshold) ? ", the one in force the largest, in red" : "";
  byId("curve-note").textContent = `Each point is a threshold${marked}. Further left, less safe mail is flagged; further up, more phishing is found.`;
  show(byId("curve-note"), known.length > 0);
  if (!known.length) {
    byId("curve").replaceChildren(el("p", { class: "note" }, "This card does not say."));
    return;
  }
  square(byId("curve"), {
    points: known.map((one) => ({
      x: one.false_positive_rate / WIDEST, y: one.recall, mark: one.threshold === policy.threshold,
      r: one.threshold === policy.threshold ? 7 : 4,
      said: `above ${one.threshold}: ${percent(one.false_positive_rate, 2)} of safe mail flagged, ${percent(one.recall)} of phishing found`,
    })),
    xs: [0, 0.25, 0.5, 0.75, 1].map((share) => [share, share ? percent(share * WIDEST, 0) : "0"]), ys: tenths,
    xName: "safe mail flagged", yName: "phishing found",
    title: "Share of phishing found against share of safe mail flagged, for each threshold in the card",
  });
}

function drawCard(card) {
  const date = new Date(card.trained_at);
  const rows = [
    ["Identity", el("code", {}, card.model_id)],
    ["Recipe", `${card.recipe}${RECIPES[card.recipe] ? `, ${RECIPES[card.recipe]}` : ""}`],
    ["Sees", card.preprocessing.tokens],
    ["Trained", `${Number.isNaN(date.valueOf()) ? card.trained_at : date.toLocaleString("en", { dateStyle: "long" })}, in ${card.training_seconds} s, on Python ${card.figures.python ?? "?"}`],
    ...card.datasets.map((one) => ["Data", el("span", {}, `${one.name}, ${count(one.rows)} rows `, el("code", { class: "digest" }, `sha256 ${one.sha256.slice(0, 16)}…`))]),
    ...(card.background ? [["Background", `${card.background.name}, ${count(card.background.rows)} rows`]] : []),
    ["Split", `${count(card.split.train_rows)} to train on, ${count(card.split.test_rows)} held out, ${card.split.method}, state ${card.split.random_state}`],
    ["Versions", Object.entries(card.versions).map(([name, version]) => `${name} ${version}`).join(", ")],
    ["Weights", el("code", { class: "digest" }, `sha256 ${card.weights_sha256.slice(0, 16)}…`)],
  ];
  byId("card").replaceChildren(...rows.flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, value)]));
}

async function start() {
  try {
    const [{ body: card }, { model_id }] = await Promise.all([ask("model"), about()]);
    const { policy } = card;
    const held = card.figures.held_out;
    const words = RECIPES[card.recipe] ?? "a recipe of its own";
    byId("what").textContent = `Recipe ${card.recipe}: ${words}.${model_id === card.model_id ? "" : ` It answers as ${model_id}.`}`;
    const draw = () => {
      drawCalibration(held.reliability, card.calibration);
      drawCurve(card, held, policy);
    };
    const kinds = confusion(held);
    drawTiles(card, held, kinds);
    drawConfusion(kinds, policy);
    drawPoints(card, held, policy);
    drawCard(card);
    draw();
    addEventListener("resize", draw);
    foot();
  } catch (error) {
    byId("problem").textContent = error.message;
    show(byId("problem"));
  }
}

start();
