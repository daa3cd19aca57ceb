// Tables that are sorted, searched and downloaded. Beside each column, what it means.
const source = URL.createObjectURL(new Blob([TABLE_SCRIPT], { type: "text/javascript" }));
const { default: DataTable } = await import(source);
// What a column of numbers has, which sorts and is downloaded by its values. `display` writes them.
const ofNumbers = (valueOf, display = number) => ({
  data: (row, type) => (type === "display" ? display(valueOf(row)) : valueOf(row) ?? (type === "sort" ? -Infinity : "")),
  type: "num",
});
const numeric = (name, title, about, display = number, more = {}) => ({ title, about, ...ofNumbers((row) => row[name], display), ...more });
const SEARCHED = ["Name", "Family"];
const layoutOf = (filename) => ({
  topStart: "pageLength",
  topEnd: ["search", { buttons: [
    { extend: "colvis", text: "Columns", columns: ":not(.kept)" },
    { extend: "csvHtml5", text: "Download CSV", filename, exportOptions: { modifier: { search: "applied", order: "applied" }, orthogonal: "export", columns: ":not(.no-export)" } },
  ] }],
});
function tableOf(id, filename, of, data, order, search = "Search names and families") {
  const made = new DataTable(id, {
    data,
    deferRender: true,
    autoWidth: false,
    pageLength: 25,
    order: order ? [[of.findIndex(({ title }) => title === order), "desc"]] : [],
    language: { search },
    layout: layoutOf(filename),
    columns: of.map(({ about, ...column }) => ({ ...column, searchable: SEARCHED.includes(column.title) })),
  });
  of.forEach(({ about }, i) => Object.assign(made.column(i).header().dataset, { about }));
  return made;
}
