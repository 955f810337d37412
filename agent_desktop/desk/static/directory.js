// Units and their liaisons (单位通讯录): looked up by name, code or person; Enter consults, Ctrl+Enter transfers blind.
// Places (办事场所) are found by name, service or unit, to be told to the caller; nobody is transferred to a place.
import { follow } from "/static/core/changes.js";
import { get, post } from "/static/core/http.js";
import { Chooser, element } from "/static/softphone/chooser.js";

const $ = (id) => document.getElementById(id);
const SHOWN = 40;

export class Directory {
  units = [];
  places = [];
  #present = new Set();

  constructor(desk, { toAgent }) {
    Object.assign(this, { desk, toAgent });
    this.chooser = new Chooser($("dir-q"), $("dir-list"), {
      source: (query) => this.#match(query),
      draw: (line) => this.#draw(line),
      choose: (line, event) => this.#transfer(line, event.ctrlKey ? "blind" : "consult", event),
      moved: () => this.#buttons(),
    });
    this.chooser.choosesOnDoubleClick = true;
    $("dir-consult").addEventListener("click", () => this.#transfer(this.chooser.chosen, "consult"));
    $("dir-agent").addEventListener("click", () => this.toAgent(this.chooser.chosen.place));
    $("dir-blind").addEventListener("click", () => this.#transfer(this.chooser.chosen, "blind"));
    follow(["directory"], () => this.#load());
    this.#load();
  }

  show(state) {
    const present = state.present.join(" ");
    if (present !== this.presentText) {
      this.presentText = present;
      this.#present = new Set(state.present);
      this.chooser.refresh();
    }
    this.#buttons();
  }

  /** Reachable by the telephone on the desk or in the browser. */
  reachable(liaison) {
    const { extension } = liaison;
    return Boolean(extension) && (this.#present.has(extension) || this.#present.has(`w${extension}`));
  }

  async #load() {
    const { units, places } = await get("/desk/directory");
    this.units = units;
    this.places = places;
    this.chooser.refresh();
  }

  #match(query) {
    const words = query.toLowerCase();
    const fits = (unit) => !words || `${unit.code} ${unit.name} ${unit.short} ${unit.liaisons.map((l) => l.name).join(" ")}`.toLowerCase().includes(words);
    const holds = (place) => words && [place.name, place.region, ...place.services, ...place.units].join(" ").toLowerCase().includes(words);
    const places = this.places.filter(holds).map((place) => ({ key: `p${place.id}`, place }));
    const units = this.units
      .filter(fits)
      .flatMap((unit) => [{ key: `u${unit.id}`, unit }, ...unit.liaisons.map((liaison) => ({ key: `u${unit.id}l${liaison.id}`, unit, liaison }))]);
    return [...units, ...places].slice(0, SHOWN);
  }

  #draw({ unit, liaison, place }) {
    if (place) return [element("span", "chip info", place.kind), element("strong", "grow", place.name), element("span", "hint", place.region)];
    if (!liaison) {
      const chip = unit.connected ? null : element("span", "chip warn", "未开通");
      return [element("span", "code", unit.code), element("strong", "grow", unit.name), ...(chip ? [chip] : []), element("span", "hint", unit.region)];
    }
    const [kind, text] = liaison.on_leave
      ? ["warn", "休假"]
      : this.reachable(liaison)
        ? ["ok", "在线"]
        : ["", liaison.outside ? "外线" : "不在线"];
    const role = liaison.backup ? "后备" : "联络员";
    return [element("span", "indent", liaison.name), element("span", "hint grow", role), element("span", `chip dot ${kind}`, text)];
  }

  #buttons() {
    const line = this.chooser?.chosen;
    const agent = this.desk.state?.agent?.state;
    const can = Boolean(line?.unit) && agent === "talking" && !line.liaison?.on_leave;
    this.canTransfer = can;
    $("dir-consult").disabled = !can;
    $("dir-blind").disabled = !can;
    $("dir-agent").hidden = !line?.place?.agents_unit_id;
    const at = line?.unit ?? line?.place;
    const more = line?.place ? [line.place.contact, line.place.services.join("、")] : [];
    $("dir-note").textContent = at ? [at.hours, at.phones.join("、"), at.address, ...more].filter(Boolean).join(" · ") : "";
  }

  #transfer(line, action) {
    if (!line?.unit || !this.canTransfer) return;
    const fields = { action, unit_id: line.unit.id, liaison_id: line.liaison?.id ?? null };
    post("/desk/call", fields).catch(() => {});
  }
}
