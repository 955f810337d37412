// Live supervision (实时监督): draws each whole state that comes; every button is an order, whose effect is the next state.
import { post } from "/static/core/http.js";
import { live } from "/static/core/live.js";
import { span, toast } from "/static/core/ui.js";
import { AudioSettings } from "/static/softphone/audio-settings.js";
import { element } from "/static/softphone/chooser.js";
import { Station } from "/static/softphone/station.js";

const $ = (id) => document.getElementById(id);
const read = (id) => JSON.parse($(id).textContent);
const MODES = { listen: "监听", whisper: "耳语", barge: "插话", take_over: "接管" };
const KINDS = { ready: "ok", talking: "info", liaison: "info", three_way: "info", consulting: "info", ringing: "warn", queue: "warn", wrapup: "warn" };
const lines = read("lines");
const station = new Station({ audio: $("remote-audio"), pageUrl: "/supervise/live/page" });
let state = read("state");
let skewMs = 0;
let moving = null;
let pausing = null;

const order = (action, fields = {}) => post("/supervise/live/call", { action, ...fields }).catch(() => {});

function button(text, label, act, kind = "small") {
  const made = element("button", `button ${kind}`, text);
  made.type = "button";
  made.setAttribute("aria-label", label);
  made.dataset.id = label;
  made.addEventListener("click", act);
  return made;
}

function clock(since) {
  const made = element("time", "number");
  made.dataset.from = since;
  return element("td", "number", made);
}

function head(...parts) {
  const made = element("th", "nowrap", ...parts);
  made.scope = "row";
  return made;
}

// --- calls -----------------------------------------------------------------------------------------------------
function callRow(call) {
  const status = element("td", "", element("span", `chip dot ${KINDS[call.phase] ?? ""}`, call.text));
  for (const text of call.watched) status.append(" ", element("span", "chip warn", text));
  const number = call.practice ? "练习来电" : call.direction === "out" ? `呼出 ${call.number}` : call.number;
  const line = element("td", "", call.line, " ", element("span", "muted", call.region));
  const row = element("tr", state.own?.call_id === call.call_id ? "own" : "", head(number), line, status, clock(call.since),
    element("td", "", call.with || "—"), element("td", "", element("span", "row", ...callButtons(call))));
  row.dataset.call = call.call_id;
  for (const one of row.querySelectorAll("button")) one.dataset.id += call.call_id;
  return row;
}

function callButtons(call) {
  if (call.waits) {
    return [button("调整……", `调整 ${call.number}`, () => openMove(call))];
  }
  const { own } = state;
  const talksHere = own?.call_id === call.call_id && ["barge", "take_over"].includes(own.mode);
  if (!call.talks || talksHere || (own && own.call_id !== call.call_id)) return [];
  const modes = call.direction === "out" ? ["listen", "whisper"] : Object.keys(MODES);
  return modes.map((mode) => {
    const made = button(MODES[mode], `${MODES[mode]} ${call.number}`, () => begin(mode, call), mode === "take_over" ? "small danger" : "small");
    made.setAttribute("aria-pressed", String(own?.call_id === call.call_id && own.mode === mode));
    return made;
  });
}

function begin(mode, call) {
  if (mode === "take_over" && !confirm(`接管 ${call.number} 的通话？话务员将退出并进入话后处理。`)) return;
  order(mode, { call_id: call.call_id });
}

function openMove(call) {
  moving = call.call_id;
  const choices = [["front", {}, "队首：下一个接听"]];
  for (const seat of state.seats.filter((one) => one.registered && ["ready", "paused"].includes(one.state))) {
    choices.push(["operator", { user_id: seat.user_id }, `话务员 ${seat.staff_number} ${seat.name}（${seat.text}）`]);
  }
  for (const [number, name] of Object.entries(lines).filter(([number]) => number !== call.line)) {
    choices.push(["line", { line: number }, `专线 ${number}${name === number ? "" : ` ${name}`}`]);
  }
  $("move-to").replaceChildren(...choices.map(([action, fields, text]) => {
    const option = element("option", "", text);
    option.value = JSON.stringify({ action, ...fields });
    return option;
  }));
  $("move-dialog").showModal();
}

function move(event) {
  event.preventDefault();
  const { action, ...fields } = JSON.parse($("move-to").value);
  post("/supervise/live/call", { action, ...fields, call_id: moving })
    .then(() => {
      $("move-dialog").close();
      toast("已调整。");
    })
    .catch(() => {});
}

// --- seats -----------------------------------------------------------------------------------------------------
function seatRow(seat) {
  const free = seat.state === "ready" || seat.state === "paused";
  const pause = button("暂停……", `暂停 ${seat.name}`, () => openPause(seat));
  const play = button("扮演来电人", `扮演来电人，呼叫 ${seat.name}`, () => post("/supervise/live/practice", { user_id: seat.user_id }).catch(() => {}));
  const trains = seat.state === "paused" && !state.own && !station.call;
  return element("tr", "", head(seat.staff_number), element("td", "", seat.name), element("td", "", seat.region || "—"),
    element("td", "", element("span", `chip dot ${KINDS[seat.state] ?? ""}`, seat.text)), clock(seat.since),
    element("td", "", seat.registered ? "已连接" : "未连接"), element("td", "", element("span", "row", ...(free ? [pause] : []), ...(trains ? [play] : []))));
}

function openPause(seat) {
  pausing = seat.user_id;
  $("pause-who").textContent = `${seat.staff_number} ${seat.name}`;
  $("pause-dialog").showModal();
}

function pause(event) {
  event.preventDefault();
  post("/supervise/live/seat", { user_id: pausing, reason: $("pause-reason").value })
    .then(() => $("pause-dialog").close())
    .catch(() => {});
}

// --- the own telephone -----------------------------------------------------------------------------------------
function showOwn() {
  const { own } = state;
  const call = state.calls.find((one) => one.call_id === own?.call_id);
  $("watch").dataset.mode = own?.mode ?? "";
  const plays = !own && Boolean(station.call);
  $("watch-stop").hidden = !own && !plays;
  $("watch-stop").textContent = plays ? "挂断" : "结束监督";
  $("watch-text").textContent = own
    ? `${own.since ? "正在" : "正在接通："}${own.text} ${call ? `${call.number}（${call.with || call.text}）` : ""}`
    : plays
      ? "正在扮演来电人。"
      : "没有在监督。选择一通电话，您的电话会自动接通。";
  const [kind, text] = station.registered ? ["ok", "电话已就绪"] : station.mode === "off" ? ["info", "使用桌面话机"] : ["bad", "电话未注册"];
  $("line-chip").className = `chip dot ${kind}`;
  $("line-chip").textContent = text;
  $("phone-notice").hidden = station.mode !== "blocked" && station.mode !== "elsewhere";
  $("phone-notice-text").textContent = station.text;
  $("phone-take").hidden = station.mode !== "elsewhere";
  $("phone-retry").hidden = station.mode !== "blocked";
}

function show(next) {
  state = next;
  skewMs = Date.now() - Date.parse(state.now);
  window.superviseState = state;
  draw($("calls"), state.calls.map(callRow));
  draw($("seats"), state.seats.map(seatRow));
  $("no-calls").hidden = state.calls.length > 0;
  $("no-seats").hidden = state.seats.length > 0;
  $("calls-count").textContent = state.calls.length;
  $("seats-count").textContent = state.seats.length;
  showOwn();
  tick();
}

/** New rows; the button that had the focus keeps it. */
function draw(body, rows) {
  const focused = body.contains(document.activeElement) ? document.activeElement.dataset.id : null;
  body.replaceChildren(...rows);
  if (focused) [...body.querySelectorAll("button")].find((one) => one.dataset.id === focused)?.focus();
}

function tick() {
  const since = (instant) => span((Date.now() - skewMs - Date.parse(instant)) / 1000);
  for (const item of document.querySelectorAll("[data-from]")) item.textContent = since(item.dataset.from);
  $("watch-clock").textContent = state.own?.since ? since(state.own.since) : "";
}

$("watch-stop").addEventListener("click", () => (state.own ? order("stop") : station.phone?.hangUp()));
$("move-form").addEventListener("submit", move);
$("pause-form").addEventListener("submit", pause);
$("phone-take").addEventListener("click", () => station.open({ take: true, idle: !state.own }));
$("phone-retry").addEventListener("click", () => station.open());
station.addEventListener("change", () => {
  showOwn();
  draw($("seats"), state.seats.map(seatRow));
});
show(state);
setInterval(tick, 1000);
live("/supervise/live/ws", { onMessage: (message) => message.kind === "state" && show(message) });
new AudioSettings(station).start();
