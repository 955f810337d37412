// The headset dialog (耳麦设置): which telephone, which devices; opens the line when the page starts.
import { deviceSelect, testMicrophone } from "./microphone.js";

const KIND = "phone-kind";
const $ = (id) => document.getElementById(id);

export class AudioSettings {
  constructor(station) {
    this.station = station;
    $("microphone-test").addEventListener("click", () => this.#test());
    $("phone-kind").addEventListener("change", () => this.#kind());
  }

  /** Open the line in the browser, unless this person uses a telephone on the desk. */
  async start() {
    $("phone-kind").value = localStorage.getItem(KIND) || "browser";
    if ($("phone-kind").value === "browser") await this.station.open();
    await deviceSelect($("microphone"), "audioinput", (id) => this.station.phone?.useMicrophone(id));
    await deviceSelect($("speaker"), "audiooutput", (id) => this.#speaker(id));
  }

  #speaker(id) {
    this.station.audio.setSinkId?.(id).catch(() => {});
  }

  #kind() {
    localStorage.setItem(KIND, $("phone-kind").value);
    if ($("phone-kind").value === "browser") this.station.open();
    else this.station.close();
  }

  async #test() {
    const { ok, text } = await testMicrophone($("microphone").value);
    $("microphone-result").className = `notice ${ok ? "ok" : "bad"}`;
    $("microphone-result").textContent = ok ? "麦克风正常。" : text;
    if (ok && this.station.mode === "blocked") this.station.open();
  }
}
