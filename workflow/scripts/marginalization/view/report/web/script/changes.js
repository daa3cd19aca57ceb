// A row for each cluster of like motifs and each name of annotations: its effect in each screen, on one axis of all rows.
const FIRST = 12; // rows of a list before it is unfolded
const KINDS = [["motif", "Motifs"], ["annotation", "Annotations, by name"]];
const range = (match, s) => {
  // Effects in other units than the first screen's have an axis of their own.
  const alike = screens.map((_, i) => i).filter((i) => matches[match].alike[i] === matches[match].alike[s] && (matches[match].alike[s] || i === s));
  let [low, high] = [matches[match].neutral[s], matches[match].neutral[s]];
  const widen = (own) => {
    if (own.effect === null) return;
    low = Math.min(low, own.low ?? own.effect);
    high = Math.max(high, own.high ?? own.effect);
  };
  for (const { own } of [...rowsOf[match], ...matches[match].groups]) alike.forEach((i) => widen(own[i]));
  const margin = (high - low || 1) * 0.04;
  return [low - margin, high + margin];
};
const ranges = matches.map(() => null);
const along = (match, s, x) => {
  ranges[match] ??= screens.map((_, i) => range(match, i));
  const [low, high] = ranges[match][s];
  return `${(((x - low) / (high - low)) * 100).toFixed(2)}%`;
};
// Round numbers on the first screen's axis, where all have it.
const axisRow = (match) => {
  along(match, 0, 0);
  const drawn = matches[match].alike.every(Boolean) ? axisOf(...ranges[match][0], (x) => along(match, 0, x)) : "";
  return `<li class="finding group axis-row" aria-hidden="true"><span class="plot">${drawn}</span><span class="number">${drawn && escaped(matches[match].units[0])}</span></li>`;
};
const LANE = 15; // pixels for each screen
const verdictIn = ({ state, effect }) => (effect === null ? "not screened" : state === null ? "no verdict" : STATED[state]);
function lanes(match, own) {
  const said = own.map((of, s) => `${screens[s].name}: ${of.effect === null ? "" : `${signed(of.effect)}, `}${verdictIn(of)}`).join("; ");
  const drawn = own.map((of, s) => {
    if (of.effect === null) return "";
    const [y, x] = [LANE * (s + 0.5), along(match, s, of.effect)];
    const line = of.low === null ? "" : `<line x1="${along(match, s, of.low)}" x2="${along(match, s, of.high)}" y1="${y}" y2="${y}"/>`;
    const none = along(match, s, matches[match].neutral[s]);
    return `<line class="none" x1="${none}" x2="${none}" y1="${LANE * s}" y2="${LANE * (s + 1)}"/><g class="screen-${s % 4}">${line}<circle class="${of.state ? "acts" : "rests"}" cx="${x}" cy="${y}" r="4"/></g>`;
  });
  return `<svg class="lanes" role="img" aria-label="${escaped(said)}" height="${LANE * own.length}">${drawn.join("")}</svg>`;
}
function groupRow(match, row) {
  const full = row.factor === row.name ? "" : `<small>${escaped(short(row.name))}</small>`;
  const more = row.n > 1 ? `<small>${(row.n - 1).toLocaleString("en-US")} more${row.kind === "motif" ? " like it" : " sites"}</small>` : "";
  const cells = row.own.map((of, s) => `<span class="in screen-${s % 4}"><b>${escaped(screens[s].name)}</b> ${of.effect === null ? "not screened" : `${signed(of.effect)} <small>${verdictIn(of)}${of.q === null ? "" : `, q ${number(of.q)}`}</small>`}</span>`);
  return `<li class="finding group"><span class="picture">${logo(elements[row.best])}</span><span class="name">${escaped(row.factor)} ${full} ${more}</span><span class="plot">${lanes(match, row.own)}</span><span class="each">${cells.join("")}</span><span class="verdict ${row.same ? "" : "acts"}">${escaped(row.where)}</span></li>`;
}
const unfolded = new Set();
function showGroups() {
  const match = shownMatch();
  const listed = KINDS.map(([kind, title]) => {
    const own = matches[match].groups.filter((row) => row.kind === kind);
    const acting = own.filter((row) => row.acts).sort((a, b) => a.same - b.same);
    if (!own.length) return "";
    if (!acting.length) return `<h3>${title}: none acts in any screen</h3>`;
    const some = unfolded.has(kind) ? acting : acting.slice(0, FIRST);
    const all = acting.length > some.length ? `<button class="all" data-kind="${kind}">All ${acting.length}</button>` : "";
    return `<h3>${title}</h3><ol class="findings">${axisRow(match)}${some.map((row) => groupRow(match, row)).join("")}</ol>${all}`;
  });
  byId("groups").innerHTML = listed.join("");
  byId("answer").textContent = matches[match].answer;
  byId("numbers").innerHTML = matches[match].numbers.map((line) => `<li>${escaped(line)}</li>`).join("");
  showEffects();
}
// What the chart shows, in words.
function showEffects() {
  const [match, other] = [matches[shownMatch()], otherScreen()];
  const { n, pearson, spearman, paired, controls, level } = match.tests[other - 1];
  const correlation = pearson === null ? "no correlation" : match.alike[other] ? `correlation ${pearson} (Pearson), ${spearman} (Spearman)` : `correlation of ranks ${spearman} (Spearman); the effects are in different units, so that only ranks and verdicts are compared`;
  const line = match.alike[other] ? " Dashed: equal effects." : "";
  const how = level === null ? "" : ` Differences are ${screens[other].name} less ${screens[0].name}, ${paired ? "background by background" : "of means over backgrounds that are not the same, or not kept"}; q is ${controls ? "of the difference among those of the element's controls" : "of the difference over backgrounds, as there are no controls in common"}.`;
  byId("effects-note").textContent = `${n.toLocaleString("en-US")} elements: ${correlation}.${line}${how}`;
}
byId("groups").addEventListener("click", ({ target }) => {
  if (target.dataset.kind === undefined) return;
  unfolded.add(target.dataset.kind);
  showGroups();
});
showGroups();
