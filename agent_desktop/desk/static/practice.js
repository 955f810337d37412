// Practice (练习): sample calls to choose from; one press and it rings here. The seat takes no real calls meanwhile.
import { get, post } from "/static/core/http.js";
import { element } from "/static/softphone/chooser.js";

const $ = (id) => document.getElementById(id);

export class Practice {
  constructor() {
    $("practice-open").addEventListener("click", () => this.#open());
  }

  show({ agent, call }) {
    $("practice-open").disabled = Boolean(call) || !["ready", "paused"].includes(agent?.state);
    $("practice-mark").hidden = !call?.practice;
  }

  async #open() {
    $("practice-dialog").showModal();
    const { samples } = await get("/desk/practice");
    $("practice-list").replaceChildren(...samples.map((sample) => this.#item(sample)));
    $("practice-list").querySelector("button")?.focus();
  }

  #item(sample) {
    const begin = element("button", "button small good", "开始");
    begin.type = "button";
    begin.setAttribute("aria-label", `开始：${sample.title}`);
    begin.addEventListener("click", () => this.#begin(sample));
    const text = element("div", "grow", element("strong", "", sample.title), element("p", "hint", sample.about));
    return element("li", "row", text, begin);
  }

  #begin(sample) {
    post("/desk/practice", { sample: sample.key })
      .then(() => $("practice-dialog").close())
      .catch(() => {});
  }
}
