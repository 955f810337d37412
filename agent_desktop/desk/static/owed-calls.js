// Call-backs (回拨名单): callers who gave up in the queue or keep their place; one press rings them, the result is kept.
import { get, post } from "/static/core/http.js";
import { toast } from "/static/core/ui.js";
import { element } from "/static/softphone/chooser.js";

const $ = (id) => document.getElementById(id);

export class OwedCalls {
  constructor(desk) {
    this.desk = desk;
    $("owed").addEventListener("click", () => this.#open());
  }

  show({ owed, agent }) {
    this.canCall = ["ready", "paused", "wrapup"].includes(agent?.state);
    const text = owed.overdue ? `回拨 ${owed.open}，逾期 ${owed.overdue} ` : `回拨 ${owed.open} `;
    $("owed").firstChild.textContent = text;
    const key = JSON.stringify([owed, this.canCall]);
    if (key === this.shown) return;
    this.shown = key;
    if ($("owed-dialog").open) this.#load();
  }

  #open() {
    $("owed-dialog").showModal();
    this.#load();
  }

  async #load() {
    const { items } = await get("/desk/owed-calls");
    $("owed-none").hidden = items.length > 0;
    $("owed-rows").replaceChildren(...items.map((item) => this.#row(item)));
  }

  #row(item) {
    const cells = [`${item.number}（${item.kind}${item.times > 1 ? `，${item.times} 次` : ""}）`, item.region, item.asked_at];
    const due = element("td", "", element("span", `chip ${item.overdue ? "bad" : "info"}`, item.overdue ? `${item.due_at} 逾期` : item.due_at));
    const ring = element("button", "button small good", "回拨");
    ring.type = "button";
    ring.disabled = !item.mine || !this.canCall;
    ring.addEventListener("click", () => this.#ring(item));
    const remark = element("input");
    remark.maxLength = 200;
    remark.placeholder = "不再回拨的原因";
    remark.setAttribute("aria-label", `${item.number} 不再回拨的原因`);
    const close = element("button", "button small", "办结");
    close.type = "button";
    close.disabled = !item.mine;
    close.addEventListener("click", () => this.#drop(item, remark.value));
    const row = element("tr", "", ...cells.map((text) => element("td", "", text)), due, element("td", "", `${item.tries} 次`),
      element("td", "", item.owner || "—"), element("td", "row", ring, remark, close));
    return row;
  }

  #ring(item) {
    post("/desk/call", { action: "return_call", owed_call_id: item.id })
      .then(() => $("owed-dialog").close())
      .catch(() => this.#load());
  }

  #drop(item, remark) {
    post(`/desk/owed-calls/${item.id}/drop`, { remark })
      .then(() => {
        toast(`${item.number} 不再回拨，已记录原因。`);
        return this.#load();
      })
      .catch(() => {});
  }
}
