// Behaviour every page shares, found by attributes: toasts, dialogs, tabs, confirmations, key hints, ticking times.
const TOAST_MS = { ok: 4000, warn: 8000, bad: 12000 };

/** Show one sentence in the corner, once however often it is said; kind is "ok", "warn" or "bad". */
export function toast(text, kind = "ok") {
  const box = document.getElementById("toasts");
  const item = Object.assign(document.createElement("div"), { className: `toast ${kind}`, textContent: text });
  for (const said of box.querySelectorAll(".toast")) if (said.firstChild?.textContent === text) said.remove();
  box.append(item);
  keepForAWhile(item, TOAST_MS[kind]);
}

function keepForAWhile(item, ms) {
  const close = Object.assign(document.createElement("button"), { type: "button", className: "toast-close" });
  close.textContent = "×";
  close.setAttribute("aria-label", "关闭提示");
  close.addEventListener("click", () => item.remove());
  item.append(close);
  setTimeout(() => item.remove(), ms);
}

/** Seconds as 5:09 or 1:05:09. */
export function span(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const two = (n) => String(n).padStart(2, "0");
  return h ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}

// <time data-since="2026-06-01T02:00:00Z"> counts up by itself
function tick() {
  for (const item of document.querySelectorAll("[data-since]")) {
    item.textContent = span((Date.now() - Date.parse(item.dataset.since)) / 1000);
  }
}

// <button data-opens="dialog-id">, and <button data-closes> inside the dialog
function onClick(event) {
  const opener = event.target.closest("[data-opens]");
  if (opener) document.getElementById(opener.dataset.opens)?.showModal();
  event.target.closest("[data-closes]")?.closest("dialog")?.close();
}

// <form data-confirm="确定要……吗？">
function onSubmit(event) {
  const question = event.target.dataset.confirm;
  if (question && !confirm(question)) event.preventDefault();
  else if (event.target.method === "post") guardTwice(event.target);
}

// a second click must not send the same form twice
function guardTwice(form) {
  const buttons = form.querySelectorAll("button:not([type=button])");
  setTimeout(() => buttons.forEach((button) => (button.disabled = true)));
  setTimeout(() => buttons.forEach((button) => (button.disabled = false)), 5000);
}

/** Tabs by the ARIA pattern: [role=tablist] > [role=tab][aria-controls]; arrows move, Home and End jump. */
export function tabs(list) {
  const all = [...list.querySelectorAll('[role="tab"]')];
  const show = (chosen) => {
    for (const tab of all) {
      const on = tab === chosen;
      tab.setAttribute("aria-selected", String(on));
      tab.tabIndex = on ? 0 : -1;
      document.getElementById(tab.getAttribute("aria-controls")).hidden = !on;
    }
  };
  list.addEventListener("click", (event) => {
    const tab = event.target.closest('[role="tab"]');
    if (tab) show(tab);
  });
  list.addEventListener("keydown", (event) => {
    const at = all.indexOf(document.activeElement);
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: all.length - 1 }[event.key];
    if (to === undefined || at < 0) return;
    event.preventDefault();
    const tab = all[(to + all.length) % all.length];
    show(tab);
    tab.focus();
  });
  show(all.find((tab) => tab.getAttribute("aria-selected") === "true") ?? all[0]);
}

// <button data-key="F2"> or <a data-key="/">: the key presses it, also while typing when it is a function key
function onKey(event) {
  const typing = event.target.closest("input, textarea, select, [contenteditable]");
  const name = (event.altKey ? "Alt+" : "") + (event.ctrlKey ? "Ctrl+" : "") + event.key;
  if (typing && !/^(F\d+|Alt\+.|Ctrl\+.|Escape)$/.test(name)) return;
  for (const item of document.querySelectorAll("[data-key]")) {
    if (item.dataset.key !== name || item.disabled || item.offsetParent === null) continue;
    event.preventDefault();
    if (item.matches("input, textarea, select")) item.focus();
    else item.click();
    return;
  }
}

for (const item of document.querySelectorAll(".toast")) keepForAWhile(item, 8000);
for (const list of document.querySelectorAll('[role="tablist"]')) tabs(list);
document.addEventListener("click", onClick);
document.addEventListener("submit", onSubmit);
document.addEventListener("keydown", onKey);
tick();
setInterval(tick, 1000);
