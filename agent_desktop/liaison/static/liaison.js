// The liaison's page (联络员): the telephone with its pop, and the answer to what the unit holds.
//
// What is typed for a ticket stays in this browser until it is sent, so a call that interrupts loses nothing.
import { get, post } from "/static/core/http.js";
import { live } from "/static/core/live.js";
import { span, toast } from "/static/core/ui.js";
import { AudioSettings } from "/static/softphone/audio-settings.js";
import { Search } from "/static/desk/search.js";
import { element } from "/static/softphone/chooser.js";
import { Station } from "/static/softphone/station.js";

const $ = (id) => document.getElementById(id);
const FIELDS = { question: "a-question", answer: "a-answer", guidance: "a-guidance" };
const SERVING = new Set(["liaison", "three_way", "held"]);
const station = new Station({
  audio: $("remote-audio"),
  meters: [$("level-own"), $("level-other")],
  pageUrl: "/liaison/page",
});
let state = null;
let openNo = null;

// --- the telephone -------------------------------------------------------------------------------------------
function showTelephone() {
  const call = station.call;
  const talking = call?.phase === "talking";
  const ringing = call?.phase === "ringing";
  const pop = state?.call;
  $("telephone").dataset.phase = call?.phase ?? "";
  $("call-none").hidden = Boolean(call || pop);
  $("call-card").hidden = !(call || pop);
  $("call-phase").textContent = ringing ? "96128 转来电话" : call?.held ? "保持中" : "通话中";
  $("call-operator").textContent = pop?.operator || "—";
  $("call-number").textContent = pop?.number || "—";
  $("call-region").textContent = pop?.region || "—";
  $("call-path").textContent = pop?.menu_path.join(" › ") || "—";
  $("answer").hidden = !ringing || call.auto;
  $("hang-up").hidden = !call;
  toggle($("mute"), call?.muted, talking, call?.muted ? "取消静音" : "静音");
  toggle($("hold"), call?.held, talking, call?.held ? "取回" : "保持");
  const serving = SERVING.has(pop?.phase) && pop.mine;
  for (const id of ["pass-on", "hand-back", "hand-back-hint"]) $(id).hidden = !serving;
  $("levels").hidden = !talking;
  showLine();
}

async function openPassOn() {
  const { units } = await get("/desk/directory");
  const groups = units.filter((unit) => unit.connected).map((unit) => {
    const group = element("optgroup");
    group.label = `${unit.code} ${unit.name}`;
    const people = unit.liaisons.filter((liaison) => !liaison.on_leave && liaison.id !== state.me);
    group.append(choice(unit, null, "依次呼叫"), ...people.map((liaison) => choice(unit, liaison, liaison.name)));
    return group;
  });
  $("pass-on-to").replaceChildren(...groups);
  $("pass-on-dialog").showModal();
}

function choice(unit, liaison, text) {
  const option = element("option", "", `${unit.short || unit.name}：${text}`);
  option.value = JSON.stringify({ unit_id: unit.id, liaison_id: liaison?.id ?? null });
  return option;
}

function passOn(event) {
  event.preventDefault();
  post("/liaison/call", { action: "pass_on", ...JSON.parse($("pass-on-to").value) })
    .then(() => $("pass-on-dialog").close())
    .catch(() => {});
}

function showLine() {
  const elsewhere = state?.registered && station.mode !== "active";
  const [kind, text] = station.registered ? ["ok", "电话已就绪"] : elsewhere ? ["info", "电话在别处"] : ["bad", "电话未注册"];
  $("line-chip").className = `chip dot ${kind}`;
  $("line-chip").textContent = text;
  const shown = station.mode === "blocked" || station.mode === "elsewhere";
  $("phone-notice").hidden = !shown;
  $("phone-notice-text").textContent = station.text;
  $("phone-take").hidden = station.mode !== "elsewhere";
  $("phone-retry").hidden = station.mode !== "blocked";
}

function toggle(button, on, shown, text) {
  button.hidden = !shown;
  button.setAttribute("aria-pressed", String(Boolean(on)));
  button.firstChild.textContent = `${text} `;
}

$("answer").addEventListener("click", () => station.phone?.answer());
$("hang-up").addEventListener("click", () => station.phone?.hangUp());
$("hand-back").addEventListener("click", () => post("/liaison/call", { action: "hand_back" }).catch(() => {}));
$("pass-on").addEventListener("click", openPassOn);
$("pass-on-form").addEventListener("submit", passOn);
$("mute").addEventListener("click", () => station.phone?.mute(!station.call?.muted));
$("hold").addEventListener("click", () => station.phone?.hold(!station.call?.held));
$("phone-take").addEventListener("click", () => station.open({ take: true, idle: !state?.call }));
$("phone-retry").addEventListener("click", () => station.open());
station.addEventListener("change", () => {
  const ringing = station.call?.phase === "ringing";
  if (ringing && $("telephone").dataset.phase !== "ringing") $("announcer").textContent = "96128 转来电话";
  showTelephone();
});
station.addEventListener("ended", ({ detail }) => {
  if (detail.cause === "User Denied Media Access") toast(detail.text, "bad");
});
setInterval(() => {
  const since = station.call?.talkingSince;
  $("call-clock").textContent = since ? span((Date.now() - since) / 1000) : "";
}, 500);

// --- what the unit holds -------------------------------------------------------------------------------------
function showInbox() {
  $("inbox-count").textContent = `${state.tickets.length} 件`;
  $("inbox-none").hidden = state.tickets.length > 0;
  const focused = document.activeElement?.dataset?.no;
  $("inbox").replaceChildren(...state.tickets.map(inboxLine));
  if (focused) $("inbox").querySelector(`[data-no="${focused}"]`)?.focus();
  if (openNo && !state.tickets.some((ticket) => ticket.ticket_no === openNo)) open(null);
}

function inboxLine(ticket) {
  const [kind, due] = ticket.overdue
    ? ["bad", `已逾期 ${-ticket.days_left} 天`]
    : [ticket.days_left <= 1 ? "warn" : "info", `${ticket.due_on} 前${ticket.provisional ? "（暂定）" : ""}`];
  const about = [ticket.ticket_no, `收到 ${ticket.received_at}`, ticket.on_call ? "电话中已答，待补录" : ticket.state, ticket.asker];
  const button = element("button", "", element("strong", "", ticket.subject), element("span", `chip ${kind}`, due),
    element("span", "hint", about.filter(Boolean).join(" · ")));
  button.type = "button";
  button.dataset.no = ticket.ticket_no;
  button.setAttribute("aria-current", String(ticket.ticket_no === openNo));
  button.addEventListener("click", () => {
    open(ticket.ticket_no);
    $("a-answer").focus();
  });
  return element("li", "", button);
}

function open(number) {
  openNo = number;
  const ticket = state.tickets.find((one) => one.ticket_no === number);
  $("answer-form").hidden = !ticket;
  for (const button of $("inbox").querySelectorAll("button")) button.setAttribute("aria-current", String(button.dataset.no === number));
  if (!ticket) return;
  const kept = JSON.parse(localStorage.getItem(`liaison-answer:${number}`) || "{}");
  $("answer-no").textContent = number;
  $("answer-link").href = `/tickets/${number}`;
  $("a-question").readOnly = Boolean(ticket.question);
  for (const [name, id] of Object.entries(FIELDS)) $(id).value = kept[name] ?? "";
  if (ticket.question) $("a-question").value = ticket.question;
  $("answer-hint").textContent = ticket.on_call
    ? "这是转接给您的电话：请补录当时的答复，按通话时间计算。"
    : `请在 ${ticket.due_on} 前答复。不能答复的，请告知其他查询方式、程序。`;
  $("a-kept").textContent = kept.answer ? "已恢复上次没有提交的文字" : "";
}

function keep() {
  const texts = Object.fromEntries(Object.entries(FIELDS).map(([name, id]) => [name, $(id).value]));
  localStorage.setItem(`liaison-answer:${openNo}`, JSON.stringify(texts));
  $("a-kept").textContent = "草稿已留在本机";
}

async function send(event) {
  event.preventDefault();
  const number = openNo;
  const texts = Object.fromEntries(Object.entries(FIELDS).map(([name, id]) => [name, $(id).value]));
  await post(`/liaison/tickets/${number}/answer`, texts);
  localStorage.removeItem(`liaison-answer:${number}`);
  toast(`工单 ${number} 已答复。`);
  if (openNo === number) open(null);
}

$("answer-form").addEventListener("input", keep);
$("answer-form").addEventListener("submit", (event) => send(event).catch(() => {}));
$("answer-form").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && event.ctrlKey) $("answer-form").requestSubmit();
});

// --- the knowledge base --------------------------------------------------------------------------------------
function insertAnswer(entry) {
  if (!openNo) {
    toast("请先在右边打开一件工单。", "warn");
    return false;
  }
  $("a-answer").value = [$("a-answer").value.trimEnd(), entry.answer].filter(Boolean).join("\n");
  keep();
  return true;
}

new Search({ ticketNo: () => openNo, insert: insertAnswer, answer: $("a-answer") });

live("/liaison/ws", {
  onMessage: (message) => {
    if (message.kind !== "state") return;
    state = message;
    window.liaisonState = state;
    showTelephone();
    showInbox();
  },
});
new AudioSettings(station).start();
