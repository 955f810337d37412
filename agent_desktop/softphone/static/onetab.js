// One telephone, one tab (单标签页): a Web Lock says which tab of this browser holds the telephone.
//
// Another tab may ask for it over a channel; the holder gives it up only when no call is up. What other computers do
// is the server's affair: it refuses a second connection in the same way.
const ANSWER_MS = 1500;

export class OneTab extends EventTarget {
  #release = null;
  #waiting = null;

  /** `isBusy()`: is a call up here? `letGo()`: give the telephone up, lock and all. */
  constructor(name, { isBusy, letGo }) {
    super();
    this.name = `96128-phone-${name}`;
    this.isBusy = isBusy;
    this.letGo = letGo;
    this.tab = tabId();
    this.channel = new BroadcastChannel(this.name);
    this.channel.onmessage = ({ data }) => this.#hear(data);
  }

  get mine() {
    return this.#release !== null;
  }

  /** Take the telephone if it is free; true when this tab has it now. */
  async claim({ steal = false } = {}) {
    if (!navigator.locks) {
      this.#release = () => {};
      return true;
    }
    const options = steal ? { steal: true } : { ifAvailable: true };
    return new Promise((resolve) => {
      navigator.locks
        .request(this.name, options, (lock) => {
          resolve(lock !== null);
          if (lock === null) return undefined;
          return new Promise((release) => (this.#release = release));
        })
        .catch(() => this.#lost());
    });
  }

  /** Ask the holder; "taken", or "busy" when a call is up there. `idle`: the server knows of no call. */
  async take({ idle }) {
    if (this.mine || (await this.claim())) return "taken";
    const answer = await new Promise((resolve) => {
      this.#waiting = resolve;
      this.channel.postMessage({ want: this.tab });
      setTimeout(() => resolve("silent"), ANSWER_MS);
    });
    if (answer === "busy" || (answer === "silent" && !idle)) return "busy";
    await this.claim({ steal: true });
    return "taken";
  }

  /** Give it up without being asked (the server gave the telephone to another computer). */
  drop() {
    this.#release?.();
    this.#lost();
  }

  #hear(message) {
    if (message.want && this.mine) {
      const busy = this.isBusy();
      if (!busy) this.letGo();
      this.channel.postMessage({ to: message.want, answer: busy ? "busy" : "given" });
    } else if (message.to === this.tab) {
      this.#waiting?.(message.answer);
    }
  }

  #lost() {
    if (!this.mine) return;
    this.#release = null;
    this.dispatchEvent(new Event("lost"));
  }
}

/** Survives a reload of this tab, so that the server knows the same tab again. */
export function tabId() {
  const known = sessionStorage.getItem("phone-tab");
  if (known) return known;
  const fresh = crypto.randomUUID ? crypto.randomUUID() : String(Math.random()).slice(2);
  sessionStorage.setItem("phone-tab", fresh);
  return fresh;
}
