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
export async function showVerdict({ prediction, probability, reasons = [] }, came, milliseconds) {
  const phishing = prediction === "Phishing Email";
  const panel = byId("verdict");
  panel.className = `verdict ${phishing ? "phishing" : "safe"}`;
  byId("label").textContent = phishing ? "Phishing" : "Safe";
  byId("sure").textContent = `Probability ${percent(probability)}`;
  byId("emblem").setAttribute("href", phishing ? "#emblem-phishing" : "#emblem-safe");
  byId("needle").style.setProperty("--at", phishing ? probability : 1 - probability);
  byId("reasons").replaceChildren(...reasons.map((reason) => el("li", {}, reason)));
  show(byId("reasons"), reasons.length > 0);
  byId("told").replaceChildren(el("strong", {}, lasted(milliseconds)), ` there and back. ${from(came)}`);
  byId("way").replaceChildren(...steps((await about()).tiers, came.tier));
  show(panel);
  return `${byId("label").textContent}, ${byId("sure").textContent.toLowerCase()}. ${from(came)}`;
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
