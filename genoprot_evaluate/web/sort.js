"use strict";
for (const table of document.querySelectorAll("table")) {
  const body = table.tBodies[0];
  const key = (row, place) => {
    const cell = row.cells[place];
    if (!("value" in cell.dataset)) return cell.textContent.trim();
    return cell.dataset.value === "" ? null : Number(cell.dataset.value);
  };
  const compare = (first, second) =>
    typeof first === "string" ? first.localeCompare(second, "en", { numeric: true }) : first - second;
  for (const head of table.querySelectorAll("th[data-sort]")) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "sort";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const place = head.cellIndex;
      const numbers = [...body.rows].some((row) => "value" in row.cells[place].dataset);
      const before = head.getAttribute("aria-sort");
      const rising = before === null ? !numbers : before === "descending";
      for (const other of table.querySelectorAll("[aria-sort]")) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", rising ? "ascending" : "descending");
      const keyed = [...body.rows].map((row) => [key(row, place), row]);
      keyed.sort(([first], [second]) => {
        if (first === null || second === null) return (first === null) - (second === null);
        return rising ? compare(first, second) : compare(second, first);
      });
      body.append(...keyed.map(([, row]) => row));
    });
  }
}
