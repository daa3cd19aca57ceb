// The table.
const source = URL.createObjectURL(new Blob([TABLE_SCRIPT], { type: "text/javascript" }));
const { default: DataTable } = await import(source);
const strands = [...new Set(effects.strand)].sort();
const grouped = effects.n_models.some((n) => n > 1);
const tableRows = () => {
  const view = Number(byId("view").value);
  return [...rows[view].keys()].sort((a, b) => a - b).map((i) => {
    const row = strongest(view, i);
    const significant = isSignificant(view, i);
    const byStrand = Object.fromEntries(strandsOf(view, i).map(({ strand, effect }) => [strand, effect]));
    return { ...row, ...byStrand, element: elements[i], i, verdict: verdictOf(significant) };
  });
};
const numeric = (name, title, more = {}) => ({
  title,
  data: (row, type) => (type === "display" ? number(row[name]) : row[name] ?? (type === "sort" ? -Infinity : "")),
  type: "num",
  ...more,
});
const table = new DataTable("#table", {
  data: tableRows(),
  deferRender: true,
  pageLength: 25,
  order: [[4, "desc"]],
  layout: { topStart: "pageLength", topEnd: ["search", { buttons: [{ extend: "csvHtml5", text: "Download CSV", filename: facts.screen, exportOptions: { modifier: { search: "applied", order: "applied" }, orthogonal: "export", columns: ":not(.logo-column)" } }] }] },
  columns: [
    { title: "Logo", data: (row, type) => (type === "display" ? logo(row.element) : row.element.sequence), orderable: false, className: "logo-column" },
    { title: "Name", data: (row, type) => (type === "display" ? `<button class="link" data-element="${row.i}">${escaped(short(row.element.name))}</button>` : row.element.name) },
    { title: "Kind", name: "kind", data: "element.kind" },
    { title: "Family", data: (row) => escaped(row.element.family || "") },
    { title: "Effect", data: (row, type) => (type === "display" || type === "export" ? number(row.effect) : distance(row.view, row)), type: "num" },
    { title: "95 %", data: (row) => (row.low === null ? "" : `${number(row.low)} to ${number(row.high)}`), orderable: false },
    ...(strands.length > 1 ? strands.map((strand) => numeric(strand, `strand ${strand}`)) : []),
    numeric("z", "z"),
    numeric("q", "q"),
    { title: "Verdict", name: "verdict", data: "verdict" },
    ...(grouped ? [{ title: "Folds agree", data: (row) => (row.n_models > 1 ? `${row.agree} of ${row.n_models}` : "") }] : []),
    { title: "Sequence", data: "element.sequence", visible: false },
  ],
});
const refilter = () => {
  table.column("kind:name").search(byId("kind").value, { exact: true });
  table.column("verdict:name").search(byId("verdict").value, { exact: true }).draw();
};
byId("kind").addEventListener("change", refilter);
byId("verdict").addEventListener("change", refilter);
byId("view").addEventListener("change", () => table.clear().rows.add(tableRows()).draw());
byId("table").addEventListener("click", (event) => {
  const button = event.target.closest("button[data-element]");
  if (button) open(Number(button.dataset.element), Number(byId("view").value));
});
