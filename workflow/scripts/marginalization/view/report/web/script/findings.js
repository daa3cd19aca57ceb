// What acts: a row for each cluster of like motifs and each name of annotations, effects on one axis.
const FIRST = 12; // rows of a list before it is unfolded
const INSTEAD = 5; // rows where nothing acts
const MOST_LANES = 6; // models of a row, each on its own line; of more the least and the most
const KINDS = [
  ["motif", "Motifs", (n) => `${n} like it`],
  ["annotation", "Annotations, by name", (n) => `${n} more sites`],
];
const nameButton = (element, name) =>
  element === undefined ? escaped(name) : `<button class="link" data-element="${element}">${escaped(name)}</button>`;
const verdictMark = (row) => {
  if (row.significant === null) return '<span class="verdict">no controls</span>';
  const [sign, word] = row.significant ? ["✓", "significant"] : ["·", "not significant"];
  return `<span class="verdict ${row.significant ? "acts" : ""}"><span aria-hidden="true">${sign}</span> ${word} <small>q ${number(row.q)}</small></span>`;
};
function members(view, row, words) {
  const others = row.members.slice(1);
  if (row.n < 2) return "";
  const listed = others.map((i) => {
    const own = rows[view].has(i) ? strongest(view, i) : null;
    return `<li>${nameButton(i, elements[i].name.replaceAll(";", ", "))}${own ? ` <small>${signed(own.effect)}, q ${number(own.q) || "none"}</small>` : ""}</li>`;
  });
  const more = row.n - 1 - others.length;
  return `<details><summary>${words((row.n - 1).toLocaleString("en-US"))}</summary><ul class="members">${listed.join("")}${more > 0 ? `<li>and ${more.toLocaleString("en-US")} more</li>` : ""}</ul></details>`;
}
// A finding's effects that are drawn, the first in its own row: strands that differ, and models that do.
function lanesOf(view, row, best) {
  const { strands, folds } = apart[view];
  const own = strands.has(best) ? strandsOf(view, best) : [row];
  const first = own.find(({ strand }) => strand === row.strand) ?? own[0];
  const lanes = [first, ...own.filter((each) => each !== first)].map((each) => ({ ...each, of: own.length > 1 ? STRAND_NAMES[each.strand] : folds.has(best) ? views[view].model : "" }));
  const each = folds.has(best) ? foldsOf(view, best).map((fold) => ({ ...fold, of: fold.model })) : [];
  if (each.length <= MOST_LANES) return [...lanes, ...each];
  each.sort((a, b) => a.effect - b.effect);
  return [...lanes, { ...each[0], of: `${each[0].of}, the least of ${each.length}` }, { ...each.at(-1), of: `${each.at(-1).of}, the most` }];
}
const numberMark = (row) => `<span class="number"><b>${signed(row.effect)}</b> <small>${interval(row)}</small></span>`;
function findingRow(view, row, words) {
  const best = row.members[0];
  const [first, ...lanes] = lanesOf(view, row, best);
  const others = lanes.map((lane) => `<span class="lane"><span class="name"><small>${escaped(lane.of)}</small></span><span class="plot">${effectMark(view, { ...lane, significant: row.significant })}</span>${numberMark(lane)}</span>`);
  const picture = best === undefined ? "" : logo(elements[best]);
  const full = row.factor === row.name ? "" : `<small>${escaped(short(row.name))}</small>`;
  const another = CONTENTS.maps[`${view}/${best}`]?.another;
  const read = another ? `<small class="read">the model reads ${escaped(another)} in it</small>` : "";
  return `<li class="finding"><span class="picture">${picture}</span><span class="name">${nameButton(best, row.factor)} ${full} ${first.of ? `<small>${escaped(first.of)}</small>` : ""} ${read}</span>` +
    `<span class="plot">${effectMark(view, { ...first, significant: row.significant }, [], lanes.some(({ model }) => model) ? [] : foldsOf(view, best))}</span>${numberMark(first)}` +
    `${verdictMark(row)}${others.join("")}<span class="more">${members(view, row, words)}</span></li>`;
}
function findingList(view, [kind, title, words], every) {
  const own = findings[view].filter((row) => row.kind === kind);
  const acting = own.filter((row) => row.significant);
  const listed = acting.length ? acting : own.slice(0, INSTEAD);
  if (!listed.length) return "";
  const some = every ? listed : listed.slice(0, FIRST);
  const said = acting.length || facts.level === null ? "" : ": none acts; first of what was screened";
  const all = listed.length > some.length ? `<button class="all" data-kind="${kind}">All ${listed.length}</button>` : "";
  const left = acting.length && views[view].acting[kind] - acting.length;
  const more = left > 0 ? `<p class="note">${left.toLocaleString("en-US")} more act: ${kind === "motif" ? "clusters.parquet" : "summary.parquet"} has all; here are the strongest.</p>` : "";
  return `<h3>${title}${said}</h3><ol class="findings"><li class="finding axis-row" aria-hidden="true"><span class="plot">${axisMark(view)}</span><span class="number">${escaped(views[view].unit)}</span></li>${some.map((row) => findingRow(view, row, words)).join("")}</ol>${all}${more}`;
}
const unfolded = new Set(); // kinds whose lists are shown to their end
function showFindings() {
  const view = Number(byId("overview-view")?.value ?? 0);
  byId("answer").textContent = views[view].answer;
  byId("findings").innerHTML = KINDS.map((kind) => findingList(view, kind, unfolded.has(kind[0]))).join("");
  const floor = views[view].floor;
  byId("findings-note").textContent = `${views[view].verdict}${floor ? ` Grey: within ${number(floor[0])} to ${number(floor[1])} nothing is significant.` : ""} Lines: 95 % intervals over backgrounds.${facts.groups[views[view].model] ? " Small rings: the models of the group, each alone, where they are alike." : ""} ${volcanoes[view].said}`;
  const volcano = byId("volcano");
  if (volcano) panels(volcano, "volcano", view, volcanoes[view].panels.map(({ title }) => title)).forEach((each) => seen.observe(each));
  showOthers(view);
}
// The other views: those on which the same acts, and of each other what acts besides, or does not.
const MOST_OTHERS = 12;
const MOST_DIFFERENCES = 8;
const actingOn = (view) => new Set(findings[view].filter((row) => row.significant).map((row) => `${row.factor} ${row.raises ? "raises" : "lowers"}`));
function difference(view, other) {
  if (facts.level === null) return views[other].answer;
  const [here, there] = [actingOn(view), actingOn(other)];
  const [more, less] = [[...there].filter((x) => !here.has(x)), [...here].filter((x) => !there.has(x))];
  if (more.length + less.length > MOST_DIFFERENCES || (!there.size && here.size)) return views[other].answer;
  if (!more.length && !less.length) return here.size ? "the same act, in the same direction." : views[other].answer;
  return `${more.length ? `besides ${more.join(", ")}` : ""}${more.length && less.length ? "; " : ""}${less.length ? `not ${less.join(", not ")}` : ""}.`;
}
function showOthers(view) {
  if (!byId("others")) return;
  const same = new Map();
  views.forEach((_, j) => {
    if (j === view) return;
    const words = difference(view, j);
    if (same.has(words)) same.get(words).push(j);
    else same.set(words, [j]);
  });
  const told = [...same].slice(0, MOST_OTHERS).map(([words, of]) => {
    const links = of.slice(0, MOST_OTHERS).map((j) => `<button class="link" data-view="${j}">${escaped(views[j].label)}</button>`);
    const more = of.length > MOST_OTHERS ? ` and ${(of.length - MOST_OTHERS).toLocaleString("en-US")} more` : "";
    return `<li>${links.join(", ")}${more}: ${escaped(words)}</li>`;
  });
  const left = same.size - told.length;
  byId("others").innerHTML = told.join("") + (left > 0 ? `<li>${left.toLocaleString("en-US")} other answers: choose above.</li>` : "");
}
byId("overview-view")?.addEventListener("change", () => {
  showFindings();
});
byId("overview").addEventListener("click", ({ target }) => {
  const { element, view, kind } = target.dataset;
  if (element !== undefined) open(Number(element), Number(byId("overview-view")?.value ?? 0));
  if (kind !== undefined) unfolded.add(kind);
  if (kind !== undefined) showFindings();
  if (target.matches("button[data-view]")) {
    byId("overview-view").value = view;
    byId("overview-view").dispatchEvent(new Event("change"));
    byId("overview").scrollIntoView();
  }
});
showFindings();

