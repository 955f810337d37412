// The call (通话): who calls, which state, and everything one can do with it by button or key.
import { get, post } from "/static/core/http.js";
import { span, toast } from "/static/core/ui.js";
import { element } from "/static/softphone/chooser.js";
import { keyTone } from "/static/softphone/ring.js";

const $ = (id) => document.getElementById(id);
const PHASES = {
  menu: "在菜单中",
  queue: "排队中",
  ringing: "来电",
  talking: "通话中",
  held: "保持中",
  transferring: "正在转接",
  consulting: "转接：先问后转",
  three_way: "三方通话",
  liaison: "已转给联络员",
  after_talk: "对方正在听查询码、评价",
  ended: "通话已结束",
};
const CONSULTS = { ringing: "正在呼叫", talking: "正在与您通话", failed: "未接通" };
const WHYS = { no_answer: "无人接听", timeout: "无人接听", busy: "占线", refused: "拒接", gone: "电话不在线", not_accepted: "未按键接听", cancelled: "已取消" };
const UP = new Set(["talking", "held", "transferring", "consulting", "three_way"]);
const wish = (action, fields = {}) => post("/desk/call", { action, ...fields }).catch(() => {});

export class CallPanel {
  constructor(desk, { ticketNo }) {
    this.desk = desk;
    this.ticketNo = ticketNo;
    this.call = null;
    const press = { answer: "answer", mute: "mute", hold: "hold", "hang-up": "hangUp", reveal: "reveal" };
    for (const [id, method] of Object.entries(press)) $(id).addEventListener("click", () => this[method]());
    $("complete").addEventListener("click", () => wish("complete"));
    $("three-way").addEventListener("click", () => wish("three_way"));
    $("play-code").addEventListener("click", () => wish("play_code"));
    $("to-directory").addEventListener("click", () => $("dir-q").focus());
    $("call-out-open").addEventListener("click", () => this.#openCallOut());
    $("call-out-form").addEventListener("submit", (event) => this.#callOut(event));
    this.#wireKeypad();
  }

  show(state, before) {
    const call = (this.call = state.call);
    const fresh = call && call.call_id !== before?.call?.call_id;
    $("call").dataset.phase = call?.phase ?? "";
    $("call-none").hidden = Boolean(call);
    $("call-card").hidden = !call;
    if (call) this.#card(call, fresh);
    if (fresh || !call) this.#earlier(call);
    this.#tell(state, before);
    this.showControls();
    this.tick();
  }

  showControls() {
    const { station, state } = this.desk;
    const mine = station.call;
    const phase = this.call?.phase ?? "";
    const agent = state?.agent?.state ?? "offline";
    const talking = mine?.phase === "talking";
    const up = UP.has(phase) && agent !== "wrapup";
    const consult = agent === "consulting" || phase === "consulting";
    const ringsHere = mine?.phase === "ringing" && mine.direction === "incoming";
    $("answer").hidden = !ringsHere || mine.auto;
    $("answer-elsewhere").hidden = agent !== "ringing" || ringsHere;
    $("call-buttons").dataset.idle = String(!mine && !up && agent !== "ringing");
    $("complete").hidden = !consult;
    $("three-way").hidden = !consult;
    $("three-way").disabled = this.call?.consult?.phase !== "talking";
    $("complete").disabled = !["ringing", "talking"].includes(this.call?.consult?.phase);
    this.#toggle($("mute"), mine?.muted, talking, mine?.muted ? "取消静音" : "静音");
    this.#toggle($("hold"), mine?.held, talking && !consult, mine?.held ? "取回" : "保持");
    $("keypad-open").disabled = !talking;
    $("to-directory").disabled = !up || consult;
    $("play-code").disabled = !(up && this.call?.query_code && !consult);
    $("hang-up").disabled = !(mine || up);
    $("hang-up-text").textContent = consult ? "取消转接，回到来电人" : phase === "three_way" ? "退出，由联络员继续" : mine?.phase === "ringing" ? "拒接" : "挂断";
    $("call-out-open").disabled = Boolean(mine) || !["ready", "paused", "wrapup"].includes(agent);
    $("levels").hidden = !talking;
  }

  answer() {
    this.desk.station.phone?.answer();
  }

  mute() {
    this.desk.station.phone?.mute(!this.desk.station.call?.muted);
  }

  hold() {
    this.desk.station.phone?.hold(!this.desk.station.call?.held);
  }

  /** Through the server where it knows of the call; otherwise the telephone's own way. */
  hangUp() {
    const { station, state } = this.desk;
    if (state?.agent?.state === "consulting") wish("cancel");
    else if (station.call?.phase === "ringing" || !state?.call) station.phone?.hangUp();
    else wish("hang_up");
  }

  async reveal() {
    const call = this.call;
    const { number } = await post("/desk/reveal", { call_id: call.call_id });
    if (this.call?.call_id !== call.call_id) return;
    this.revealed = { id: call.call_id, number };
    $("call-number").textContent = number;
    $("reveal").hidden = true;
  }

  /** The telephone's own word at the end of a call that failed. */
  ended({ cause, text, byMe }) {
    if (text && !byMe && cause !== "Terminated" && cause !== "Canceled") toast(text, "warn");
    if (cause === "User Denied Media Access") toast(text, "bad");
    $("keypad-dialog").close();
  }

  tick() {
    const from = this.call?.answered_at ?? this.call?.started_at;
    const now = Date.now() + (this.desk.skewMs ?? 0);
    $("call-clock").textContent = from ? span((now - Date.parse(from)) / 1000) : "";
  }

  #card(call, fresh) {
    $("call-phase").textContent = call.direction === "out" && call.phase === "ringing" ? "拨出" : (PHASES[call.phase] ?? call.phase);
    const revealed = this.revealed?.id === call.call_id ? this.revealed.number : null;
    $("call-number").textContent = revealed ?? call.number;
    $("reveal").hidden = call.hidden || revealed !== null;
    $("call-region").textContent = call.region || "—";
    $("call-path").textContent = call.menu_path.join(" › ") || "直接转人工";
    $("call-wait").textContent = call.direction === "out" ? "—" : span(call.wait_s);
    const consult = call.consult;
    $("consult").hidden = !consult;
    if (consult) {
      const who = consult.liaison ? `${consult.unit} ${consult.liaison}` : consult.unit;
      const back = call.phase === "consulting" ? "按 F9 回到来电人" : "来电人已回到您这里";
      const why = consult.phase === "failed" ? `（${WHYS[consult.why] ?? "未接通"}）。${back}` : "";
      $("consult").textContent = `${who}：${CONSULTS[consult.phase] ?? consult.phase}${why}`;
      $("consult").dataset.phase = consult.phase;
    }
    if (fresh) $("call").scrollIntoView({ block: "nearest" });
  }

  #tell(state, before) {
    const phase = state.call?.phase;
    if (state.call && phase !== before?.call?.phase) {
      const number = phase === "ringing" ? `，${state.call.number}，${state.call.region}` : "";
      this.desk.announce(`${PHASES[phase] ?? phase}${number}`);
    }
    const consult = state.call?.consult;
    if (consult && consult.phase !== before?.call?.consult?.phase) this.desk.announce($("consult").textContent);
  }

  async #earlier(call) {
    const list = $("earlier");
    list.replaceChildren();
    $("earlier-none").hidden = false;
    $("earlier-none").textContent = call ? "正在查找……" : "接听来电后显示。";
    if (!call) return;
    const { tickets } = await get("/desk/earlier", { quiet: true }).catch(() => ({ tickets: [] }));
    if (this.call?.call_id !== call.call_id) return;
    $("earlier-none").hidden = tickets.length > 0;
    $("earlier-none").textContent = call.hidden ? "号码未显示，无法查找。" : "没有以往工单。";
    list.replaceChildren(...tickets.map(earlierLine));
  }

  #toggle(button, on, enabled, text) {
    button.setAttribute("aria-pressed", String(Boolean(on)));
    button.disabled = !enabled;
    button.firstChild.textContent = `${text} `;
  }

  #openCallOut() {
    $("call-out-number").value = document.getElementById("f-callback").value;
    $("call-out-dialog").showModal();
  }

  #callOut(event) {
    event.preventDefault();
    post("/desk/call", { action: "call_out", number: $("call-out-number").value, ticket_no: this.ticketNo() })
      .then(() => $("call-out-dialog").close())
      .catch(() => {});
  }

  #wireKeypad() {
    const dialog = $("keypad-dialog");
    const sendKey = (key) => {
      keyTone(key);
      this.desk.station.phone?.sendKeys(key);
      $("keypad-sent").textContent += key;
    };
    $("keypad-open").addEventListener("click", () => {
      $("keypad-sent").textContent = "";
      dialog.showModal();
    });
    $("keypad").addEventListener("click", (event) => {
      const key = event.target.dataset.digit;
      if (key) sendKey(key);
    });
    dialog.addEventListener("keydown", (event) => {
      if (!/^[0-9*#]$/.test(event.key)) return;
      event.preventDefault();
      sendKey(event.key);
    });
  }
}

function earlierLine(ticket) {
  const ago = ticket.days_ago ? `${ticket.days_ago} 天前` : "今天";
  const head = element("p", "earlier-head", element("strong", "", ticket.subject), element("span", "chip", ticket.state));
  const about = element("p", "hint", [ago, ticket.unit, ticket.ticket_no].filter(Boolean).join(" · "));
  if (!ticket.answer) return element("li", "", head, about);
  const answer = element("details", "", element("summary", "", "答复"), element("p", "", ticket.answer));
  return element("li", "", head, about, answer);
}
