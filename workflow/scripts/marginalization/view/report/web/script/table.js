// The tables: of motifs or of annotations' sequences, and of annotations by name.
const strands = [...new Set(effects.strand)].sort();
const grouped = effects.n_models.some((n) => n > 1);
const shownView = () => Number(byId("view").value);
const controlsOf = (view, row) => details.controls[`${view}/${row.element}/${row.strand}`] ?? [];
const tableRows = () => {
  const view = shownView();
  return [...rows[view].keys()].sort((a, b) => a - b).map((i) => {
    const row = strongest(view, i);
    const significant = isSignificant(view, i);
    const byStrand = Object.fromEntries(strandsOf(view, i).map(({ strand, effect }) => [strand, effect]));
    return { ...row, ...byStrand, of: elements[i], number: i, verdict: verdictOf(significant) };
  });
};
const EFFECT = {
  title: "Effect",
  name: "effect",
  about: "Mean over the backgrounds of what the sequence changes, on the strand and at the start where it does most. Sorts by size.",
  data: (row, type) => (type === "display" ? signed(row.effect) : type === "export" ? row.effect : distance(shownView(), row)),
  type: "num",
  className: "kept",
};
const INTERVAL = { title: "95 %", about: "Confidence interval of the mean effect, over backgrounds.", data: (row, type) => (type === "display" || type === "export" ? interval(row) : ""), orderable: false };
const Q = numeric("q", "q", `Decides the verdict: element_q, over strands and starts together${facts.level ? `, under ${facts.level} for significant` : ""}.`);
const plot = (about, picture) => ({ title: "Against controls", about, data: (row, type) => (type === "display" ? picture(row) : ""), orderable: false, className: "no-export plot" });
const GREY_LINES = "Effect with its interval, before the range within which nothing is significant (grey); thin lines: its own controls. All rows have one axis.";
const columns = [
  { title: "Logo", about: "The motif's letters by their information; of a sequence its letters.", data: (row, type) => (type === "display" ? logo(row.of) : row.of.sequence), orderable: false, className: "no-export kept picture" },
  { title: "Name", about: "Opens all about it.", data: (row, type) => (type === "display" ? nameButton(row.number, short(row.of.name)) : row.of.name), className: "kept" },
  { title: "Family", about: "As JASPAR has it.", data: (row, type) => (type === "display" ? `<span class="family" title="${escaped(row.of.family || "")}">${escaped(row.of.family || "")}</span>` : row.of.family || "") },
  EFFECT,
  plot(GREY_LINES, (row) => effectMark(row.view, row, controlsOf(row.view, row))),
  INTERVAL,
  ...(profiles ? [{ title: "Profile", about: "Mean profile around it: grey before, blue after.", data: (row, type) => (type === "display" ? profileMark(row.view, row.number) : ""), orderable: false, className: "no-export" }] : []),
  ...(strands.length > 1 ? strands.map((strand) => numeric(strand, `strand ${strand}`, `Mean effect on the ${strand === "+" ? "forward" : "reverse"} strand.`, signed, { visible: false })) : []),
  numeric("z", "z", "Distance from the mean of its own controls, in their standard deviations.", number, { visible: false }),
  Q,
  ...(effects.percentile ? [numeric("percentile", "percentile", "Of its effect among those of random stretches of a genome as wide.")] : []),
  { title: "Verdict", about: `significant: q under the level, and an effect beyond the grey range.`, data: "verdict", className: "kept" },
  ...(grouped ? [{ title: "Folds agree", about: "How many models of the group have the sign of its mean.", data: (row) => (row.n_models > 1 ? `${row.agree} of ${row.n_models}` : "") }] : []),
  { title: "Sequence", about: "What was substituted.", data: "of.sequence", visible: false },
];
const table = tableOf("#table", facts.shown < facts.n_elements ? `${facts.screen}-strongest` : facts.screen, columns, tableRows(), "Effect");

// Annotations by name: a row unfolds to its sites.
const nameRows = () => findings[shownView()].filter(({ kind }) => kind === "annotation").map((row) => ({ ...row, verdict: verdictOf(row.significant) }));
const hasNames = findings.some((of) => of.some(({ kind }) => kind === "annotation"));
const nameColumns = [
  { title: "Name", about: "Unfolds to its sites.", data: (row, type) => (type === "display" ? `<button class="link unfold" aria-expanded="false">${escaped(row.name)}</button>` : row.name), className: "kept" },
  numeric("n", "Sequences", "Distinct sequences of its sites."),
  numeric("nSignificant", "Significant", "How many of them are significant."),
  { ...EFFECT, about: "That of its best site, which has the smallest q." },
  plot(GREY_LINES, (row) => effectMark(shownView(), row)),
  INTERVAL,
  Q,
  { title: "Verdict", about: "significant: at least one of its sites is.", data: "verdict", className: "kept" },
];
const names = hasNames ? tableOf("#names", `${facts.screen}-names`, nameColumns, nameRows(), "Effect") : null;
const sitesOf = (row) => {
  const view = shownView();
  const listed = row.members.filter((i) => rows[view].has(i)).map((i) => {
    const own = strongest(view, i);
    return `<li>${nameButton(i, elements[i].sequence)} <span class="plot">${effectMark(view, own)}</span> <b>${signed(own.effect)}</b> <small>q ${number(own.q) || "none"}</small></li>`;
  });
  const more = row.n - listed.length;
  return `<ul class="sites">${listed.join("")}${more > 0 ? `<li>and ${more.toLocaleString("en-US")} more: choose “each sequence”, or see summary.parquet</li>` : ""}</ul>`;
};
byId("names").addEventListener("click", ({ target }) => {
  if (!target.matches(".unfold")) return;
  const row = names.row(target.closest("tr"));
  const shown = row.child.isShown();
  target.setAttribute("aria-expanded", String(!shown));
  if (shown) row.child.hide();
  else row.child(sitesOf(row.data()), "child").show();
});

// What is shown: a tab's kind, and what the fields above the table ask for.
const CODES = { R: "AG", Y: "CT", S: "CG", W: "AT", K: "GT", M: "AC", B: "CGT", D: "AGT", H: "ACT", V: "ACG", N: "ACGT", U: "T" };
const PAIRED = { A: "T", C: "G", G: "C", T: "A", R: "Y", Y: "R", K: "M", M: "K", B: "V", V: "B", D: "H", H: "D", U: "A" };
function sequencePattern(text) {
  const letters = [...text.toUpperCase().replace(/[^A-Z]/g, "")];
  const other = letters.map((letter) => PAIRED[letter] ?? letter).reverse();
  const pattern = (of) => of.map((letter) => (CODES[letter] ? `[${CODES[letter]}]` : letter)).join("");
  return letters.length ? new RegExp(`${pattern(letters)}|${pattern(other)}`) : null;
}
let kind = "motif";
function refilter() {
  const [verdict, pattern] = [byId("verdict").value, sequencePattern(byId("sequence").value)];
  const fits = (row) => !verdict || row.verdict === verdict;
  table.search.fixed("shown", (text, row) => row.of.kind === kind && fits(row) && (!pattern || pattern.test(row.of.sequence))).draw();
  names?.search.fixed("shown", (text, row) => fits(row)).draw();
}
// Of a large screen the page has the strongest: what is searched and downloaded is said.
function sayShown() {
  const view = shownView();
  const [n, found] = views[view].counts[kind];
  const here = [...rows[view].keys()].filter((i) => elements[i].kind === kind);
  const acting = here.filter((i) => isSignificant(view, i)).length;
  const count = (x) => x.toLocaleString("en-US");
  byId("table-note").textContent = here.length === n ? "" :
    `Of ${count(n)} ${kind} sequences${facts.level === null ? "" : `, ${count(found)} of them significant,`} this page has ${count(here.length)}${facts.level === null ? "" : `, ${count(acting)} of them significant`}: those of the largest effects. Search, filters and download are of these; summary.parquet has all.`;
}
const byName = () => kind === "annotation" && hasNames && byId("grouping").value === "names";
function showKind(of) {
  kind = of;
  byId("grouping-box").hidden = kind !== "annotation" || !hasNames;
  byId("names-box").hidden = !byName();
  byId("table-box").hidden = byName();
  byId("sequence-box").hidden = byName();
  sayShown();
  refilter();
}
byId("grouping").addEventListener("change", () => showKind(kind));
byId("verdict").addEventListener("change", refilter);
byId("sequence").addEventListener("input", refilter);
byId("view").addEventListener("change", () => {
  table.clear().rows.add(tableRows());
  names?.clear().rows.add(nameRows());
  sayShown();
  refilter();
});
byId("elements").addEventListener("click", ({ target }) => {
  const button = target.closest("button[data-element]");
  if (button) open(Number(button.dataset.element), shownView());
});

