"use strict";
// The page says the same without this: it only finds rows, and opens what is folded before it is printed.
for (const matrix of document.querySelectorAll("[data-matrix]")) {
  const rows = [...matrix.querySelectorAll("tbody tr")];
  const search = matrix.querySelector("input");
  const action = matrix.querySelector("select");
  const count = matrix.querySelector("output");
  const show = () => {
    let shown = 0;
    for (const row of rows) {
      const named = row.cells[0].textContent.includes(search.value.trim());
      const acts = action.value === "" || row.querySelector(".act-" + action.value) !== null;
      row.hidden = !(named && acts);
      shown += row.hidden ? 0 : 1;
    }
    count.textContent = shown + " of " + rows.length + " calls";
  };
  search.addEventListener("input", show);
  action.addEventListener("input", show);
  matrix.querySelector(".controls").hidden = false;
  show();
}
addEventListener("beforeprint", () => {
  for (const folded of document.querySelectorAll("details")) folded.open = true;
});
