// The table of elements: what each screen says of one, and what became of the first's verdict in the others.
const ONLY = (row) => {
  const has = screens.filter((_, s) => row.screened[s]).map(({ name }) => name);
  return has.length < screens.length ? `in ${has.join(" and ")} alone` : row.own.some(({ effect }) => effect === null) ? "at other places" : "no verdict";
};
const toldChange = (row, k) => (row.against[k].change === "not comparable" ? `not comparable: ${ONLY(row)}` : row.against[k].change);
const own = (s, name) => ofNumbers((row) => row.own[s][name]);
const against = (k, name, display) => ofNumbers((row) => row.against[k][name], display);
const spread = (title, about, of) => ({ title, about, data: (row) => interval(of(row)), orderable: false });
const pairs = screens.length > 2;
const columns = [
  { title: "Logo", about: "The motif's letters by their information; of a sequence its letters.", data: (row, type) => (type === "display" ? logo(row.of) : row.of.sequence), orderable: false, className: "no-export kept picture" },
  { title: "Name", about: "Of its first motifs or annotations.", data: (row, type) => (type === "display" ? escaped(short(row.of.name)) : row.of.name), className: "kept" },
  { title: "Kind", about: "Motif or annotation.", data: "of.kind", visible: false },
  { title: "Strand", about: "On which it is shown: where it does most in any screen.", data: "strand", visible: false },
  { title: "Effects", about: "Effect with its interval in each screen, one under the other; all rows have one axis. A full point is significant.", data: (row, type) => (type === "display" ? lanes(shownMatch(), row.own) : ""), orderable: false, className: "no-export plot" },
  ...screens.flatMap(({ name }, s) => [
    { title: `${escaped(name)}`, about: `Mean effect in ${name}, over its backgrounds.`, ...own(s, "effect"), className: "kept" },
    { ...spread(`95 %, ${escaped(name)}`, `Confidence interval of the mean effect in ${name}.`, (row) => row.own[s]), visible: false },
    { title: `q, ${escaped(name)}`, about: `Decides the verdict in ${name}: element_q.`, ...own(s, "q") },
    { title: `Verdict, ${escaped(name)}`, about: `In ${name}: raises or lowers where it is significant, else n.s.`, data: (row) => (row.own[s].state === 0 ? "n.s." : verdictIn(row.own[s])) },
  ]),
  ...screens.slice(1).flatMap(({ name }, k) => {
    const to = pairs ? `, ${escaped(name)}` : "";
    return [
      { title: `Change${to}`, about: `From ${screens[0].name} to ${name}: gained, lost or flipped where the verdict is another.`, data: (row, type) => (type === "display" ? escaped(toldChange(row, k)) : toldChange(row, k)), className: "kept" },
      { title: `Difference${to}`, about: `Of the effects, ${name} less ${screens[0].name}. None where their units differ.`, ...against(k, "difference", signed) },
      spread(`95 % of it${to}`, "Confidence interval of the difference, over backgrounds.", (row) => row.against[k]),
      { title: `q of it${to}`, about: "Of the difference among those of the element's controls, or over backgrounds where the screens have none in common.", ...against(k, "q", number) },
    ];
  }),
  { title: "Sequence", about: "What was substituted.", data: "of.sequence", visible: false },
];
const table = tableOf("#table", screens.map(({ name }) => name).join("-"), columns, rowsOf[shownMatch()], null, "Search names");
function refilter() {
  const [change, kind] = [byId("change").value, byId("kind").value];
  table.search.fixed("shown", (text, row) => (!kind || row.of.kind === kind) && (!change || row.against.some((of) => of.change === change))).draw();
}
byId("change").addEventListener("change", refilter);
byId("kind").addEventListener("change", refilter);
function showNote() {
  const { n, rows } = matches[shownMatch()];
  const shown = rows.element.length;
  byId("shown-note").textContent = shown < n ? `Of ${n.toLocaleString("en-US")} elements the ${shown.toLocaleString("en-US")} that changed, act, or have the best ranks; the screens' summary.parquet have all.` : "";
}
byId("match")?.addEventListener("change", () => {
  showGroups();
  table.clear().rows.add(rowsOf[shownMatch()]);
  refilter();
  showNote();
});
byId("other")?.addEventListener("change", showEffects);
for (const id of ["match", "other"])
  byId(id)?.addEventListener("change", () => {
    const box = document.querySelector('[data-chart="screens"]');
    box.dataset.view = shownMatch();
    draw(box);
  });
showNote();
