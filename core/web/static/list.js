// Lists by keyboard: in a table with [data-list] the arrows go from row to row, Home and End to the ends, Enter opens.
document.addEventListener("keydown", (event) => {
  const table = event.target.closest("[data-list]");
  const link = event.target.closest("[data-list] tbody a");
  if (!table || event.altKey || event.ctrlKey || event.metaKey) return;
  const links = [...table.querySelectorAll("tbody tr")].map((row) => row.querySelector("a")).filter(Boolean);
  const row = link?.closest("tr");
  const at = links.findIndex((one) => one.closest("tr") === row);
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: links.length - 1 }[event.key];
  if (to === undefined || !links.length) return;
  event.preventDefault();
  links[Math.max(0, Math.min(to, links.length - 1))].focus();
});
