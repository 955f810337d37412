// The knowledge base beside the call (知识库检索): suggestions while typing, Enter writes the answer into the ticket.
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

export class Search {
  #running = null;
  #query = "";

  /** `insert(hit)`: write it into the ticket, false when there is none; `ticketNo()`: that ticket's number. */
  constructor({ insert, ticketNo }) {
    this.insert = insert;
    this.ticketNo = ticketNo;
    this.chooser = new Chooser($("kb-q"), $("kb-list"), {
      delayMs: 30,
      source: (query) => this.#find(query),
      draw: (hit) => this.#draw(hit),
      choose: (hit) => this.#choose(hit),
    });
    this.chooser.refresh();
    $("kb-none").addEventListener("click", () => this.#notFound());
  }

  /** A new caller: start with an empty search. */
  focusForNewCall() {
    $("kb-q").value = "";
    this.chooser.refresh();
    if (document.activeElement === document.body || document.activeElement === $("answer")) $("f-question").focus();
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
    try {
      const { items } = await get(`/desk/kb?q=${encodeURIComponent(query)}`, { signal: this.#running.signal, quiet: true });
      $("kb-state").textContent = items.length ? `${items.length} 条` : "没有相符的内容";
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
    const entry = await get(`/desk/kb/${hit.id}`).catch(() => null);
    if (!entry || !this.insert(entry)) return;
    post("/desk/kb/chosen", { query: this.#query, entry_id: hit.id, ticket_no: this.ticketNo() }, { quiet: true }).catch(() => {});
    toast(`已写入答复：${hit.title}`);
    $("f-answer").focus();
  }

  #notFound() {
    post("/desk/kb/not-found", { query: this.#query })
      .then(() => toast(`已记下“${this.#query}”没有找到，知识库编辑会看到。`))
      .catch(() => {});
  }
}
