// The cache, live: the service tells a sample each second, and everything shown here is drawn from those.
import { about, ask, base, brief, byId, bytes, count, el, foot, json, percent, show, span } from "./common.js";
import { logBars, stack } from "./charts.js";

const BIN = 5; // seconds of a bar
const BINS = 60;
const AGAIN = 10_000; // milliseconds
const SERIES = [
  { name: "memory", label: "Memory" },
  { name: "redis", label: "Redis", pattern: "dots" },
  { name: "shared", label: "Shared" },
  { name: "computed", label: "Model", pattern: "hatch" },
];
const LABELS = { memory: "Memory", redis: "Redis", predict: "Model", write: "Write" };

let fields = [];
let most = 300;
let samples = []; // objects by field, oldest first
let state = null;
let paused = false;
let limits = { tiers: ["memory", "redis", "model"] };
let source; // of events
let again; // the timer of another try

const named = (sample) => Object.fromEntries(fields.map((name, at) => [name, sample[at]]));
const change = (from, to, name) => to[name] - from[name];
const answers = (from, to) => SERIES.reduce((sum, { name }) => sum + change(from, to, name), 0);

/**
 * The samples as bars of a few seconds, the newest last: answers by series and the seconds that they came in, null
 * where there was none. Bars stand still: each covers the same seconds until it leaves.
 */
function bins() {
  const bar = (time) => Math.floor(time / BIN);
  const now = bar(samples.at(-1).time);
  const found = Array.from({ length: BINS }, () => null);
  for (let at = 1; at < samples.length; at++) {
    const [before, after] = [samples[at - 1], samples[at]];
    const place = BINS - 1 - (now - bar(after.time));
    if (place < 0) continue;
    found[place] ??= Object.fromEntries([["seconds", 0], ...SERIES.map(({ name }) => [name, 0])]);
    found[place].seconds += after.time - before.time;
    for (const { name } of SERIES) found[place][name] += change(before, after, name);
  }
  return found;
}

function draw() {
  if (!samples.length) return;
  const [first, last] = [samples[0], samples.at(-1)];
  const all = answers(first, last);
  const found = bins();
  drawCharts(found, first, last, all);
  drawLegend(found);
  drawTiles(first, last, all);
  drawState(last);
  drawPays(last);
}

const ages = [[0, "5 min ago"], [0.2, "4"], [0.4, "3"], [0.6, "2"], [0.8, "1"], [1, "now"]];

function drawCharts(found, first, last, all) {
  const shares = found.map((bin) => {
    const sum = bin && SERIES.reduce((total, { name }) => total + bin[name], 0);
    return sum ? Object.fromEntries(SERIES.map(({ name }) => [name, bin[name] / sum])) : null;
  });
  const rate = (name) => percent(all ? change(first, last, name) / all : 0, 0);
  stack(byId("rate"), {
    bins: shares, series: SERIES, top: 1, ages,
    marks: [[0, "0"], [0.5, "50 %"], [1, "100 %"]],
    title: `Of ${count(all)} answers in the last minutes, ${SERIES.map(({ name, label }) => `${label} ${rate(name)}`).join(", ")}`,
  });
  const speeds = found.map((bin) => bin && Object.fromEntries(SERIES.map(({ name }) => [name, bin[name] / Math.max(bin.seconds, 0.5)])));
  const sums = speeds.map((bin) => (bin ? SERIES.reduce((total, { name }) => total + bin[name], 0) : 0));
  const top = nice(Math.max(...sums, 1));
  stack(byId("requests"), {
    bins: speeds, series: SERIES, top, ages,
    marks: [[0, "0"], [0.5, short(top / 2)], [1, short(top)]],
    title: `At most ${count(Math.round(Math.max(...sums)))} answers a second in the last minutes`,
  });
  drawLatency(first, last);
}

/** What never happened needs no explanation. */
function drawLegend(found) {
  show(byId("legend-shared"), found.some((bin) => bin?.shared));
}

const short = (number) => (number >= 1000 ? `${number / 1000} k` : `${number}`);

function nice(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].find((step) => step * power >= value) * power;
}

function drawLatency(first, last) {
  const mean = (meter) => {
    const items = change(first, last, `${meter}_items`);
    return items ? change(first, last, `${meter}_seconds`) / items : null;
  };
  const steps = [["memory", "recall"], ["redis", "lookup"], ["predict", "predict"], ["write", "write"]];
  const rows = steps
    .filter(([name]) => (name !== "memory" || limits.tiers.includes("memory")) && (!["redis", "write"].includes(name) || limits.tiers.includes("redis")))
    .map(([name, meter]) => {
      const value = mean(meter);
      const colour = { predict: "computed", write: "shared" }[name] ?? name;
      return { name: colour, label: LABELS[name], value, said: value === null ? "not used" : brief(value) };
    });
  logBars(byId("latency"), {
    rows, least: 1e-7, most: 1e-1,
    ticks: [[1e-6, "1 µs"], [1e-5, "10 µs"], [1e-4, "100 µs"], [1e-3, "1 ms"], [1e-2, "10 ms"]],
    title: `Mean time of each step: ${rows.map(({ label, said }) => `${label} ${said}`).join(", ")}`,
  });
}

function drawTiles(first, last, all) {
  const rate = (...names) => (all ? names.reduce((sum, name) => sum + change(first, last, name), 0) / all : null);
  const shown = (share) => (share === null ? "–" : percent(share));
  const total = SERIES.reduce((sum, { name }) => sum + last[name], 0);
  const two = samples.at(-Math.min(samples.length, 4));
  const speed = last.time > two.time ? answers(two, last) / (last.time - two.time) : 0;
  byId("now").textContent = `${count(Math.round(speed))} now`;
  const tiles = [
    ["Hit rate", shown(rate("memory", "redis")), limits.tiers.includes("redis") ? `memory ${shown(rate("memory"))}, Redis ${shown(rate("redis"))}` : "from memory"],
    ["Answers", count(all), `in 5 minutes; ${count(total)} since the start`],
    ["In memory", count(last.entries), `entries, with explanations, ${bytes(last.bytes)}`],
    ["Saved, net", `${last.saved_seconds < 0 ? "−" : ""}${brief(Math.abs(last.saved_seconds))}`, "of computing, since the start"],
  ];
  byId("tiles").replaceChildren(
    ...tiles.map(([name, value, more]) => el("li", { class: "card tile" }, el("h2", {}, name), el("p", { class: "big num" }, value), el("p", { class: "note num" }, more))),
  );
}

function drawPays(last) {
  const saved = brief(Math.abs(last.saved_seconds));
  const hits = last.memory + last.redis;
  const said = !hits
    ? "Nothing has been asked twice yet, so it has saved nothing so far."
    : last.saved_seconds > 0
      ? `It pays: ${count(hits)} answers were not computed again, which saved ${saved} net of all that it cost.`
      : `It does not pay yet: it has cost ${saved} more than the ${count(hits)} hits have saved.`;
  if (byId("pays").textContent !== said) byId("pays").textContent = said;
}

const BREAKERS = {
  closed: ["good", "closed: the store is asked"],
  open: ["bad", "open: the store fails and is left alone; the log says why"],
  "half-open": ["bad", "half-open: one request tests the way back"],
};

function drawState(last) {
  const store = limits.tiers.includes("redis");
  const breaker = (name) => {
    const [kind, said] = BREAKERS[state.breakers[name]] ?? ["bad", state.breakers[name]];
    return el("span", { class: `state ${kind}` }, said);
  };
  const rows = [
    ...(store ? [["Lookups", breaker("reads")], ["Writes", breaker("writes")]] : [["Store", "none: this process's memory only"]]),
    ...(store ? [["Admission", `${state.admission.in_force}; auto would ${state.admission.auto_would}`]] : []),
    ["Errors", `${count(state.errors.lookup)} in lookups, ${count(state.errors.write)} in writes`],
    ["Failed", `${count(last.failed)} predictions; ${count(last.not_kept)} wanted only from the cache, and not there`],
    ["Verified", `${count(state.verified_hits)} hits computed again, ${count(state.mismatches)} differed`],
  ];
  byId("state").replaceChildren(...rows.flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, value)]));
}

function drawEntries({ entries, seen, whole, words }) {
  byId("entries").replaceChildren(
    ...(entries.length
      ? entries.map((one) => {
          const phishing = one.prediction === "Phishing Email";
          return el(
            "tr",
            { class: phishing ? "phishing" : "safe" },
            el("td", { class: "words", dir: "auto" }, one.words || (words ? "(not kept)" : "(not shown to you)")),
            el("td", {}, el("span", { class: "tag" }, phishing ? "Phishing" : "Safe")),
            el("td", { class: "num" }, percent(one.probability)),
            el("td", { class: "num" }, span(one.age)),
            el("td", { class: "num" }, span(one.ttl)),
          );
        })
      : [el("tr", {}, el("td", { colspan: 5, class: "none" }, "Nothing is kept yet."))]),
  );
  const store = limits.tiers.includes("redis");
  byId("entries-note").textContent = !store
    ? ""
    : whole
      ? `${count(seen)} in the store for this model.`
      : seen
        ? `The newest of ${count(seen)} looked at; the store has more.`
        : "The store does not answer: these are in this process's memory.";
  show(byId("entries-note"), store);
}

function begin(told) {
  ({ fields, state } = told);
  most = told.kept;
  samples = told.samples.map(named);
  const since = new Date(told.started * 1000).toLocaleString("en", { dateStyle: "medium", timeStyle: "short" });
  const several = limits.workers > 1 ? ` The service runs ${limits.workers} processes that share the store; each has its own memory and figures, and this view is of the one that it reached.` : "";
  byId("process").textContent = `Figures of process ${told.process}, since ${since}.${several}`;
  pulse("live");
  draw();
}

function pulse(said) {
  byId("pulse-said").textContent = said;
  byId("pulse").className = `pulse ${said}`;
}

function follow() {
  source = new EventSource(new URL("ui/live", base));
  const on = (name, act) =>
    source.addEventListener(name, (event) => {
      if (!paused) act(JSON.parse(event.data));
    });
  on("begin", begin);
  on("sample", (told) => {
    samples.push(named(told.sample));
    if (samples.length > most) samples.shift();
    state = told.state;
    if (!document.hidden) draw();
  });
  on("entries", drawEntries);
  source.addEventListener("open", () => problem(null));
  source.addEventListener("error", () => {
    if (paused) return;
    pulse("lost");
    if (source.readyState === EventSource.CLOSED) again = setTimeout(beginAnew, AGAIN);
    problem("The service does not answer, or lets no more people watch now. This view goes on when it does.");
  });
}

/** The browser tries again by itself, unless the answer was a refusal. */
function beginAnew() {
  clearTimeout(again);
  source?.close();
  follow();
}

function problem(said) {
  byId("problem").textContent = said ?? "";
  show(byId("problem"), Boolean(said));
}

function listen() {
  byId("pause").addEventListener("click", () => {
    paused = !paused;
    byId("pause").setAttribute("aria-pressed", paused);
    clearTimeout(again);
    source.close();
    if (paused) pulse("paused");
    else follow();
  });
  const sure = byId("sure");
  byId("purge").addEventListener("click", () => sure.showModal());
  byId("no").addEventListener("click", () => sure.close());
  byId("yes").addEventListener("click", async () => {
    sure.close();
    try {
      const { body } = await ask("cache/purge", json({ scope: "namespace" }));
      byId("said").textContent = `${count(body.forgotten)} predictions forgotten.`;
      problem(null);
      beginAnew();
    } catch (error) {
      problem(error.message);
    }
  });
  addEventListener("resize", draw);
}

async function start() {
  try {
    limits = await about();
  } catch (error) {
    problem(error.message);
    return;
  }
  byId("legend").replaceChildren(
    ...SERIES.filter(({ name }) => name !== "redis" || limits.tiers.includes("redis")).map(({ name, label, pattern }) =>
      el("li", { id: `legend-${name}` }, el("i", { class: `swatch ${name} ${pattern ?? ""}`, "aria-hidden": "true" }), label),
    ),
  );
  show(byId("purge"), limits.purge);
  follow();
  listen();
  foot();
}

start();
