// A person's telephone in a page (页面电话): softphone, microphone, ring and the rule of one tab, put together.
//
// Modes: off (not opened) · testing · active (this tab has the telephone) · elsewhere (another tab or computer has it)
// · blocked (no microphone, no extension). Tells the server when the page that has the telephone comes and goes, so
// that a running call is brought back after a reload.
import { beacon, get, post } from "/static/core/http.js";
import { Meter } from "./meter.js";
import { testMicrophone } from "./microphone.js";
import { OneTab, tabId } from "./onetab.js";
import { Ring } from "./ring.js";
import { Softphone } from "./softphone.js";

const MICROPHONE = "phone-device-audioinput";

export class Station extends EventTarget {
  #ring = new Ring();
  #announced = false;

  /** `meters`: [own, other] or null. `pageUrl`: where the page's coming and going is told. */
  constructor({ audio, meters = null, pageUrl }) {
    super();
    this.audio = audio;
    this.pageUrl = pageUrl;
    this.meter = meters && new Meter(...meters);
    this.mode = "off";
    this.text = "";
    this.phone = null;
    addEventListener("pagehide", () => this.#left());
  }

  get call() {
    return this.phone?.snapshot().call ?? null;
  }

  get registered() {
    return this.phone?.snapshot().registration === "registered";
  }

  /** Test the microphone and open the line, unless another tab has it. `take`: ask for it. */
  async open({ take = false, idle = false } = {}) {
    this.#mode("testing");
    const test = await testMicrophone(localStorage.getItem(MICROPHONE));
    if (!test.ok) return this.#mode("blocked", test.text);
    let account;
    try {
      account = await get("/softphone/account", { quiet: true });
    } catch (error) {
      return this.#mode("blocked", error.message);
    }
    this.tab ??= this.#oneTab(account.user);
    const held = take ? (await this.tab.take({ idle })) === "taken" : await this.tab.claim();
    if (!held) {
      const text = take ? "另一个标签页正在通话，通话结束后才能换到这里。" : "电话在另一个标签页中使用。";
      return this.#mode("elsewhere", text);
    }
    return this.#start(account, take);
  }

  /** Give the telephone up: it rings nowhere in this browser from now on. */
  close() {
    this.#letGoOfPhone();
    this.tab?.drop();
    this.#mode("off");
  }

  #oneTab(name) {
    const letGo = () => this.#yield("电话已换到另一个标签页使用。");
    const tab = new OneTab(name, { isBusy: () => this.call !== null, letGo });
    tab.addEventListener("lost", () => this.mode === "active" && letGo());
    return tab;
  }

  async #start(account, take) {
    const query = new URLSearchParams({ tab: tabId(), ...(take ? { take: 1 } : {}) });
    const phone = (this.phone = new Softphone({ ...account, path: `${account.path}?${query}` }, this.audio));
    const hear = (name, heard) => phone.addEventListener(name, (e) => phone === this.phone && heard(e));
    phone.useMicrophone(localStorage.getItem(MICROPHONE));
    hear("change", () => this.#changed());
    hear("ended", (e) => this.dispatchEvent(new CustomEvent("ended", { detail: e.detail })));
    hear("elsewhere", () => this.#yield("电话正在另一台电脑上使用。"));
    this.#mode("active");
    await phone.start();
  }

  #yield(text) {
    this.#letGoOfPhone();
    this.#mode("elsewhere", text);
    this.tab.drop();
  }

  #letGoOfPhone() {
    const phone = this.phone;
    this.phone = null;
    this.#announced = false;
    phone?.stop();
    this.meter?.stop();
    this.metering = false;
  }

  #changed() {
    const call = this.call;
    this.#ring.set(Boolean(call && call.phase === "ringing" && call.direction === "incoming" && !call.auto));
    if (this.meter) this.#showLevels(call);
    if (this.registered && !this.#announced) {
      this.#announced = true;
      post(this.pageUrl, { event: "loaded", in_call: call !== null }, { quiet: true }).catch(() => {});
    }
    this.dispatchEvent(new Event("change"));
  }

  #showLevels(call) {
    const talking = call?.phase === "talking";
    if (talking && !this.metering) this.meter.start([this.phone.localStream, this.phone.remoteStream]);
    if (!talking && this.metering) this.meter.stop();
    this.metering = talking;
  }

  #left() {
    if (this.mode === "active" && this.#announced) beacon(this.pageUrl, { event: "left" });
  }

  #mode(mode, text = "") {
    this.mode = mode;
    this.text = text;
    window.stationMode = mode;
    this.#ring.set(false);
    this.dispatchEvent(new Event("change"));
  }
}
