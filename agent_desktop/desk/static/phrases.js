// Standard phrases (规范用语): the panel follows the state of the call and the choices in the form.
import { follow } from "/static/core/changes.js";
import { get } from "/static/core/http.js";
import { element } from "/static/softphone/chooser.js";

const $ = (id) => document.getElementById(id);

export class Phrases {
  #situations = [];
  #shown = "";

  constructor(desk) {
    this.desk = desk;
    follow(["phrases"], () => this.#load());
    this.#load();
  }

  async #load() {
    const { situations } = await get("/desk/phrases");
    this.#situations = situations;
    if (this.last) this.show(...this.last);
  }

  show(state, choices) {
    this.last = [state, choices];
    if (!state) return;
    const keys = new Set([deskState(state), `outcome:${choices.outcome}`, `kind:${choices.kind}`]);
    const fitting = this.#situations.filter((situation) => situation.when.some((key) => keys.has(key)));
    // What the form asks for comes first: it is the more special.
    fitting.sort((a, b) => Number(isChoice(b, keys)) - Number(isChoice(a, keys)));
    const lines = fitting.flatMap((situation) => [
      element("li", "phrase-head", situation.title),
      ...situation.phrases.map((text) => element("li", "", this.#filled(text, state, choices))),
    ]);
    const text = lines.map((line) => line.textContent).join("\n");
    if (text === this.#shown) return;
    this.#shown = text;
    $("phrases").dataset.state = deskState(state);
    $("phrases").replaceChildren(...lines);
    $("phrases").scrollTop = 0;
  }

  #filled(text, { agent }, { unit, code }) {
    return text
      .replaceAll("{工号}", agent?.staff_number || "××")
      .replaceAll("{单位}", unit || "××单位")
      .replaceAll("{查询码}", code || "（见工单）");
  }
}

function isChoice(situation, keys) {
  return situation.when.some((key) => key.includes(":") && keys.has(key));
}

/** The seat's state, finer where the call says more. */
function deskState({ agent, call }) {
  const seat = agent?.state ?? "offline";
  const phase = call?.phase;
  return seat === "talking" && (phase === "held" || phase === "transferring") ? phase : seat;
}
