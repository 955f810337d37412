// Results that follow what is typed (边输边查): the page's own search, asked anew after each pause; arrows walk the results.
const form = document.querySelector("form[data-as-typed]");
const found = document.querySelector("#found");
const field = form.elements.q;
const PAUSE_MS = 150;
const SETTLED_MS = 3000; // whoever types no further has asked: without an answer the editors hear of it
let timer = 0;
let settled = 0;
let running = null;
let shown = asked();

function asked() {
  return new URLSearchParams([...new FormData(form)].filter(([, value]) => value.trim())).toString();
}

async function look() {
  const query = asked();
  if (query === shown) return;
  running?.abort();
  running = new AbortController();
  try {
    const response = await fetch(`${form.action}?${query}&typed=1`, { headers: { Accept: "text/html" }, signal: running.signal });
    if (!response.ok) return; // too many at once: the button still asks
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    found.replaceChildren(...page.querySelector("#found").childNodes);
    shown = query;
    if (query && !found.querySelector(".result-title")) settled = setTimeout(() => fetch(`${form.action}?${query}`), SETTLED_MS);
    if (location.pathname === new URL(form.action).pathname) history.replaceState(null, "", `?${query}`);
  } catch (error) {
    if (error.name !== "AbortError") throw error;
  }
}

function walk(event) {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  const stops = [field, ...found.querySelectorAll(".result-title a")];
  const at = stops.indexOf(document.activeElement);
  if (!step || at < 0 || event.isComposing) return;
  event.preventDefault();
  stops[Math.min(Math.max(at + step, 0), stops.length - 1)].focus();
}

form.addEventListener("input", () => {
  clearTimeout(timer);
  clearTimeout(settled);
  timer = setTimeout(look, PAUSE_MS);
});
addEventListener("keydown", walk);
