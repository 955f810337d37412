// The touch keyboard: pinyin with candidates, latin letters, digits. Types into the field that was touched last.
import { candidates, prepared } from "./pinyin.js";

const ROWS = ["1234567890", "qwertyuiop", "asdfghjkl", "zxcvbnm"];
const SHOWN = 9;

export class Keyboard {
  constructor(place, table) {
    this.place = place;
    this.table = prepared(table);
    this.spelled = "";
    this.page = 0;
    this.chinese = true;
    this.field = null;
    this.build();
    document.addEventListener("focusin", (event) => this.follow(event.target));
  }

  build() {
    this.bar = Object.assign(document.createElement("div"), { className: "candidates" });
    this.bar.setAttribute("aria-live", "polite");
    this.place.append(this.bar);
    for (const row of ROWS) {
      const line = Object.assign(document.createElement("div"), { className: "keys" });
      for (const key of row) line.append(this.key(key, () => this.press(key)));
      if (row === ROWS.at(-1)) line.append(this.key("退格", () => this.erase(), "wide"));
      this.place.append(line);
    }
    const last = Object.assign(document.createElement("div"), { className: "keys" });
    this.mode = this.key("中文", () => this.turn(), "wide");
    last.append(this.mode, this.key("空格", () => this.space(), "space"), this.key("，", () => this.put("，")), this.key("？", () => this.put("？")), this.key("收起", () => this.hide(), "wide"));
    this.place.append(last);
  }

  key(label, act, kind = "") {
    const button = Object.assign(document.createElement("button"), { type: "button", textContent: label, className: `key ${kind}` });
    button.addEventListener("pointerdown", (event) => event.preventDefault()); // the field keeps the focus
    button.addEventListener("click", act);
    return button;
  }

  follow(target) {
    if (!target.dataset || !("typed" in target.dataset)) return; // it stays: a page that moves under a finger misses its button
    this.field = target;
    this.clear();
    this.place.hidden = false;
    document.body.classList.add("typing");
    target.scrollIntoView({ block: "center" });
  }

  hide() {
    this.place.hidden = true;
    document.body.classList.remove("typing");
    this.clear();
  }

  press(key) {
    if (/[a-z]/.test(key) && this.chinese && this.field.dataset.typed !== "digits") {
      this.spelled = (this.spelled + key).slice(0, 30);
      this.page = 0;
      this.show();
    } else this.put(key);
  }

  space() {
    if (this.spelled) this.choose(candidates(this.table, this.spelled)[0]);
    else this.put(" ");
  }

  erase() {
    if (this.spelled) {
      this.spelled = this.spelled.slice(0, -1);
      this.show();
      return;
    }
    const field = this.field;
    const { selectionStart: start, selectionEnd: end } = field;
    field.setRangeText("", start === end ? Math.max(0, start - 1) : start, end, "end");
    field.dispatchEvent(new Event("input", { bubbles: true }));
  }

  turn() {
    this.chinese = !this.chinese;
    this.mode.textContent = this.chinese ? "中文" : "英文";
    this.clear();
  }

  choose(candidate) {
    if (!candidate) return;
    this.put(candidate.text);
    this.spelled = this.spelled.slice(candidate.used);
    this.page = 0;
    this.show();
  }

  put(text) {
    const field = this.field;
    if (field.maxLength > 0 && field.value.length + text.length > field.maxLength) return;
    field.setRangeText(text, field.selectionStart, field.selectionEnd, "end");
    field.dispatchEvent(new Event("input", { bubbles: true }));
  }

  clear() {
    this.spelled = "";
    this.show();
  }

  show() {
    this.field?.dispatchEvent(new Event("input", { bubbles: true })); // letters that wait for a character count as typed
    const found = candidates(this.table, this.spelled);
    const from = this.page * SHOWN;
    const letters = Object.assign(document.createElement("span"), { className: "spelled", textContent: this.spelled || "\u00a0" });
    const buttons = found.slice(from, from + SHOWN).map((one) => this.key(one.text, () => this.choose(one), "candidate"));
    if (found.length > from + SHOWN) buttons.push(this.key("更多", () => { this.page += 1; this.show(); }, "candidate"));
    else if (this.page) buttons.push(this.key("回到前面", () => { this.page = 0; this.show(); }, "candidate"));
    this.bar.replaceChildren(letters, ...buttons);
  }
}
