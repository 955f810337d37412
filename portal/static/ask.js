// Similar answers while the question is typed, and a send button that is pressed once.
const question = document.querySelector("#question");
const similar = document.querySelector("#similar");
const PAUSE_MS = 600;
let timer = 0;
let asked = "";

async function look() {
  const text = question.value.trim().slice(0, 100);
  if (text.length < 4 || text === asked) return;
  asked = text;
  const response = await fetch(`/ask/similar?q=${encodeURIComponent(text)}`, { headers: { Accept: "text/html" } });
  if (response.ok && text === asked) similar.innerHTML = await response.text();
}

if (question && similar) {
  question.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(look, PAUSE_MS);
  });
}

for (const form of document.querySelectorAll("form[data-once]")) {
  form.addEventListener("submit", () => {
    for (const button of form.querySelectorAll("button")) setTimeout(() => { button.disabled = true; });
  });
}
addEventListener("pageshow", (event) => {
  if (event.persisted) for (const button of document.querySelectorAll("form[data-once] button")) button.disabled = false;
});
