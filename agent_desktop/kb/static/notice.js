// Of a notice only the fields of its sort are shown; what was typed into the others stays and is not lost by a slip.
const sort = document.querySelector("#detail_notice");
const own = document.querySelectorAll("[data-notice]");

function show() {
  for (const field of own) field.hidden = field.dataset.notice !== sort.value;
}

sort.addEventListener("change", show);
show();
