// The terminal: one screen at a time, forgets its visitor after a minute, shows its last answers without a network.
import { Keyboard } from "./keyboard.js";
import * as unsent from "./kiosk-unsent.js";
import { onNews } from "./news.js";

const IDLE_MS = 60_000;
const WARN_MS = 15_000;
const REFRESH_MS = 10 * 60_000;
const RESEND_MS = 30_000;
const TYPING_MS = 200;
const SETTLED_MS = 3000; // whoever types no further has asked: without an answer the editors hear of it
const $ = (id) => document.getElementById(id);
const screens = [...document.querySelectorAll("[data-screen]")];
let kept = { made_at: "", items: [] };
let isOffline = false;
let active = Date.now();
let form = null;
let keyboard = null;
let typing = 0;
let settled = 0;
let typed = "";

function go(name) {
  for (const screen of screens) screen.hidden = screen.dataset.screen !== name;
  $("home").hidden = name === "start";
  keyboard?.hide();
  scrollTo(0, 0);
  const first = document.querySelector(`[data-screen="${name}"] :is([data-typed], [tabindex="-1"])`);
  if (name !== "start") first?.focus();
  if (name === "ask" || name === "apply") freshForm();
}

function offline(is) {
  isOffline = is;
  const note = $("offline");
  note.hidden = !is;
  note.textContent = is ? `网络暂时中断，显示的是 ${kept.made_at.replace("T", " ").slice(0, 16)} 的内容。提问可以留下电话先存在这里，查进度请稍后再来，或拨打电话。` : "";
  for (const dated of document.querySelectorAll("[data-dated]")) dated.textContent = is ? `内容截至 ${kept.made_at.replace("T", " ").slice(0, 16)}` : "";
}

async function get(address, options = {}) {
  try {
    const response = await fetch(address, { ...options, headers: { Accept: "application/json" } });
    offline(response.headers.get("X-Kept") === "1");
    return response;
  } catch {
    offline(true);
    return null;
  }
}

function list(place, items) {
  place.replaceChildren(...items.map((item) => {
    const button = Object.assign(document.createElement("button"), { type: "button", className: "button big kiosk-item" });
    button.append(...marked(item.title, item.title_marks ?? []));
    button.addEventListener("click", () => answer(item));
    const line = document.createElement("li");
    line.append(button);
    return line;
  }));
}

/** The title in pieces; those found ([start, end] in characters, not UTF-16 units) stand out. */
function marked(text, marks) {
  const characters = [...text];
  let at = 0;
  const pieces = marks.flatMap(([start, end]) => {
    const before = characters.slice(at, start).join("");
    at = end;
    return [before, Object.assign(document.createElement("mark"), { textContent: characters.slice(start, end).join("") })];
  });
  return [...pieces, characters.slice(at).join("")];
}

function answer(item) {
  $("answer-title").textContent = item.title;
  $("answer-text").textContent = item.answer;
  $("answer-unit").textContent = item.unit;
  go("answer");
}

function findKept(words) {
  const parts = [...new Set(words.replace(/\s+/g, "").match(/.{1,2}/gsu) || [])];
  const score = (item) => parts.filter((part) => item.title.includes(part)).length * 2 + parts.filter((part) => item.answer.includes(part)).length;
  return kept.items.map((item) => [score(item), item]).filter(([points]) => points).sort((a, b) => b[0] - a[0]).slice(0, 12).map(([, item]) => item);
}

async function found(words, still = "") {
  const response = await get(`/kiosk/find?q=${encodeURIComponent(words)}${still}`);
  return response?.ok ? (await response.json()).items : findKept(words);
}

/** What is asked so far, with the letters that are no characters yet. */
const words = () => ($("q").value + (keyboard?.field === $("q") ? keyboard.spelled : "")).trim();

/** While typing, what fits stands where otherwise the frequent questions are. */
function type() {
  clearTimeout(typing);
  clearTimeout(settled);
  typing = setTimeout(async () => {
    typed = words();
    const asked = typed;
    const items = typed ? await found(typed, "&typed=1") : frequent();
    if (asked !== typed) return;
    if (asked && !items.length) settled = setTimeout(() => found(asked), SETTLED_MS);
    $("hot-title").textContent = typed ? "有关的信息" : "大家常问";
    list($("hot"), items.slice(0, 8));
  }, TYPING_MS);
}

async function find(event) {
  event.preventDefault();
  if (!words()) return;
  const items = await found(words());
  list($("results"), items);
  $("nothing").hidden = items.length > 0;
  go("results");
}

async function freshForm() {
  form = null;
  const response = await get("/kiosk/form");
  if (!response?.ok) return;
  form = await response.json();
  for (const place of document.querySelectorAll("[data-sum]")) {
    place.hidden = !form.sum;
    place.querySelector("label").textContent = form.sum;
  }
}

function refuse(place, text) {
  place.textContent = text;
  place.hidden = !text;
}

async function send(address, fields) {
  const body = new FormData();
  for (const [name, value] of Object.entries(fields)) body.set(name, value);
  const response = await get(address, { method: "POST", body });
  if (!response || isOffline) return { isCutOff: true, error: "网络暂时中断，没有查到。请稍后再试，或拨打电话。" };
  const answered = await response.json();
  return response.ok ? answered : { error: answered.error.message };
}

/** Sent: the screen with its code. Refused: the reason at `place`. Whether the network is gone. */
async function submit(address, fields, place) {
  const sent = await send(address, { ...fields, form: form?.form || "", door: "kiosk" });
  if (sent.isCutOff) return true;
  if (sent.error) {
    await freshForm();
    refuse(place, sent.error);
    return false;
  }
  $("code").textContent = sent.query_code.replace(/(\d{4})(?=\d)/g, "$1 ");
  $("due").textContent = sent.due_on || "规定期限";
  go("code");
  return false;
}

async function ask(event) {
  event.preventDefault();
  if (!form) await freshForm();
  const question = { unit: $("unit").value, question: $("question").value, phone: $("phone").value };
  const isCutOff = await submit("/ask", { ...question, sum: $("sum").value }, $("ask-refusal"));
  if (isCutOff) keep({ ...question, form: form?.form || "" });
}

/** An application is not kept for later: whoever applies must know that it has arrived, and when. */
async function applyFor(event) {
  event.preventDefault();
  if (!form) await freshForm();
  const isCutOff = await submit("/apply", Object.fromEntries(new FormData($("apply"))), $("apply-refusal"));
  if (isCutOff) refuse($("apply-refusal"), "网络暂时中断，没有提交。请稍后再试，或拨打电话。");
}

/** Without a telephone number nobody could be told the answer: the code is only known once the question is stored. */
function keep(question) {
  if (!question.question.trim()) refuse($("ask-refusal"), "请写明问题。");
  else if (!/^\d{5,20}$/.test(question.phone)) refuse($("ask-refusal"), "网络暂时中断。请留下联系电话再按“提交问题”：网络恢复后自动提交，由答复单位打电话给您。");
  else if (!unsent.keep(question)) refuse($("ask-refusal"), "网络暂时中断，这台终端存满了。请稍后再试，或拨打电话。");
  else go("kept");
  tellUnsent();
}

function tellUnsent() {
  $("unsent").hidden = !unsent.count();
  $("unsent").textContent = `有 ${unsent.count()} 条提问等待网络恢复后提交。`;
}

async function resend() {
  if (unsent.count()) await unsent.sendAll();
  tellUnsent();
}

async function track(event) {
  event.preventDefault();
  const found = await send("/track", { code: $("track-code").value });
  if (found.error) {
    refuse($("track-refusal"), found.error);
    return;
  }
  $("progress-title").textContent = found.state_name;
  const facts = { 办理单位: found.unit || "正在确定", 答复期限: found.due_on ? found.due_on + (found.provisional ? "（暂定）" : "") : "", 逾期说明: found.explanation };
  $("progress").replaceChildren(...Object.entries(facts).filter(([, value]) => value).flatMap(([name, value]) => [
    Object.assign(document.createElement("dt"), { textContent: name }), Object.assign(document.createElement("dd"), { textContent: value })]));
  $("progress-reply").textContent = found.reply || "";
  go("progress");
}

function wipe() {
  for (const field of document.querySelectorAll("input, textarea, select")) field.value = "";
  for (const place of ["code", "due", "progress-title", "progress-reply", "answer-title", "answer-text"]) $(place).textContent = "";
  for (const place of ["progress", "results"]) $(place).replaceChildren();
  for (const place of ["ask-refusal", "apply-refusal", "track-refusal"]) refuse($(place), "");
  document.activeElement?.blur();
  type();
  go("start");
}

function watch() {
  const left = IDLE_MS - (Date.now() - active);
  const isStart = !document.querySelector('[data-screen="start"]').hidden && !$("q").value;
  $("idle").hidden = isStart || left > WARN_MS;
  if (!isStart && left <= WARN_MS) $("idle").textContent = `${Math.max(0, Math.ceil(left / 1000))} 秒后清空并回到首页，触摸屏幕可继续。`;
  if (!isStart && left <= 0) wipe();
}

async function refresh() {
  const response = await get("/kiosk/answers.json");
  if (!response?.ok) return;
  kept = await response.json();
  offline(response.headers.get("X-Kept") === "1");
  type();
}

function frequent() {
  const hot = kept.items.filter((item) => item.is_hot);
  return hot.length ? hot : kept.items;
}

fetch("/static/portal/pinyin.json").then((response) => response.json()).then((table) => { keyboard = new Keyboard($("keyboard"), table); });
$("find").addEventListener("submit", find);
$("q").addEventListener("input", type);
$("ask").addEventListener("submit", ask);
$("apply").addEventListener("submit", applyFor);
$("track").addEventListener("submit", track);
$("home").addEventListener("click", wipe);
$("back").addEventListener("click", () => go($("results").children.length ? "results" : "start"));
for (const button of document.querySelectorAll("[data-go]")) button.addEventListener("click", () => go(button.dataset.go));
for (const kind of ["pointerdown", "keydown", "input"]) addEventListener(kind, () => { active = Date.now(); }, true);
addEventListener("contextmenu", (event) => event.preventDefault());
navigator.serviceWorker?.register("/kiosk/worker.js", { scope: "/kiosk" });
setInterval(watch, 1000);
addEventListener("online", () => { refresh(); resend(); });
setInterval(refresh, REFRESH_MS);
setInterval(resend, RESEND_MS);
onNews(refresh);
resend();
refresh();
