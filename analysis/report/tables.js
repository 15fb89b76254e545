// Tables are sorted by the buttons in their headers. What is unknown comes last, in either direction.

function setUpTable(table) {
  const headers = [...table.tHead.rows[0].cells];
  const body = table.tBodies[0];
  const rows = [...body.rows];
  const compareTexts = new Intl.Collator("en", { numeric: true }).compare;

  function sortBy(column) {
    const direction = headers[column].getAttribute("aria-sort") === "ascending" ? "descending" : "ascending";
    for (const header of headers) header.setAttribute("aria-sort", "none");
    headers[column].setAttribute("aria-sort", direction);
    const sign = direction === "ascending" ? 1 : -1;
    const isNumeric = headers[column].classList.contains("numeric");
    const keys = new Map(
      rows.map((row) => {
        const cell = row.cells[column];
        if (cell.hasAttribute("data-unknown")) return [row, null];
        return [row, isNumeric ? Number(cell.dataset.value) : cell.textContent.trim()];
      }),
    );
    const compare = isNumeric ? (a, b) => (a < b ? -1 : a > b ? 1 : 0) : compareTexts;
    const sorted = [...rows].sort((one, other) => {
      const [a, b] = [keys.get(one), keys.get(other)];
      if (a === null || b === null) return (a === null) - (b === null);
      return sign * compare(a, b);
    });
    body.append(...sorted);
  }

  headers.forEach((header, column) => header.querySelector("button").addEventListener("click", () => sortBy(column)));
}
