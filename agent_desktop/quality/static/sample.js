// The page of one drawn talk: its player, and the sum of what is being graded.
import { Player } from "/static/supervise/player.js";

const data = JSON.parse(document.getElementById("player-data")?.textContent ?? "null");
if (data) new Player(document.querySelector(`[data-player="${CSS.escape(data.id)}"]`), data);

const form = document.getElementById("grading");
const sum = document.getElementById("sum");

/** Points over the points that could be had, questions left empty apart, as the server reckons. */
function reckon() {
  let given = 0;
  let possible = 0;
  for (const field of form.querySelectorAll("input[data-weight]")) {
    if (field.value === "" || !field.checkValidity()) continue;
    given += Number(field.value);
    possible += Number(field.dataset.weight);
  }
  sum.textContent = possible ? ((given * 100) / possible).toFixed(2) : "—";
}

if (form) {
  form.addEventListener("input", reckon);
  reckon();
}
