// The page of one call: players, the drawing that follows them, and jumping from the drawing or the story to the sound.
import { Player } from "./player.js";

const lanes = document.getElementById("lanes");
const playhead = document.getElementById("playhead");
const story = document.getElementById("story");
const total = Number(lanes?.dataset.total ?? 0);
const players = JSON.parse(document.getElementById("players").textContent).map((data) => {
  const root = document.querySelector(`[data-player="${CSS.escape(data.id)}"]`);
  return new Player(root, data, { onMove: (ms) => follow(ms, root) });
});

function follow(ms, root) {
  if (!lanes || Number(root.dataset.position) === 0) return;
  const x = `${(ms / total) * 100}%`;
  playhead.setAttribute("x1", x);
  playhead.setAttribute("x2", x);
  playhead.setAttribute("visibility", "visible");
  let now = null;
  for (const item of story.querySelectorAll("li[data-at]")) if (Number(item.dataset.at) <= ms + 50) now = item;
  story.querySelector(".now")?.classList.remove("now");
  now?.classList.add("now");
}

/** Play whatever was recorded at this moment of the call; the talk before a consultation. */
function playMoment(ms) {
  for (const player of players) {
    const place = player.soundMs(ms);
    if (place !== null) return player.playAt(place);
  }
}

lanes?.addEventListener("click", (event) => {
  const box = lanes.getBoundingClientRect();
  playMoment(((event.clientX - box.left) / box.width) * total);
});

for (const item of story.querySelectorAll("li[data-at]")) {
  const ms = Number(item.dataset.at);
  if (!players.some((player) => player.soundMs(ms) !== null)) continue;
  const button = Object.assign(document.createElement("button"), { type: "button", className: "button link", textContent: "▶" });
  button.setAttribute("aria-label", `从${item.querySelector("time").textContent}播放`);
  button.addEventListener("click", () => playMoment(ms));
  item.append(button);
}

// the download leaves the page where it is, so its dialog has to go by itself
for (const form of document.querySelectorAll("dialog > form")) {
  form.addEventListener("submit", () => setTimeout(() => form.parentElement.close()));
}

// …?play=<recording>&at=<ms>: the list's own play button
const wanted = new URLSearchParams(location.search);
players.find((player) => player.data.id === wanted.get("play"))?.playAt(Number(wanted.get("at") ?? 0));
