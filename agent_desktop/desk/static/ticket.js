// The ticket form (工单): saved as it is typed, restored from the server, and nothing typed is ever lost.
//
// Theory. `base` is what the server had last; what differs from it is unsaved and also kept in this browser. A save
// names its version. When somebody saved in between, fields only one side changed are merged silently; a field both
// changed is shown twice and nothing is sent until each is chosen.
import { get, post } from "/static/core/http.js";
import { toast } from "/static/core/ui.js";
import { Chooser, element } from "/static/softphone/chooser.js";

const $ = (id) => document.getElementById(id);
const SAVED = ["subject", "unit_id", "question", "answer", "guidance", "reason", "question_class", "feedback", "callback_number", "asker_name"];
const LABELS = { subject: "主题", unit_id: "单位", question: "问题", answer: "答复", guidance: "其他查询方式、程序", reason: "理由",
  question_class: "分类", feedback: "反馈方式", callback_number: "回复电话", asker_name: "称呼" };
const NEEDS_REASON = new Set(["unclear", "invalid", "duplicate"]);
const NEEDS_GUIDANCE = new Set(["other_ways", "out_of_scope"]);
const SAVE_MS = 500;
const RETRY_MS = 4000;

export class TicketForm {
  number = null;
  kind = "question";
  #version = 0;
  #unitTaken = null;
  #base = {};
  #conflicts = new Map();
  #sending = null;
  #linked = [];
  #finished = new Set();
  #turn = Promise.resolve();

  constructor(desk, { units, changed }) {
    Object.assign(this, { desk, units, changed });
    this.form = $("ticket");
    this.form.addEventListener("input", () => this.#edited());
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.finish();
    });
    $("complain").addEventListener("click", () => this.#complain());
    new Chooser($("f-unit"), $("unit-list"), {
      popup: true,
      source: (query) => this.#matchingUnits(query),
      draw: (unit) => [element("span", "code", unit.code), element("span", "", unit.name), element("span", "hint", unit.region)],
      choose: (unit) => this.setUnit(unit.id),
    });
    $("f-unit").addEventListener("blur", () => this.#drawUnit());
  }

  /** The choices the phrases depend on. */
  choices() {
    return { kind: this.kind, outcome: this.#value("outcome"), unit: this.unitName(), code: $("query-code").textContent };
  }

  unitName() {
    return this.units().find((unit) => String(unit.id) === $("f-unit-id").value)?.name ?? "";
  }

  /** One state after the other, so that no ticket's text ever lands in another's form. */
  show(state) {
    return this.#inTurn(() => this.#show(state));
  }

  setUnit(id) {
    $("f-unit-id").value = id ?? "";
    this.#drawUnit();
    this.#edited();
  }

  /** An agent (代办员) is to see to it (M-131): the ticket goes to the agent's unit and names the agent. */
  toAgent(place) {
    if (!this.number) return toast("没有打开的工单，不能交代办。", "warn");
    const who = [place.name, place.contact && `代办员 ${place.contact}`, place.phones.length && `电话 ${place.phones.join("、")}`];
    const line = `请代办：${who.filter(Boolean).join("，")}`;
    const question = $("f-question");
    if (!question.value.includes(line)) question.value = [question.value.trimEnd(), line].filter(Boolean).join("\n");
    this.form.elements.outcome.value = "assigned";
    this.setUnit(place.agents_unit_id);
    toast(`已填入代办点“${place.name}”，请写明所办事项后完成工单。`);
  }

  /** Put a knowledge-base answer at the cursor's end of the answer and note where it came from. */
  insertAnswer(hit) {
    if (!this.number) {
      toast("没有打开的工单，答复没有写入。", "warn");
      return false;
    }
    const field = $("f-answer");
    field.value = [field.value.trimEnd(), hit.answer].filter(Boolean).join("\n");
    if (!$("f-subject").value) $("f-subject").value = hit.title.slice(0, 100);
    const unit = this.units().find((one) => one.name === hit.unit);
    if (unit && !$("f-unit-id").value) $("f-unit-id").value = unit.id;
    this.#linked.push(hit);
    $("linked").textContent = `已引用知识 ${this.#linked.map((one) => `《${one.title}》`).join("")}`;
    this.#drawUnit();
    this.#edited();
    return true;
  }

  /** Save, then finish with the chosen outcome; ends the wrap-up when that is where the seat is. */
  async finish() {
    if (!this.number) {
      if (this.desk.state?.agent?.state === "wrapup") await post("/desk/seat", { action: "ready" }).catch(() => {});
      return;
    }
    if (this.#conflicts.size) return toast("请先在上方选定两份文字。", "warn");
    if (!this.#value("outcome")) {
      $("outcomes").classList.add("missing");
      $("f-outcome").focus();
      return toast("请先选择处理结果。", "warn");
    }
    clearTimeout(this.timer);
    await this.#sending;
    const number = this.number;
    const body = { version: this.#version, fields: this.#values(), outcome: this.#value("outcome"), duplicate_of: $("f-duplicate").value.trim() };
    try {
      await post(`/desk/tickets/${number}/finish`, body);
      this.#finished.add(number);
      this.#forget(number);
      toast(`工单 ${number} 已完成。`);
      await this.#inTurn(() => this.number === number && this.#open(null));
    } catch (error) {
      if (error.code === "draft_stale") this.#stale(error.fields);
    }
  }

  #inTurn(work) {
    this.#turn = this.#turn.then(work).catch((error) => console.error(error));
    return this.#turn;
  }

  async #show({ ticket, call }) {
    this.#showCode(call?.query_code || "");
    const number = ticket && !ticket.done && !this.#finished.has(ticket.ticket_no) ? ticket.ticket_no : null;
    if (number !== this.number) await this.#open(number);
    else if (number && ticket.version > this.#version && !this.#sending) await this.#refetch();
    this.#takeUnit(call?.unit_id);
    this.#drawFinish();
  }

  // Whom the caller was put through to is the ticket's unit, unless the operator chose one or has taken it out again.
  #takeUnit(id) {
    if (!this.number || !id || id === this.#unitTaken) return;
    this.#unitTaken = id;
    if (!$("f-unit-id").value) this.setUnit(id);
  }

  async #open(number) {
    if (this.number && this.#dirty() && !this.#finished.has(this.number)) await this.#save();
    this.#clear();
    if (number) await this.#load(number);
    $("ticket-fields").disabled = !this.number;
    $("ticket-none").hidden = Boolean(this.number);
    $("ticket-fields").hidden = !this.number;
    $("ticket-no").textContent = this.number ?? "";
    $("complain").disabled = !this.number;
    $("to-mayor").hidden = !this.number;
    if (this.number) $("to-mayor").href = `/tickets/${this.number}#mayor`;
    this.#drawChoices();
    this.#drawFinish();
    this.changed();
  }

  // The number comes last: until the text is there, nothing typed or saved can belong to it.
  #clear() {
    this.number = null;
    this.kind = "question";
    this.#unitTaken = null;
    this.#version = 0;
    this.#base = {};
    this.#conflicts.clear();
    this.#linked = [];
    $("linked").textContent = "";
    $("saved").textContent = "";
    $("outcomes").classList.remove("missing");
    this.form.reset();
    $("f-unit-id").value = "";
    this.#drawConflict();
  }

  async #load(number) {
    const ticket = await get(`/desk/tickets/${number}`);
    this.#version = ticket.version;
    this.#base = ticket.fields;
    const kept = this.#kept(number);
    this.#fill(kept ? { ...ticket.fields, ...kept.fields } : ticket.fields);
    this.number = number;
    this.#choose("outcome", kept?.outcome ?? "");
    $("f-duplicate").value = kept?.duplicate_of ?? "";
    if (kept && kept.version !== ticket.version) this.#stale({ version: ticket.version, theirs: ticket.fields }, kept.base);
    this.#told("已载入");
    if (this.#dirty()) this.#later(0);
  }

  async #refetch() {
    const ticket = await get(`/desk/tickets/${this.number}`, { quiet: true }).catch(() => null);
    if (!ticket || ticket.ticket_no !== this.number || ticket.version <= this.#version || this.#sending) return;
    this.#stale({ version: ticket.version, theirs: ticket.fields });
  }

  #edited() {
    this.#drawChoices();
    this.changed();
    if (!this.number) return;
    this.#keep();
    if (this.#dirty()) {
      this.#told("正在输入……");
      this.#later(SAVE_MS);
    }
  }

  #later(ms) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.#save(), ms);
  }

  async #save() {
    clearTimeout(this.timer);
    if (this.#sending) return this.#sending.then(() => this.#dirty() && this.#save());
    if (!this.number || this.#conflicts.size || !this.#dirty()) return undefined;
    this.#sending = this.#send(this.number, this.#values()).finally(() => (this.#sending = null));
    await this.#sending;
    if (this.number && this.#dirty() && !this.#conflicts.size && !this.failed) this.#later(SAVE_MS);
    return undefined;
  }

  async #send(number, fields) {
    this.#told("正在保存……");
    this.failed = false;
    try {
      const { version } = await post(`/desk/tickets/${number}`, { version: this.#version, fields }, { quiet: true });
      if (number !== this.number) return this.#forget(number);
      this.#version = version;
      this.#base = fields;
      this.#keep();
      const at = new Date().toLocaleTimeString("zh-CN", { hour12: false });
      if (!this.#dirty()) this.#told(`已保存 ${at}`, "ok");
    } catch (error) {
      if (error.code === "draft_stale" && number === this.number) return this.#stale(error.fields);
      this.failed = true;
      this.#told(`没有保存：${error.message}（内容留在本机）`, "bad");
      if (error.status === 0 || error.status >= 500) this.#later(RETRY_MS);
    }
    return undefined;
  }

  // Somebody saved in between: merge what only one side changed, ask about what both changed.
  #stale({ version, theirs }, base = this.#base) {
    const mine = this.#values();
    const merged = { ...theirs };
    for (const name of SAVED) {
      const ours = mine[name] ?? "";
      const other = theirs[name] ?? "";
      const was = base[name] ?? "";
      if (same(ours, was) || same(ours, other)) continue;
      merged[name] = ours;
      if (!same(other, was)) this.#conflicts.set(name, { mine: ours, theirs: other });
    }
    this.#version = version;
    this.#base = theirs;
    this.#fill(merged);
    this.#keep();
    this.#drawConflict();
    if (this.#conflicts.size) this.#told("两处改动待选定", "bad");
    else if (this.#dirty()) this.#later(SAVE_MS);
    else this.#told("已同步", "ok");
  }

  #drawConflict() {
    $("conflict").hidden = this.#conflicts.size === 0;
    $("conflict-rows").replaceChildren(...[...this.#conflicts].map(([name, texts]) => this.#conflictRow(name, texts)));
  }

  #conflictRow(name, { mine, theirs }) {
    const show = (value) => (name === "unit_id" ? (this.units().find((u) => String(u.id) === value)?.name ?? value) : value);
    const pick = (label, value, side) => {
      const button = element("button", "button small", label);
      button.type = "button";
      button.dataset.testid = `conflict-${side}`;
      button.addEventListener("click", () => this.#settle(name, value));
      return button;
    };
    const side = (title, value) => element("div", "side", element("h4", "", title), element("p", "text", show(value) || "（空）"));
    const long = ["question", "answer", "guidance", "reason"].includes(name);
    const row = element("div", "conflict-row",
      element("h3", "", LABELS[name]),
      element("div", "sides", side("我在这里写的", mine), side("别处保存的", theirs)),
      element("p", "row", pick("用我的", mine, "mine"), pick("用别处的", theirs, "theirs"),
        ...(long ? [pick("两段都留", `${theirs}\n${mine}`, "both")] : [])));
    row.dataset.field = name;
    return row;
  }

  #settle(name, value) {
    this.#conflicts.delete(name);
    this.#fill({ ...this.#values(), [name]: value });
    this.#drawConflict();
    this.#keep();
    if (!this.#conflicts.size) this.#later(0);
    (this.form.elements[name] ?? $("f-unit")).focus?.();
  }

  async #complain() {
    const text = $("f-question").value.trim();
    await this.#save();
    const made = await post(`/desk/tickets/${this.number}/complaint`, { text, cause: $("f-cause").value }).catch(() => null);
    if (!made) return;
    this.kind = "complaint";
    $("f-cause").value = "";
    $("complaint-code").textContent = grouped(made.query_code);
    $("complaint-no").textContent = made.ticket_no;
    $("complaint-dialog").showModal();
    this.#choose("outcome", "duplicate");
    $("f-duplicate").value = made.ticket_no;
    if (!$("f-reason").value) $("f-reason").value = "来电人投诉，已另行登记";
    this.#edited();
  }

  #values() {
    return Object.fromEntries(SAVED.map((name) => [name, this.#value(name)]));
  }

  #value(name) {
    return this.form.elements[name]?.value ?? "";
  }

  #choose(name, value) {
    for (const radio of this.form.querySelectorAll(`input[name="${name}"]`)) radio.checked = radio.value === value;
  }

  // Only fields that really differ are written, so that the cursor stays where it is.
  #fill(fields) {
    for (const name of SAVED) {
      const field = this.form.elements[name];
      if (!same(field.value, fields[name] ?? "")) field.value = fields[name] ?? "";
    }
    this.#drawUnit();
    this.#drawChoices();
  }

  #dirty() {
    return SAVED.some((name) => !same(this.#value(name), this.#base[name] ?? ""));
  }

  #drawUnit() {
    $("f-unit").value = this.unitName();
  }

  #matchingUnits(query) {
    const words = query.toLowerCase();
    const matches = this.units().filter((unit) => !words || `${unit.code} ${unit.name} ${unit.short}`.toLowerCase().includes(words));
    if (!query && $("f-unit-id").value) this.setUnit(null);
    return matches.slice(0, 12).map((unit) => ({ ...unit, key: unit.id }));
  }

  #drawChoices() {
    const outcome = this.#value("outcome");
    $("reason-row").hidden = !NEEDS_REASON.has(outcome);
    $("duplicate-field").hidden = outcome !== "duplicate";
    $("guidance-required").hidden = !NEEDS_GUIDANCE.has(outcome);
    if (outcome) $("outcomes").classList.remove("missing");
  }

  #drawFinish() {
    const wrapUp = this.desk.state?.agent?.state === "wrapup";
    $("finish").disabled = !this.number && !wrapUp;
    $("finish-text").textContent = wrapUp ? (this.number ? "完成工单，结束话后处理" : "结束话后处理") : "完成工单";
  }

  #showCode(code) {
    $("code-box").hidden = !code;
    $("query-code").textContent = grouped(code);
  }

  #told(text, kind = "") {
    $("saved").textContent = text;
    $("saved").dataset.kind = kind;
  }

  // --- what is not saved yet is also in this browser -----------------------------------------------------------
  #keep() {
    const extra = { outcome: this.#value("outcome"), duplicate_of: $("f-duplicate").value };
    const entry = { version: this.#version, base: this.#base, fields: this.#values(), ...extra };
    if (this.#dirty() || extra.outcome) localStorage.setItem(`desk-draft:${this.number}`, JSON.stringify(entry));
    else this.#forget(this.number);
  }

  #kept(number) {
    try {
      return JSON.parse(localStorage.getItem(`desk-draft:${number}`));
    } catch {
      return null;
    }
  }

  #forget(number) {
    localStorage.removeItem(`desk-draft:${number}`);
  }
}

const same = (a, b) => a.trim() === b.trim();
const grouped = (code) => code.replace(/(\d{4})(?=\d)/g, "$1 ");
