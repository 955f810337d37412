// The ring (振铃): a soft double tone made by WebAudio, so that no sound file is needed.
let context = null;

function audioContext() {
  context ??= new AudioContext();
  if (context.state === "suspended") context.resume().catch(() => {});
  return context;
}

export class Ring {
  #timer = null;

  get ringing() {
    return this.#timer !== null;
  }

  /** Start or stop; the same value twice changes nothing. */
  set(on) {
    if (on === this.ringing) return;
    if (!on) {
      clearInterval(this.#timer);
      this.#timer = null;
      return;
    }
    this.#burst();
    this.#timer = setInterval(() => this.#burst(), 2600);
  }

  #burst() {
    const audio = audioContext();
    for (const [start, pitch] of [[0, 660], [0.28, 880], [0.7, 660], [0.98, 880]]) {
      const tone = audio.createOscillator();
      const level = audio.createGain();
      const at = audio.currentTime + start;
      tone.frequency.value = pitch;
      level.gain.setValueAtTime(0, at);
      level.gain.linearRampToValueAtTime(0.16, at + 0.02);
      level.gain.exponentialRampToValueAtTime(0.001, at + 0.26);
      tone.connect(level).connect(audio.destination);
      tone.start(at);
      tone.stop(at + 0.28);
    }
  }
}

/** A short tone for each key of the keypad, as on any telephone. */
export function keyTone(key) {
  const rows = { 1: 697, 2: 697, 3: 697, 4: 770, 5: 770, 6: 770, 7: 852, 8: 852, 9: 852, "*": 941, 0: 941, "#": 941 };
  const columns = { 1: 1209, 4: 1209, 7: 1209, "*": 1209, 2: 1336, 5: 1336, 8: 1336, 0: 1336, 3: 1477, 6: 1477, 9: 1477, "#": 1477 };
  const audio = audioContext();
  const level = audio.createGain();
  level.gain.value = 0.06;
  level.connect(audio.destination);
  for (const pitch of [rows[key], columns[key]]) {
    const tone = audio.createOscillator();
    tone.frequency.value = pitch;
    tone.connect(level);
    tone.start();
    tone.stop(audio.currentTime + 0.12);
  }
}
