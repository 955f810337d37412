// The knowledge base beside the call (知识库检索): suggestions while typing, Enter writes the answer into the ticket,
// Shift+Enter shows the whole entry.
//
// The desk and the liaison's page show it alike (`desk/search.html`). What has expired, or is not public, is shown and
// never written: the asker hears and reads the answer.
import { get, post } from "/static/core/http.js";
import { toast } from "/static/core/ui.js";
import { Chooser, element } from "/static/softphone/chooser.js";

const $ = (id) => document.getElementById(id);

/** A text in which the pieces between `marks` ([start, end] in characters, not UTF-16 units) stand out. */
function marked(name, text, marks, className = "") {
  const characters = [...text];
  const piece = (start, end) => characters.slice(start, end).join("");
  const made = element(name, className);
  let at = 0;
  for (const [start, end] of marks) {
    made.append(piece(at, start), element("mark", "", piece(start, end)));
    at = end;
  }
  made.append(piece(at));
  return made;
}

/** What an entry without an answer says: a service item's fields, a line each. */
function listed(details) {
  return Object.entries(details).map(([label, text]) => `${label}：${text}`).join("\n");
}

const FILTERS = { region: "kb-region", kind: "kb-kind", unit: "kb-unit" };

/** Whose it is, until when it holds, where it comes from (M-22). */
function origin({ unit, valid_to: until, source }) {
  return [unit, until && `有效至 ${until}`, source && source !== "own" && `来源：${source}`].filter(Boolean).join("　");
}

/** Why an entry may be read but not passed on; empty when it may. */
function keptBack(entry) {
  if (!entry.valid) return "已过有效期，请向单位核实";
  return entry.public ? "" : "不公开，只供工作人员参考";
}

export class Search {
  #running = null;
  #query = "";
  #open = null;

  /** `insert(entry)`: write it into the ticket, false when there is none; `ticketNo()`: that ticket's number;
   *  `answer`: the field that is written into, and has the cursor afterwards. */
  constructor({ insert, ticketNo, answer }) {
    Object.assign(this, { insert, ticketNo, answer });
    this.chooser = new Chooser($("kb-q"), $("kb-list"), {
      delayMs: 30,
      source: (query) => this.#find(query),
      draw: (hit) => this.#draw(hit),
      choose: (hit, event) => (event.shiftKey ? this.#read(hit) : this.#choose(hit)),
      moved: (hit) => { $("kb-read").disabled = !hit; },
    });
    this.chooser.refresh();
    $("kb-filters").addEventListener("input", () => this.chooser.refresh());
    $("kb-none").addEventListener("click", () => this.#notFound());
    $("kb-read").addEventListener("click", () => this.#read(this.chooser.chosen));
    $("kb-entry-insert").addEventListener("click", () => this.#insertRead());
  }

  /** A new caller: start with an empty search of everything. */
  clear() {
    for (const id of ["kb-q", ...Object.values(FILTERS)]) $(id).value = "";
    this.chooser.refresh();
  }

  #filters() {
    const set = Object.entries(FILTERS).map(([name, id]) => [name, $(id).value.trim()]);
    return set.filter(([, value]) => value);
  }

  async #find(query) {
    this.#running?.abort();
    this.#query = query;
    $("kb-none").disabled = !query;
    if (!query) {
      $("kb-state").textContent = "输入关键词，两个字即可检索";
      return [];
    }
    this.#running = new AbortController();
    const filters = this.#filters();
    try {
      const asked = new URLSearchParams([["q", query], ...filters]);
      const { items } = await get(`/desk/kb?${asked}`, { signal: this.#running.signal, quiet: true });
      const none = filters.length ? "没有相符的内容，可放宽地区、类型或单位" : "没有相符的内容";
      $("kb-state").textContent = items.length ? `${items.length} 条` : none;
      return items.map((item) => ({ ...item, key: item.id }));
    } catch (error) {
      if (error.name === "AbortError") return null;
      $("kb-state").textContent = error.message;
      return [];
    }
  }

  #draw(hit) {
    const title = marked("strong", hit.title, hit.title_marks);
    const expired = hit.valid ? null : element("span", "chip bad", "已过有效期");
    const internal = hit.public ? null : element("span", "chip warn", "不公开");
    const head = element("span", "result-head", ...[title, expired, internal].filter(Boolean));
    return [head, marked("span", hit.snippet, hit.snippet_marks, "result-text"), element("span", "hint", origin(hit))];
  }

  async #choose(hit) {
    const query = this.#query;
    const entry = await get(`/desk/kb/${hit.id}`).catch(() => null);
    if (entry) this.#write(entry, query);
  }

  #write(entry, query) {
    const why = keptBack(entry);
    if (why) return toast(`《${entry.title}》${why}，没有写入答复。按 Shift+Enter 看全文。`, "warn");
    if (!this.insert({ ...entry, answer: entry.answer || listed(entry.details ?? {}) })) return;
    this.#tell("chosen", { query, entry_id: entry.id });
    toast(`已写入答复：${entry.title}`);
    this.answer.focus();
  }

  /** The whole entry in a dialog; that it was read is on the ticket. */
  async #read(hit) {
    const query = this.#query;
    const entry = hit && (await get(`/desk/kb/${hit.id}`).catch(() => null));
    if (!entry) return;
    this.#open = { entry, query };
    const why = keptBack(entry);
    $("kb-entry-title").textContent = entry.title;
    $("kb-entry-unit").textContent = origin(entry);
    $("kb-entry-why").textContent = why && `${why}。`;
    $("kb-entry-why").hidden = !why;
    $("kb-entry-text").textContent = [entry.answer, listed(entry.details ?? {})].filter(Boolean).join("\n");
    $("kb-entry-insert").hidden = Boolean(why);
    $("kb-entry").showModal();
    this.#tell("read", { entry_id: entry.id });
  }

  #insertRead() {
    $("kb-entry").close();
    this.#write(this.#open.entry, this.#open.query);
  }

  #tell(what, fields) {
    post(`/desk/kb/${what}`, { ...fields, ticket_no: this.ticketNo() }, { quiet: true }).catch(() => {});
  }

  #notFound() {
    post("/desk/kb/not-found", { query: this.#query })
      .then(() => toast(`已记下“${this.#query}”没有找到，知识库编辑会看到。`))
      .catch(() => {});
  }
}
