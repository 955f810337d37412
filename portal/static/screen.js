// Shows one panel after another, fetches what has changed, says so when it cannot.
import { onNews } from "./news.js";

const TURN_MS = 12_000;
const FETCH_MS = 30_000;
const clock = document.querySelector("#clock");
const ahead = Number(clock.dataset.now) - Date.now(); // a display's own clock is nobody's care
const pause = document.querySelector("#pause");
const stale = document.querySelector("#stale");
let shown = 0;
let still = matchMedia("(prefers-reduced-motion: reduce)").matches;

const panels = () => [...document.querySelectorAll("[data-panel]")];

function show(number) {
  const all = panels();
  shown = number % all.length;
  all.forEach((panel, index) => { panel.hidden = index !== shown; });
}

async function fetchPanels() {
  try {
    const response = await fetch(location.pathname, { headers: { Accept: "text/html" } });
    if (!response.ok) throw new Error(String(response.status));
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    document.querySelector("#panels").replaceWith(page.querySelector("#panels"));
    show(shown);
    stale.textContent = "";
  } catch {
    stale.textContent = stale.textContent || `网络中断，以下为 ${new Date().toLocaleString("zh-CN", { timeZone: "Asia/Shanghai" })} 的内容`;
  }
}

function tick() {
  clock.textContent = new Date(Date.now() + ahead).toLocaleString("zh-CN", { timeZone: "Asia/Shanghai", month: "numeric", day: "numeric", weekday: "short", hour: "2-digit", minute: "2-digit" });
}

function hold(value) {
  still = value;
  pause.textContent = still ? "继续轮播" : "暂停轮播";
  pause.setAttribute("aria-pressed", String(still));
}

pause.hidden = false;
pause.addEventListener("click", () => hold(!still));
hold(still);
tick();
show(0);
setInterval(tick, 1000);
setInterval(() => { if (!still) show(shown + 1); }, TURN_MS);
setInterval(fetchPanels, FETCH_MS);
onNews(fetchPanels);
