// The wallboard: draws each whole state that comes; waits and times count up by themselves between states.
import { live } from "/static/core/live.js";
import { span } from "/static/core/ui.js";
import { drawHours } from "./hours.js";

const LONG_WAIT_S = 60;
const WARN_WAIT_S = 20;
const part = (name) => document.querySelector(`[data-show="${name}"]`);
const tile = (name) => document.querySelector(`[data-tile="${name}"]`);
let state = JSON.parse(document.getElementById("state").textContent);
let skewMs = 0; // this screen's clock minus the server's

const secondsSince = (instant) => (Date.now() - skewMs - Date.parse(instant)) / 1000;

function cells(row, values) {
  const line = document.createElement("tr");
  values.forEach((value, index) => {
    const cell = document.createElement(index === 0 ? "th" : "td");
    if (index === 0) cell.scope = "row";
    if (value?.number || value?.node?.localName === "time") cell.className = "number";
    cell.append(value?.node ?? value?.number ?? value);
    line.append(cell);
  });
  row.append(line);
}

function chip(seat) {
  const kind = { ready: "ok", talking: "info", consulting: "info", ringing: "warn", wrapup: "warn" }[seat.state] ?? "";
  return Object.assign(document.createElement("span"), { className: `chip dot ${kind}`, textContent: seat.text });
}

function show(next) {
  state = next;
  skewMs = Date.now() - Date.parse(state.now);
  for (const name of ["waiting", "talking", "in_menu", "signed_in"]) part(name).textContent = state[name];
  for (const name of ["offered", "answered", "abandoned", "left_message"]) part(name).textContent = state.today[name];
  part("ready").textContent = state.seats.find((seat) => seat.state === "ready").number;
  part("needed").textContent = state.needed.seats;
  tile("ready").classList.toggle("warn", state.needed.is_short);
  part("prompt").textContent = state.today.prompt.percent;
  part("prompt_parts").textContent = `${state.today.prompt.numerator} ÷ ${state.today.prompt.denominator} 通`;
  part("last_day").textContent = state.last_day.percent;
  tile("last_day").classList.toggle("bad", state.last_day.is_low);
  tile("waiting").classList.toggle("warn", state.waiting > 0);
  tile("ready").classList.toggle("bad", state.signed_in > 0 && part("ready").textContent === "0" && state.waiting > 0);
  showAgents();
  showFigures();
  showHours();
  tick();
}

function showAgents() {
  const body = part("agents");
  body.replaceChildren();
  part("nobody").hidden = state.agents.length > 0;
  for (const agent of state.agents) {
    const since = Object.assign(document.createElement("time"), { className: "number" });
    since.dataset.from = agent.since;
    cells(body, [agent.staff_number || "—", agent.name, { node: chip(agent) }, { node: since }, agent.registered ? "已连接" : "未连接"]);
  }
}

function showFigures() {
  const { today } = state;
  const body = part("figures");
  body.replaceChildren();
  const rate = (value) => `${value.numerator} ÷ ${value.denominator}`;
  const rows = [
    ["排队等待", state.waiting, "此刻在人工队列中"],
    ["通话中", state.talking, "与话务员或部门通话，含保持、转接"],
    ...state.seats.map((seat) => [`座席：${seat.text}`, seat.number, "此刻"]),
    ["此刻应有座席", state.needed.seats, `按近1小时${state.needed.calls}通、每通${state.needed.handling_s}秒，90%在15秒内接听（爱尔兰C）；在岗${state.signed_in}人`],
    ["今日请求人工", today.offered, "零点起进入人工队列"],
    ["今日接听", today.answered, "话务员接听"],
    ["今日放弃", today.abandoned, `等待5秒以上后挂机；另有${today.abandoned_quickly}通不足5秒`],
    ["今日留言", today.left_message, "排队后改为留言"],
    ["15秒应答率", today.prompt.percent, `15秒内接听 ÷ 请求人工（不含等待中和5秒内挂机）：${rate(today.prompt)}`],
    ["24小时接通率", state.last_day.percent, `到此刻为止的24小时，口径K-01，低于95%告警：${rate(state.last_day)}`],
    ["今日接通率", today.answer_rate.percent, `接听 ÷ 请求人工（同上）：${rate(today.answer_rate)}`],
    ["平均应答时间", today.mean_wait_ms === null ? "—" : span(today.mean_wait_ms / 1000), "接听者从排队到接听"],
  ];
  for (const [name, value, note] of rows) cells(body, [name, { number: String(value) }, note]);
}

function showHours() {
  const hours = state.today.by_hour;
  drawHours(part("hours"), hours);
  part("by_hour").replaceChildren();
  for (const { hour, offered, answered } of hours) cells(part("by_hour"), [`${hour}时`, { number: String(offered) }, { number: String(answered) }]);
}

function tick() {
  const waited = state.longest_since ? secondsSince(state.longest_since) : null;
  part("longest").textContent = waited === null ? "—" : span(waited);
  tile("longest").classList.toggle("warn", waited !== null && waited >= WARN_WAIT_S && waited < LONG_WAIT_S);
  tile("longest").classList.toggle("bad", waited !== null && waited >= LONG_WAIT_S);
  for (const item of document.querySelectorAll("[data-from]")) item.textContent = span(secondsSince(item.dataset.from));
  const now = new Date(Date.now() - skewMs);
  part("clock").textContent = now.toLocaleString("zh-CN", { timeZone: "Asia/Shanghai", hour12: false });
}

show(state);
setInterval(tick, 1000);
live("/wallboard/ws", { onMessage: show });
