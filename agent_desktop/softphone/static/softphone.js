// One telephone in the page (软电话): registers, rings, talks. Knows SIP and audio; knows nothing of tickets or seats.
//
// Every change is told by one event, `change`; `snapshot()` is the whole state. The page never sees a password, only
// the digest HA1. Ending the page ends the media, so the server rings again after a reload (auto-answer).
import JsSIP from "./vendor/jssip-3.13.8.min.js";

const CALL_OPTIONS = { mediaConstraints: { audio: true, video: false }, pcConfig: { iceServers: [] } };
const IN_USE = 4409;
const TAKEN_OVER = 4410;
const CAUSES = {
  "User Denied Media Access": "无法使用麦克风，请检查设备和浏览器权限。",
  "WebRTC Error": "浏览器无法建立语音连接，请刷新页面后重试。",
  Busy: "对方正忙。",
  Rejected: "对方拒绝接听。",
  Unavailable: "对方暂时无法接通。",
  "Not Found": "没有这个号码。",
  "No Answer": "对方无人接听。",
  Canceled: "呼叫已取消。",
  "Connection Error": "与服务器的连接中断。",
  "Request Timeout": "服务器没有回应，请稍后再试。",
  "RTP Timeout": "语音中断。",
};

export class Softphone extends EventTarget {
  #ua = null;
  #session = null;
  #call = null;
  #deviceId = null;
  #registration = "off";
  #reason = "";

  /** `account`: {user, ha1, realm, domain, path, register}; `audio`: the element that plays the other side. */
  constructor(account, audio) {
    super();
    this.account = account;
    this.audio = audio;
  }

  /** {registration: off|connecting|registered|failed, reason, call: null | {callId, direction, phase, …}} */
  snapshot() {
    return { registration: this.#registration, reason: this.#reason, call: this.#call && { ...this.#call } };
  }

  get remoteStream() {
    return this.audio.srcObject;
  }

  get localStream() {
    const track = this.#session?.connection?.getSenders().find((sender) => sender.track?.kind === "audio")?.track;
    return track ? new MediaStream([track]) : null;
  }

  /** Connect and register; resolves when the server has answered, whatever it said. */
  start() {
    if (this.#ua) return Promise.resolve();
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    const { user, ha1, realm, domain, path, register = true } = this.account;
    const host = crypto.randomUUID().slice(0, 12) + ".invalid";
    this.#ua = new JsSIP.UA({
      sockets: [new JsSIP.WebSocketInterface(`${scheme}://${location.host}${path}`)],
      uri: `sip:${user}@${domain}`,
      ha1,
      realm,
      register,
      // Fixed, so that what comes in and what goes out name the same telephone.
      contact_uri: `sip:${user}@${host};transport=ws`,
      session_timers: false,
      register_expires: 120,
      connection_recovery_min_interval: 1,
      connection_recovery_max_interval: 10,
      user_agent: "96128-web",
    });
    const settled = new Promise((resolve) => {
      for (const name of ["registered", "registrationFailed", "disconnected"]) this.#ua.once(name, resolve);
      if (!register) this.#ua.once("connected", resolve);
    });
    this.#ua.on("connecting", () => this.#setRegistration("connecting"));
    this.#ua.on("connected", () => register || this.#setRegistration("registered"));
    this.#ua.on("registered", () => this.#setRegistration("registered"));
    this.#ua.on("unregistered", () => this.#setRegistration("off"));
    this.#ua.on("registrationFailed", (e) => this.#setRegistration("failed", CAUSES[e.cause] || "电话注册被拒绝。"));
    this.#ua.on("disconnected", (e) => this.#lineLost(e.code));
    this.#ua.on("newRTCSession", (e) => this.#adopt(e));
    this.#ua.start();
    return settled;
  }

  /** Unregister and let go of the line; a running call ends. */
  stop() {
    const ua = this.#ua;
    this.#ua = null;
    ua?.stop();
    this.#setRegistration("off");
  }

  useMicrophone(deviceId) {
    this.#deviceId = deviceId || null;
  }

  answer() {
    if (this.#call?.phase === "ringing" && this.#call.direction === "incoming") this.#session.answer(this.#options());
  }

  /** End whatever is up: refuses a ringing call, breaks off an outgoing one, hangs up a talk. */
  hangUp() {
    if (this.#session && !this.#session.isEnded()) this.#session.terminate({ status_code: 486 });
  }

  call(number) {
    if (this.#session) return;
    this.#ua.call(`sip:${number}@${this.account.domain}`, this.#options());
  }

  mute(on) {
    if (!this.#session) return;
    if (on) this.#session.mute({ audio: true });
    else this.#session.unmute({ audio: true });
  }

  /** Hold by re-INVITE: the server plays music to the other side. */
  hold(on) {
    if (!this.#session?.isEstablished()) return;
    if (on) this.#session.hold();
    else this.#session.unhold();
  }

  /** Telephone keys as RFC 4733 events in the audio stream. */
  sendKeys(keys) {
    if (this.#session?.isEstablished()) this.#session.sendDTMF(keys, { transportType: "RFC2833", duration: 120, interToneGap: 80 });
  }

  #options() {
    const audio = this.#deviceId ? { deviceId: { exact: this.#deviceId } } : true;
    return { ...CALL_OPTIONS, mediaConstraints: { audio, video: false } };
  }

  #adopt({ session, originator, request }) {
    const incoming = originator === "remote";
    const callId = incoming ? request.getHeader("X-Call-Id") || "" : "";
    const auto = incoming && /info=["<]?(alert-)?auto-?answer/i.test(request.getHeader("Alert-Info") || "");
    if (this.#session && !this.#session.isEnded()) {
      // The server reclaims a call that this page still believes in: its new leg is the one with a voice.
      if (!(auto && callId && callId === this.#call.callId)) {
        session.terminate({ status_code: 486 });
        return;
      }
      const stale = this.#session;
      this.#session = null;
      stale.terminate();
    }
    this.#session = session;
    this.#call = {
      callId,
      direction: incoming ? "incoming" : "outgoing",
      phase: incoming ? "ringing" : "dialling",
      auto,
      remote: incoming ? request.from.uri.user : request.to?.uri?.user || "",
      since: Date.now(),
      muted: false,
      held: false,
      heldByPeer: false,
    };
    this.#listen(session);
    this.#changed();
    if (auto) queueMicrotask(() => session === this.#session && session.answer(this.#options()));
  }

  #listen(session) {
    const mine = (change) => (e) => session === this.#session && change(e);
    const set = (fields) => mine(() => this.#update(fields));
    const hook = (connection) => {
      connection.ontrack = (e) => {
        this.audio.srcObject = e.streams[0] || new MediaStream([e.track]);
        this.audio.play().catch(() => this.#update({ silent: true }));
      };
    };
    if (session.connection) hook(session.connection);
    else session.on("peerconnection", (e) => hook(e.peerconnection));
    // The first address is enough on one network; waiting for all costs a tenth of a second of silence.
    session.on("icecandidate", (e) => e.ready());
    session.on("progress", mine((e) => e.originator === "remote" && this.#update({ phase: "ringing" })));
    session.on("accepted", set({ phase: "connecting" }));
    session.on("confirmed", set({ phase: "talking", talkingSince: Date.now() }));
    session.on("muted", set({ muted: true }));
    session.on("unmuted", set({ muted: false }));
    for (const [name, value] of [["hold", true], ["unhold", false]]) {
      session.on(name, mine((e) => this.#update(e.originator === "local" ? { held: value } : { heldByPeer: value })));
    }
    session.on("ended", mine((e) => this.#end(e)));
    session.on("failed", mine((e) => this.#end(e)));
  }

  #update(fields) {
    if (this.#call) Object.assign(this.#call, fields);
    this.#changed();
  }

  #end({ cause, originator, message }) {
    const ended = { ...this.#call, cause, byMe: originator === "local", status: message?.status_code || null };
    ended.text = CAUSES[cause] || message?.reason_phrase || "";
    this.#session = null;
    this.#call = null;
    this.audio.srcObject = null;
    this.dispatchEvent(new CustomEvent("ended", { detail: ended }));
    this.#changed();
  }

  // Codes of the server's own: another page has the telephone, so this one must not fight for it.
  #lineLost(code) {
    if (code !== IN_USE && code !== TAKEN_OVER) {
      this.#setRegistration("connecting", "电话线路中断，正在重新连接……");
      return;
    }
    this.stop();
    this.dispatchEvent(new CustomEvent("elsewhere", { detail: { taken: code === TAKEN_OVER } }));
  }

  #setRegistration(value, reason = "") {
    this.#registration = value;
    this.#reason = reason;
    this.#changed();
  }

  #changed() {
    window.softphoneState = this.snapshot();
    this.dispatchEvent(new Event("change"));
  }
}
