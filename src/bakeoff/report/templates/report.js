// Sort a table by a column: click or press Enter on its heading; empty cells stay last.
document.querySelectorAll("table.sortable").forEach((table) => {
  const body = table.tBodies[0];
  table.querySelectorAll("thead th").forEach((heading, column) => {
    const button = heading.querySelector("button");
    if (!button) return;
    button.addEventListener("click", () => {
      const rising = heading.getAttribute("aria-sort") === "descending";
      table.querySelectorAll("thead th").forEach((other) => other.removeAttribute("aria-sort"));
      heading.setAttribute("aria-sort", rising ? "ascending" : "descending");
      const rows = Array.from(body.rows);
      const key = (row) => row.cells[column].dataset.value ?? row.cells[column].textContent.trim();
      const numeric = heading.dataset.kind === "number";
      rows.sort((one, two) => {
        const a = key(one), b = key(two);
        if (a === "" || b === "") return (a === "") - (b === "");
        const order = numeric ? Number(a) - Number(b) : a.localeCompare(b);
        return rising ? order : -order;
      });
      rows.forEach((row) => body.appendChild(row));
    });
  });
});

// Leaderboard rows on the Pareto front: of those at the verdict's budget, no other is as good in both and better in one.
(() => {
  const box = document.querySelector(".filter"), table = document.querySelector("table.leaderboard");
  if (!box || !table) return;
  const [only, against, status] = [".pareto", ".against", "[role=status]"].map((name) => box.querySelector(name));
  const apply = () => {
    const rows = Array.from(table.tBodies[0].rows), takes = against.value;
    const known = rows.filter((row) => "now" in row.dataset && row.dataset.score !== "" && row.dataset[takes] !== "")
      .map((row) => ({ row, score: Number(row.dataset.score), takes: Number(row.dataset[takes]) }));
    const front = new Set(known.filter((one) => !known.some((other) => other.score >= one.score && other.takes <= one.takes
      && (other.score > one.score || other.takes < one.takes))).map((one) => one.row));
    rows.forEach((row) => { row.hidden = only.checked && !front.has(row); });
    against.disabled = !only.checked;
    status.textContent = only.checked ? front.size + " of " + known.length + " contenders" : "";
  };
  [only, against].forEach((control) => control.addEventListener("change", apply));
  box.hidden = false;
  apply();
})();

// One chart of score against something at a time; without a script, and in print, all of them.
(() => {
  const box = document.querySelector(".fronts");
  if (!box) return;
  const buttons = Array.from(box.querySelectorAll("button")), figures = Array.from(box.querySelectorAll("figure"));
  const choose = (name) => {
    buttons.forEach((button) => button.setAttribute("aria-pressed", String(button.dataset.front === name)));
    figures.forEach((figure) => figure.classList.toggle("aside", figure.dataset.front !== name));
  };
  buttons.forEach((button) => button.addEventListener("click", () => choose(button.dataset.front)));
  box.querySelector(".controls").hidden = buttons.length < 2;
  if (buttons.length) choose(buttons[0].dataset.front);
})();

// What is wider than its place can be scrolled with the keyboard, and has its section's name.
(() => {
  const boxes = Array.from(document.querySelectorAll(".scroll, figure, pre"));
  const reach = () => boxes.forEach((box, at) => {
    if (box.scrollWidth <= box.clientWidth) {
      if (box.getAttribute("tabindex") === "0" && box.dataset.reached) box.removeAttribute("tabindex");
      return;
    }
    box.tabIndex = 0;
    box.dataset.reached = "yes";
    if (box.hasAttribute("aria-label")) return;
    const heading = box.closest("section")?.querySelector("h2");
    box.setAttribute("role", "region");
    box.setAttribute("aria-label", (heading ? heading.textContent : "Table") + ", part " + (at + 1));
  });
  reach();
  window.addEventListener("resize", reach);
})();

// Paper cannot open what is folded: figures are unfolded while the page is printed.
(() => {
  const folded = () => Array.from(document.querySelectorAll("details.figures:not([open])"));
  let opened = [];
  window.addEventListener("beforeprint", () => { opened = folded(); opened.forEach((one) => { one.open = true; }); });
  window.addEventListener("afterprint", () => { opened.forEach((one) => { one.open = false; }); });
})();
