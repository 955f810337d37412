// One recording's player: asks permission for every play (one audit row each), then plays, seeks, mutes a side, notes.
import { get, post } from "/static/core/http.js";
import { span } from "/static/core/ui.js";
import { draw } from "./waveform.js";

const STEP_S = 5;
const PAGE_S = 30;
const SILENCES_SHOWN = 8;
let playing = null;

export class Player {
  /** `root`: the markup of parts.html; `data`: as `player_data` makes it; `onMove(ms after the call's beginning)`. */
  constructor(root, data, { onMove = () => {} } = {}) {
    this.root = root;
    this.data = data;
    this.onMove = onMove;
    this.audio = new Audio();
    this.audio.preload = "none";
    this.audio.preservesPitch = true;
    this.peaks = [];
    this.silences = [];
    this.muted = [false, false];
    this.position = 0; // ms, also before anything was loaded
    this.allowed = false;
    this.listen();
    this.root.inert = false;
    this.show();
    this.showNotes();
    this.loadPeaks();
  }

  part(name) {
    return this.root.querySelector(`[data-show="${name}"]`);
  }

  listen() {
    this.root.addEventListener("click", (event) => this.onClick(event));
    this.root.querySelector('select[data-do="speed"]').addEventListener("change", (event) => {
      this.audio.playbackRate = Number(event.target.value);
    });
    this.root.querySelector('form[data-do="note"]')?.addEventListener("submit", (event) => this.addNote(event));
    const wave = this.part("wave");
    wave.addEventListener("pointerdown", (event) => this.drag(event));
    wave.addEventListener("keydown", (event) => this.onKey(event));
    for (const name of ["play", "pause", "ended", "timeupdate", "seeked"]) {
      this.audio.addEventListener(name, () => this.follow(name));
    }
    this.audio.addEventListener("error", () => this.failed());
    new ResizeObserver(() => this.show()).observe(wave);
  }

  onClick(event) {
    const button = event.target.closest("button[data-do]");
    const action = button?.dataset.do;
    if (action === "play") this.toggle();
    if (action === "back") this.seek(this.position - STEP_S * 1000);
    if (action === "forward") this.seek(this.position + STEP_S * 1000);
    if (action === "mute") this.mute(button);
    if (action === "note-at") this.playAt(Number(button.dataset.at));
  }

  onKey(event) {
    const moves = { ArrowLeft: -STEP_S, ArrowRight: STEP_S, ArrowDown: -STEP_S, ArrowUp: STEP_S, PageDown: -PAGE_S, PageUp: PAGE_S };
    if (event.key === " ") this.toggle();
    else if (event.key === "Home") this.seek(0);
    else if (event.key === "End") this.seek(this.data.duration_ms);
    else if (event.key in moves) this.seek(this.position + moves[event.key] * 1000);
    else return;
    event.preventDefault();
  }

  drag(event) {
    const wave = this.part("wave");
    const go = (at) => {
      const box = wave.getBoundingClientRect();
      this.seek(((at.clientX - box.left) / box.width) * this.data.duration_ms);
    };
    wave.setPointerCapture(event.pointerId);
    wave.addEventListener("pointermove", go);
    wave.addEventListener("pointerup", () => wave.removeEventListener("pointermove", go), { once: true });
    go(event);
  }

  toggle() {
    if (this.audio.paused) return this.start();
    this.audio.pause();
  }

  playAt(ms) {
    this.seek(ms);
    return this.audio.paused ? this.start() : undefined;
  }

  /** From a standstill every start is a play of its own; only a pause in the middle goes on under the same permission. */
  async start() {
    if (playing && playing !== this) playing.audio.pause();
    playing = this;
    try {
      if (this.position >= this.data.duration_ms - 50) this.position = 0;
      if (!this.allowed) await this.askLeave();
      this.wire();
      await this.audio.play();
    } catch (error) {
      if (error.name !== "AbortError") this.fail(error.message);
    }
  }

  async askLeave() {
    const { src } = await post(`/supervise/recordings/${this.data.id}/play`, {}, { quiet: true });
    this.part("error").hidden = true;
    this.audio.src = src;
    this.audio.playbackRate = Number(this.root.querySelector('select[data-do="speed"]').value);
    this.allowed = true;
    const at = this.position;
    await new Promise((done, failed) => {
      this.audio.addEventListener("loadedmetadata", done, { once: true });
      this.audio.addEventListener("error", () => failed(new Error("录音没有取到，请重试。")), { once: true });
      this.audio.load();
    });
    this.audio.currentTime = at / 1000;
  }

  /** Each side through a volume of its own, both to both ears. */
  wire() {
    if (this.gains || this.data.channels < 2) return;
    const context = new AudioContext();
    const source = context.createMediaElementSource(this.audio);
    const splitter = context.createChannelSplitter(2);
    source.connect(splitter);
    this.gains = [0, 1].map((channel) => {
      const gain = context.createGain();
      gain.gain.value = this.muted[channel] ? 0 : 1;
      splitter.connect(gain, channel);
      gain.connect(context.destination);
      return gain;
    });
    this.audio.addEventListener("play", () => context.resume());
    context.resume();
  }

  mute(button) {
    const channel = Number(button.dataset.channel);
    this.muted[channel] = !this.muted[channel];
    button.setAttribute("aria-pressed", String(this.muted[channel]));
    if (this.gains) this.gains[channel].gain.value = this.muted[channel] ? 0 : 1;
    this.show();
  }

  seek(ms) {
    this.position = Math.max(0, Math.min(ms, this.data.duration_ms));
    if (this.allowed) this.audio.currentTime = this.position / 1000;
    this.show();
  }

  follow(what) {
    if (this.allowed && what !== "seeked") this.position = this.audio.currentTime * 1000;
    if (what === "ended") {
      this.allowed = false;
      this.position = this.data.duration_ms;
    }
    this.show();
  }

  failed() {
    if (!this.audio.src || !this.allowed) return;
    this.allowed = false;
    this.fail("录音没有取到，可能播放许可已过期，请重新点击播放。");
  }

  fail(text) {
    const box = this.part("error");
    box.textContent = text;
    box.hidden = false;
  }

  async loadPeaks() {
    try {
      const { peaks, silences } = await get(`/supervise/recordings/${this.data.id}/peaks`, { quiet: true });
      Object.assign(this, { peaks, silences });
      this.showSilences();
      this.show();
    } catch (error) {
      this.fail(error.message);
    }
  }

  show() {
    const total = this.data.duration_ms;
    const text = span(this.position / 1000);
    const wave = this.part("wave");
    this.part("now").textContent = text;
    this.part("total").textContent = span(total / 1000);
    this.part("play").textContent = this.audio.paused ? "播放" : "暂停";
    this.part("icon").textContent = this.audio.paused ? "▶" : "❚❚";
    const noteAt = this.part("note-at");
    if (noteAt) noteAt.textContent = text;
    wave.setAttribute("aria-valuemax", Math.round(total / 1000));
    wave.setAttribute("aria-valuenow", Math.round(this.position / 1000));
    wave.setAttribute("aria-valuetext", `${text}，共${span(total / 1000)}`);
    const wall = this.callMs(this.position);
    this.part("wall").textContent = wall === null ? "" : `（通话第 ${span(wall / 1000)}）`;
    const quiet = this.silences.map((times) => times.map((ms) => ms / total));
    const marks = this.data.notes.map((note) => note.offset_ms / total);
    draw(wave.querySelector("canvas"), this.peaks, { share: total ? this.position / total : 0, marks, muted: this.muted, quiet });
    this.root.dataset.position = Math.round(this.position);
    if (wall !== null) this.onMove(wall);
  }

  /** The moment of the call at a place of the sound, in ms after the call's beginning. */
  callMs(ms) {
    const found = this.data.spans.findLast(([place]) => place <= ms);
    return found ? found[1] + Math.min(ms - found[0], found[2]) : null;
  }

  /** The place of the sound at a moment of the call, or null when nothing was recorded then. */
  soundMs(callMs) {
    const found = this.data.spans.find(([, from, length]) => callMs >= from - 1000 && callMs < from + length);
    return found ? found[0] + Math.max(0, callMs - found[1]) : null;
  }

  async addNote(event) {
    event.preventDefault();
    const form = event.target;
    const body = { offset_ms: Math.round(this.position), text: form.elements.text.value };
    const { notes } = await post(`/supervise/recordings/${this.data.id}/notes`, body);
    this.data.notes = notes;
    form.reset();
    this.showNotes();
    this.show();
  }

  /** How often and how long nobody spoke; a press plays from there. */
  showSilences() {
    const length = (times) => times.reduce((sum, [from, to]) => sum + to - from, 0);
    const buttons = this.silences.slice(0, SILENCES_SHOWN).map(([from, to]) => {
      const button = Object.assign(document.createElement("button"), { type: "button", className: "button link small number" });
      Object.assign(button.dataset, { do: "note-at", at: from });
      button.textContent = `${span(from / 1000)}–${span(to / 1000)}`;
      button.setAttribute("aria-label", `从静默处${span(from / 1000)}播放`);
      return button;
    });
    const more = this.silences.length > SILENCES_SHOWN ? " 等" : "";
    const text = `静默（5 秒以上）${this.silences.length} 处，共 ${span(length(this.silences) / 1000)}：`;
    this.part("silences").replaceChildren(...(buttons.length ? [text, ...buttons, more] : ["没有 5 秒以上的静默。"]));
  }

  showNotes() {
    const items = this.data.notes.map((note) => {
      const item = document.createElement("li");
      const button = Object.assign(document.createElement("button"), { type: "button", className: "button small number" });
      button.dataset.do = "note-at";
      button.dataset.at = note.offset_ms;
      button.textContent = span(note.offset_ms / 1000);
      button.setAttribute("aria-label", `从${span(note.offset_ms / 1000)}播放`);
      item.append(button, ` ${note.text} `, Object.assign(document.createElement("span"), { className: "muted", textContent: `— ${note.author}` }));
      return item;
    });
    this.part("notes").replaceChildren(...items);
  }
}
