// Empty items stay folded until they are wanted, fields of one kind hidden with the others; the slip gets its print button.
const items = [...document.querySelectorAll("[data-item]")];
const more = document.querySelector("#more");

function fold() {
  const used = items.filter((item) => [...item.querySelectorAll("textarea")].some((field) => field.value)).length;
  const shown = Math.max(1, used);
  items.forEach((item, index) => { item.hidden = index >= shown; });
  more.hidden = shown >= items.length;
}

if (more) {
  fold();
  more.addEventListener("click", () => {
    const next = items.find((item) => item.hidden);
    next.hidden = false;
    next.querySelector("textarea").focus();
    more.hidden = !items.some((item) => item.hidden);
  });
}
// What one kind alone asks for shows with that kind.
const kinds = [...document.querySelectorAll("input[name=kind]")];

function showOfKind() {
  const chosen = kinds.find((kind) => kind.checked)?.value;
  for (const field of document.querySelectorAll("[data-of]")) field.hidden = field.dataset.of !== chosen;
}

for (const kind of kinds) kind.addEventListener("change", showOfKind);
showOfKind();
for (const button of document.querySelectorAll("[data-print]")) {
  button.hidden = false;
  button.addEventListener("click", () => window.print());
}
