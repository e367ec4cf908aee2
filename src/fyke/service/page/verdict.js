// The verdict: the label, how sure, where it came from and how long it took.
import { about, byId, el, lasted, percent, show, span } from "./common.js";

const TIERS = { memory: "Memory", redis: "Redis", model: "Model" };

/** What a response says of its way: the tier, and seconds of age and time to live. */
export function way(headers) {
  const status = headers.get("cache-status") ?? "";
  const number = (name) => {
    const found = status.match(new RegExp(`\\b${name}=(\\d+)`));
    return found ? Number(found[1]) : null;
  };
  return {
    tier: status.match(/detail="?(\w+)/)?.[1] ?? "model",
    hit: /;\s*hit\b/.test(status),
    shared: /;\s*collapsed\b/.test(status),
    age: Number(headers.get("age") ?? 0),
    ttl: number("ttl"),
  };
}

/** Show a verdict; gives its sentence for those who hear the page. */
export async function showVerdict({ prediction, probability, uncertain }, came, milliseconds) {
  const { tiers, threshold } = await about();
  const phishing = prediction === "Phishing Email";
  const score = phishing ? probability : 1 - probability;
  const panel = byId("verdict");
  panel.className = `verdict ${phishing ? "phishing" : "safe"}`;
  byId("label").textContent = phishing ? "Phishing" : "Safe";
  byId("sure").textContent =
    threshold === 0.5
      ? `Probability ${percent(probability)}`
      : `Phishing with probability ${percent(score)}, ${phishing ? "above" : "not above"} ${percent(threshold)}`;
  show(byId("doubt"), Boolean(uncertain));
  byId("emblem").setAttribute("href", phishing ? "#emblem-phishing" : "#emblem-safe");
  byId("gauge").style.setProperty("--threshold", threshold);
  byId("needle").style.setProperty("--at", score);
  byId("told").replaceChildren(el("strong", {}, lasted(milliseconds)), ` there and back. ${from(came)}`);
  byId("way").replaceChildren(...steps(tiers, came.tier));
  show(panel);
  const doubt = uncertain ? ", uncertain" : "";
  return `${byId("label").textContent}${doubt}, ${byId("sure").textContent.toLowerCase()}. ${from(came)}`;
}

/** The sentences that say why. */
export function showReasons(reasons) {
  byId("reasons").replaceChildren(...reasons.map((reason) => el("li", {}, reason)));
  show(byId("reasons"), reasons.length > 0);
}

function from({ tier, hit, shared, age, ttl }) {
  const left = ttl === null ? "" : `kept for ${hit ? "another " : ""}${span(ttl)}`;
  if (hit) return `A hit in ${tier === "redis" ? "Redis" : "memory"}: made ${age < 1 ? "just now" : `${span(age)} ago`}, ${left}.`;
  if (shared) return "Computed once, for several who asked at the same time.";
  return `Computed by the model${left ? `, ${left}` : ", not kept"}.`;
}

/** Each tier as a step: asked in vain, answered, or not asked. */
function steps(tiers, answered) {
  const last = tiers.indexOf(answered);
  return tiers.map((tier, at) => {
    const [state, word] = at < last ? ["missed", "no"] : at === last ? ["answered", "answered"] : ["spared", "not asked"];
    return el("li", { class: state }, el("span", {}, TIERS[tier]), el("small", {}, word));
  });
}
