// The seat (座席): on duty, ready, paused with a reason, wrap-up; and whether the telephone is there.
import { post } from "/static/core/http.js";
import { span, toast } from "/static/core/ui.js";

const $ = (id) => document.getElementById(id);
const NAMES = {
  offline: "未上岗",
  ready: "就绪",
  paused: "暂停",
  ringing: "来电振铃",
  talking: "通话中",
  consulting: "转接通话中",
  wrapup: "话后处理",
};
const LOST = {
  电话失联: "座席已暂停：电话联系不上，恢复后自动就绪；请检查网络、网页或话机。",
  电话时断时续: "座席已暂停：电话时断时续。请检查网络或话机，好了再按“就绪”。",
};
const wish = (action, fields = {}) =>
  post("/desk/seat", { action, ...fields })
    .then(({ warning }) => warning && toast(warning, "warn"))
    .catch(() => {});

export class Seat {
  constructor(desk, { finish }) {
    this.desk = desk;
    $("seat-login").addEventListener("click", () => wish("login", { desk_phone: localStorage.getItem("phone-kind") === "desk" }));
    $("seat-logout").addEventListener("click", () => wish("logout"));
    $("seat-pause").addEventListener("click", () => wish("pause", { reason: $("pause-reason").value }));
    $("seat-ready").addEventListener("click", () => (this.state === "wrapup" ? finish() : wish("ready")));
    $("phone-take").addEventListener("click", () => desk.station.open({ take: true, idle: !desk.state?.call }));
    $("phone-retry").addEventListener("click", () => desk.station.open());
  }

  show({ agent, waiting, away }) {
    $("controller-notice").hidden = !away;
    this.state = agent?.state ?? "offline";
    this.sinceAt = agent ? Date.parse(agent.since_at) : null;
    const name = NAMES[this.state] ?? this.state;
    $("seat").dataset.state = this.state;
    $("seat-state").textContent = this.state === "paused" && agent.reason ? `${name}：${agent.reason}` : name;
    this.#tellPause(agent);
    const free = this.state === "ready" || this.state === "paused";
    $("seat-login").hidden = this.state !== "offline";
    $("seat-ready").hidden = this.state !== "paused" && this.state !== "wrapup";
    $("seat-ready-text").textContent = this.state === "wrapup" ? "完成，就绪" : "就绪";
    $("pause-group").hidden = this.state !== "ready" && this.state !== "wrapup";
    $("seat-logout").hidden = !free;
    $("waiting").textContent = `排队 ${waiting} 人`;
    $("waiting").classList.toggle("warn", waiting > 0);
    this.showLine();
    this.tick();
  }

  /** Somebody else has paused this seat, a supervisor or the lost telephone: said once, aloud for those who cannot see it. */
  #tellPause(agent) {
    const reason = this.state === "paused" ? agent.reason : "";
    const ordered = reason.startsWith("主管") && `座席已暂停：${reason}。需要继续接听时请按“就绪”。`;
    const text = ordered || LOST[reason];
    const told = text ? agent.since_at : null;
    if (told && told !== this.told) toast(text, "warn");
    this.told = told;
  }

  /** What the telephone of this page is doing, and what to do when it is not there. */
  showLine() {
    const { station } = this.desk;
    const elsewhere = this.desk.state?.agent?.registered && station.mode !== "active";
    const [kind, text] = station.registered
      ? ["ok", "电话已就绪"]
      : elsewhere
        ? ["info", "电话在别处"]
        : station.mode === "testing" || station.mode === "active"
          ? ["warn", "电话连接中"]
          : ["bad", "电话未注册"];
    $("line-chip").className = `chip dot ${kind}`;
    $("line-chip").textContent = text;
    const failure = station.phone?.snapshot().registration === "failed" ? station.phone.snapshot().reason : "";
    const shown = station.mode === "blocked" || station.mode === "elsewhere" || failure;
    $("phone-notice").hidden = !shown;
    $("phone-notice-text").textContent = failure || station.text;
    $("phone-take").hidden = station.mode !== "elsewhere";
    $("phone-retry").hidden = station.mode !== "blocked" && !failure;
  }

  tick() {
    const now = Date.now() + (this.desk.skewMs ?? 0);
    const remindS = Number($("seat").dataset.wrapUpRemind);
    const late = this.state === "wrapup" && now - this.sinceAt > remindS * 1000;
    if (late && $("seat").dataset.late !== "true")
      toast(`话后处理已超过 ${remindS} 秒。处理完请按“完成，就绪”。`, "warn");
    $("seat").dataset.late = String(late);
    $("seat-clock").textContent = this.sinceAt ? span((now - this.sinceAt) / 1000) : "";
  }
}
