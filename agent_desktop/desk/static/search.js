// The knowledge base beside the call (知识库检索): suggestions while typing, Enter writes the answer into the ticket.
//
// The desk and the liaison's page show it alike (`desk/search.html`); what has expired is shown and never written.
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

export class Search {
  #running = null;
  #query = "";

  /** `insert(entry)`: write it into the ticket, false when there is none; `ticketNo()`: that ticket's number;
   *  `answer`: the field that is written into, and has the cursor afterwards. */
  constructor({ insert, ticketNo, answer }) {
    Object.assign(this, { insert, ticketNo, answer });
    this.chooser = new Chooser($("kb-q"), $("kb-list"), {
      delayMs: 30,
      source: (query) => this.#find(query),
      draw: (hit) => this.#draw(hit),
      choose: (hit) => this.#choose(hit),
    });
    this.chooser.refresh();
    $("kb-filters").addEventListener("input", () => this.chooser.refresh());
    $("kb-none").addEventListener("click", () => this.#notFound());
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
    const head = element("span", "result-head", title, ...(expired ? [expired] : []));
    return [head, marked("span", hit.snippet, hit.snippet_marks, "result-text"), element("span", "hint", hit.unit ?? "")];
  }

  async #choose(hit) {
    const query = this.#query;
    const entry = await get(`/desk/kb/${hit.id}`).catch(() => null);
    if (!entry) return;
    if (!entry.valid) return toast(`《${entry.title}》已过有效期，没有写入答复，请向单位核实。`, "warn");
    if (!this.insert({ ...entry, answer: entry.answer || listed(entry.details ?? {}) })) return;
    post("/desk/kb/chosen", { query, entry_id: entry.id, ticket_no: this.ticketNo() }, { quiet: true }).catch(() => {});
    toast(`已写入答复：${entry.title}`);
    this.answer.focus();
  }

  #notFound() {
    post("/desk/kb/not-found", { query: this.#query })
      .then(() => toast(`已记下“${this.#query}”没有找到，知识库编辑会看到。`))
      .catch(() => {});
  }
}
