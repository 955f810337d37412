// Parts of a page that follow what they show: <section id="inbox" data-live="tickets"> is fetched anew when told so.
//
// Only what has changed is replaced; the focus, open <details> and a chosen row stay where they were.
import { live } from "./live.js";

const SPREAD_MS = 400; // not every open page asks in the same moment
const followers = []; // { kinds, react }
const waiting = new Set();
const shown = new WeakMap(); // part → its text as the server sent it
let timer;
let listening = false;

/** Call `react(kinds that changed)` soon after each change of these kinds. */
export function follow(kinds, react) {
  followers.push({ kinds, react });
  if (!listening) listen();
}

function listen() {
  listening = true;
  let wasLost = false;
  live("/live", {
    onMessage: (message) => message.kind === "changed" && soon(message.what),
    onState: (state) => {
      document.documentElement.dataset.line = state; // for whoever waits until the page listens
      if (state === "open" && wasLost) soon(followers.flatMap((one) => one.kinds)); // what was missed meanwhile
      wasLost = state === "lost";
    },
  });
  document.addEventListener("visibilitychange", () => !document.hidden && waiting.size && soon([]));
}

function soon(kinds) {
  kinds.forEach((kind) => waiting.add(kind));
  clearTimeout(timer);
  if (document.hidden) return; // looked at later, fetched then
  timer = setTimeout(() => {
    const changed = [...waiting];
    waiting.clear();
    for (const { kinds, react } of followers) if (kinds.some((kind) => changed.includes(kind))) react(changed);
  }, Math.random() * SPREAD_MS);
}

const kindsOf = (part) => part.dataset.live.split(" ");

/** Fetch this page once more and put every part of these kinds in its place. */
async function refresh(changed) {
  const parts = [...document.querySelectorAll("[data-live]")].filter((part) => kindsOf(part).some((kind) => changed.includes(kind)));
  const response = await fetch(location.href, { credentials: "same-origin" }).catch(() => null);
  if (!response?.ok || response.redirected) return;
  const fresh = new DOMParser().parseFromString(await response.text(), "text/html");
  for (const part of parts) replace(part, fresh.getElementById(part.id));
}

function replace(part, fresh) {
  if (!fresh || fresh.innerHTML === shown.get(part)) return;
  const held = part.contains(document.activeElement) ? keyOf(document.activeElement) : null;
  const open = [...part.querySelectorAll("details[id][open]")].map((item) => item.id);
  shown.set(part, fresh.innerHTML);
  part.replaceChildren(...fresh.childNodes);
  for (const id of open) document.getElementById(id)?.setAttribute("open", "");
  if (held) part.querySelector(held)?.focus();
  part.dispatchEvent(new CustomEvent("refreshed", { bubbles: true }));
}

function keyOf(item) {
  if (item.id) return `#${CSS.escape(item.id)}`;
  const href = item.getAttribute("href");
  return href ? `[href="${CSS.escape(href)}"]` : null;
}

const parts = [...document.querySelectorAll("[data-live]")];
for (const part of parts) shown.set(part, part.innerHTML);
if (parts.length) follow([...new Set(parts.flatMap(kindsOf))], refresh);
