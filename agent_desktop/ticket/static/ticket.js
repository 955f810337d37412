// A ticket's page: players, the whole number on request, printing, drafts kept in this browser, news while one types.
import { post } from "/static/core/http.js";
import { Player } from "/static/supervise/player.js";

const number = document.getElementById("ticket-no").textContent;
const players = JSON.parse(document.getElementById("players").textContent).map((data) => {
  const root = document.querySelector(`[data-player="${CSS.escape(data.id)}"]`);
  return new Player(root, data);
});

async function reveal(reason = "") {
  const found = await post(`/tickets/${number}/number`, { reason });
  document.getElementById("caller-number").textContent = found.caller;
  const back = document.getElementById("callback-number");
  if (back) back.textContent = found.callback;
  document.querySelector("[data-reveal]").hidden = true;
}

const asking = document.getElementById("reveal-dialog");
asking?.querySelector("form").addEventListener("submit", () => reveal(document.getElementById("reveal-reason").value).catch(() => {}));

document.addEventListener("click", (event) => {
  const play = event.target.closest("[data-play]");
  if (play) {
    const player = players.find((one) => one.data.id === play.dataset.play);
    player.root.scrollIntoView({ block: "nearest" });
    player.playAt(0);
  }
  const asked = event.target.closest("[data-reveal]");
  if (asked) asked.matches("[data-reason]") ? asking.showModal() : reveal().catch(() => {});
  if (event.target.closest("#print")) {
    document.querySelectorAll("details[id^=why]").forEach((item) => (item.open = true));
    print();
  }
});

// too large is said before anything is sent
document.getElementById("file")?.addEventListener("change", ({ target }) => {
  const most = Number(target.dataset.mostMb);
  const heavy = [...target.files].find((file) => file.size > most * 1024 * 1024);
  target.setCustomValidity(heavy ? `附件“${heavy.name}”超过 ${most} MB，请压缩或拆分后再上传。` : "");
  target.reportValidity();
});

// what is typed stays in this browser until it is sent, so that a call or a reload loses nothing
for (const form of document.querySelectorAll("form[data-keep]")) {
  const key = `ticket:${form.dataset.keep}`;
  const kept = JSON.parse(localStorage.getItem(key) || "{}");
  for (const [name, text] of Object.entries(kept)) {
    const field = form.elements[name];
    if (field && !field.value) field.value = text;
  }
  if (Object.keys(kept).length) form.closest("details")?.setAttribute("open", "");
  form.addEventListener("input", () => {
    const texts = [...form.querySelectorAll("textarea, input[type=text]")].filter((field) => field.value);
    localStorage.setItem(key, JSON.stringify(Object.fromEntries(texts.map((field) => [field.name, field.value]))));
  });
  form.addEventListener("submit", () => localStorage.removeItem(key));
}

// the trail follows by itself; the forms do not, so say that they are older than it
document.getElementById("ticket-trail").addEventListener("refreshed", () => {
  document.getElementById("grown").hidden = false;
});
