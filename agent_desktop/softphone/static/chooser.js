// A text field with a list under it (组合框): arrows move, Enter chooses, by the ARIA combobox pattern.
//
// `source(query)` gives the items, `draw(item)` the content of one line, `choose(item, event)` what Enter or a click
// does. A list that is always there (`popup: false`) keeps its choice; a popup opens while typing and closes after.
let serial = 0;

export class Chooser {
  #items = [];
  #at = -1;
  #asked = 0;
  #stale = false;

  constructor(input, list, { source, draw, choose, moved = () => {}, popup = false, delayMs = 0 }) {
    Object.assign(this, { input, list, source, draw, choose, moved, popup, delayMs });
    this.id = `chooser-${++serial}`;
    input.addEventListener("input", () => this.#later());
    input.addEventListener("keydown", (event) => this.#key(event));
    list.addEventListener("mousedown", (event) => event.preventDefault());
    list.addEventListener("click", (event) => {
      const line = event.target.closest("[role=option]");
      if (line) this.#click(Number(line.dataset.at), event);
    });
    if (popup) input.addEventListener("blur", () => this.close());
  }

  get chosen() {
    return this.#items[this.#at] ?? null;
  }

  get items() {
    return this.#items;
  }

  /** Ask the source again and show what it gives. */
  async refresh() {
    const asked = ++this.#asked;
    const items = await this.source(this.input.value.trim());
    if (asked !== this.#asked || items === null) return;
    this.#stale = false;
    const before = this.chosen?.key;
    this.#items = items;
    const kept = items.findIndex((item) => item.key !== undefined && item.key === before);
    this.#show();
    this.#move(kept >= 0 ? kept : this.popup || !items.length ? -1 : 0, { scroll: kept < 0 });
  }

  close() {
    this.#asked++;
    this.#stale = false;
    clearTimeout(this.timer);
    if (!this.popup) return;
    this.list.hidden = true;
    this.input.setAttribute("aria-expanded", "false");
    this.#move(-1);
  }

  #later() {
    this.#stale = true;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.refresh(), this.delayMs);
  }

  #show() {
    this.list.replaceChildren(...this.#items.map((item, at) => this.#line(item, at)));
    if (!this.popup) return;
    this.list.hidden = this.#items.length === 0;
    this.input.setAttribute("aria-expanded", String(this.#items.length > 0));
  }

  #line(item, at) {
    const line = document.createElement("li");
    line.id = `${this.id}-${at}`;
    line.dataset.at = at;
    line.setAttribute("role", "option");
    line.setAttribute("aria-selected", "false");
    line.append(...[this.draw(item)].flat());
    return line;
  }

  #move(at, { scroll = true } = {}) {
    this.list.querySelector('[aria-selected="true"]')?.setAttribute("aria-selected", "false");
    this.#at = at;
    const line = at >= 0 ? this.list.children[at] : null;
    line?.setAttribute("aria-selected", "true");
    if (scroll) line?.scrollIntoView({ block: "nearest" });
    if (line) this.input.setAttribute("aria-activedescendant", line.id);
    else this.input.removeAttribute("aria-activedescendant");
    this.moved(this.chosen);
  }

  // A key that comes before the list has caught up with the text waits for it: Enter must never mean an older line.
  async #settled() {
    clearTimeout(this.timer);
    for (let tries = 0; this.#stale && tries < 5; tries++) await this.refresh();
    return !this.#stale;
  }

  #key(event) {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      this.#settled().then((ready) => ready && this.#step(event.key === "ArrowDown" ? 1 : -1));
    } else if (event.key === "Enter" && !event.isComposing) {
      event.preventDefault();
      event.stopPropagation();
      this.#settled().then((ready) => ready && this.#enter(event));
    } else if (event.key === "Escape" && this.popup && !this.list.hidden) {
      event.preventDefault();
      this.close();
    }
  }

  #step(by) {
    const last = this.#items.length - 1;
    const next = this.#at + by;
    if (last < 0 || this.list.hidden) this.refresh();
    else this.#move(next > last ? 0 : next < 0 ? last : next);
  }

  #enter(event) {
    const item = this.chosen ?? (this.popup && this.#items.length === 1 ? this.#items[0] : null);
    if (item) this.choose(item, event);
    if (this.popup) this.close();
  }

  #click(at, event) {
    this.#move(at);
    if (this.popup || event.detail > 1 || !this.choosesOnDoubleClick) this.choose(this.#items[at], event);
    if (this.popup) this.close();
  }
}

/** An element with a class and content (texts or elements). */
export function element(tag, className, ...content) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  made.append(...content.filter((part) => part !== null && part !== ""));
  return made;
}
