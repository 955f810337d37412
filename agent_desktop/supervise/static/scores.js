// The scores: one click opens the player at the foot of the page and plays from where the rated side begins.
import { Player } from "./player.js";

const plays = JSON.parse(document.getElementById("plays").textContent);
const dock = document.getElementById("dock");
const part = (name) => dock.querySelector(`[data-dock="${name}"]`);
let player;
let opener;

function open(button) {
  const { data, at_ms: at, title, link } = plays[Number(button.dataset.listen)];
  player?.audio.pause();
  const markup = document.getElementById(`player-${data.channels}`).content.cloneNode(true);
  part("player").replaceChildren(markup);
  part("title").textContent = title;
  part("link").href = link;
  dock.hidden = false;
  player = new Player(part("player").firstElementChild, data);
  player.playAt(at);
  opener = button;
  part("player").querySelector('[data-do="play"]').focus();
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-listen]");
  if (button) open(button);
});
part("close").addEventListener("click", () => {
  player?.audio.pause();
  dock.hidden = true;
  opener?.focus();
});
