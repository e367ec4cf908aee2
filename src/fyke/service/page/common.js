// What every view shares: where the service is, elements out of plain text, and numbers as people read them.

export const base = new URL("../", import.meta.url);

/** A response of the service, its milliseconds there and back, and its JSON; throws what people should read. */
export async function ask(path, options = {}) {
  const started = performance.now();
  let response;
  try {
    response = await fetch(new URL(path, base), options); // "no-store" here would ask the service for a fresh answer
  } catch {
    throw new Error("The service does not answer. Is it still running?");
  }
  const milliseconds = performance.now() - started;
  const body = await response.json().catch(() => null);
  if (!response.ok) {
    throw Object.assign(new Error(refusal(response, body?.detail)), { status: response.status });
  }
  return { body, milliseconds, headers: response.headers };
}

/** What an answer that is none says to people; what broke is in the service's log under the request's id. */
function refusal({ status, headers }, detail) {
  const id = headers.get("x-request-id");
  if (status === 401) return "This needs an API key. Load the page again: the browser asks for any name, and the key as the password.";
  if (status === 403) return `${detail ?? "The key may not do this."} In a private window the browser asks for another key.`;
  if (status >= 500 && status !== 503) return `The service failed (${status})${id ? `; its log says why, of request ${id}` : ". Is it still running?"}`;
  return typeof detail === "string" ? detail : `The service answers ${status}.`;
}

/** A JSON request's options. */
export const json = (value) => ({
  method: "POST",
  headers: { "content-type": "application/json" },
  body: JSON.stringify(value),
});

export const byId = (id) => document.getElementById(id);

/** A text whose characters stand in their order: what would turn the direction of reading is shown as a replacement. */
export const tame = (text) => text.replace(/[\u202a-\u202e\u2066-\u2069]/g, "\ufffd");

/** An element with attributes and children; strings become text, never markup. */
export function el(name, attributes = {}, ...children) {
  return fill(document.createElement(name), attributes, children);
}

/** The same in SVG. */
export function svg(name, attributes = {}, ...children) {
  return fill(document.createElementNS("http://www.w3.org/2000/svg", name), attributes, children);
}

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "style") for (const [key, one] of Object.entries(value)) element.style.setProperty(key, one);
    else if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  for (const child of children) {
    if (child !== null && child !== undefined) element.append(typeof child === "string" ? tame(child) : child);
  }
  return element;
}

export const show = (element, shown = true) => {
  element.hidden = !shown;
};

let whole; // made when first needed: it takes the browser tens of milliseconds
export const count = (number) => (whole ??= new Intl.NumberFormat("en")).format(number);

const NB = "\u00a0"; // between a number and its unit

/** A share in percent, never rounded up to a certainty. */
export function percent(share, digits = 1) {
  const least = 0.5 / 10 ** (digits + 2);
  if (share > 0 && share < least) return `< ${(2 * least * 100).toFixed(digits)}${NB}%`;
  if (share < 1 && share > 1 - least) return `> ${(100 - 2 * least * 100).toFixed(digits)}${NB}%`;
  return `${(share * 100).toFixed(digits)}${NB}%`;
}

/** Milliseconds as ms, or seconds when there are many. */
export const lasted = (ms) =>
  ms < 0.95 ? `${ms.toFixed(2)}${NB}ms` : ms < 100 ? `${ms.toFixed(1)}${NB}ms` : ms < 1000 ? `${ms.toFixed(0)}${NB}ms` : `${(ms / 1000).toFixed(1)}${NB}s`;

/** Seconds as µs, ms or s. */
export function brief(seconds) {
  const [value, unit] = seconds < 0.00095 ? [seconds * 1e6, "µs"] : seconds < 0.95 ? [seconds * 1e3, "ms"] : [seconds, "s"];
  return `${value < 9.95 ? value.toFixed(1) : count(Math.round(value))}${NB}${unit}`;
}

/** Whole seconds as the largest fitting unit. */
export function span(seconds) {
  for (const [size, unit] of [[86400, "d"], [3600, "h"], [60, "min"]]) {
    if (seconds >= 2 * size || (seconds >= size && seconds % size === 0)) return `${Math.floor(seconds / size)}${NB}${unit}`;
  }
  return `${seconds}${NB}s`;
}

/** Bytes as kB or MB. */
export function bytes(number) {
  if (number < 1000) return `${number}${NB}B`;
  return number < 1e6 ? `${(number / 1e3).toFixed(1)}${NB}kB` : `${(number / 1e6).toFixed(1)}${NB}MB`;
}

let facts;
/** What is in force at the service, asked for once. */
export const about = () =>
  (facts ??= ask("ui/about").then(
    ({ body }) => body,
    (error) => {
      facts = undefined;
      throw error;
    },
  ));

/** The line at the foot of each view. */
export async function foot() {
  const said = await about();
  const where = said.where ? ` · ${said.where.split(" in /")[0]}` : ""; // which a tenant is not told
  byId("about").textContent = `Fyke ${said.version} · model ${said.model_id.slice(0, 8)}${where}`;
}
