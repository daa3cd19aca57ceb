// Several screens: what the page shows, and the data of its chart.
const { screens, matches, elements } = CONTENTS;
const shownMatch = () => Number(byId("match")?.value ?? 0);
const otherScreen = () => Number(byId("other")?.value ?? 0) + 1;
const STATED = { 1: "raises", "-1": "lowers", 0: "not significant" };
// Columns to rows: own has what each screen says, against what became of it in each screen but the first.
const rowsOf = matches.map(({ rows }) =>
  rows.element.map((element, i) => ({
    element,
    of: elements[element],
    strand: rows.strand[i],
    screened: rows.screened[i],
    own: screens.map((_, s) => ({ effect: rows[`effect${s}`][i], low: rows[`low${s}`][i], high: rows[`high${s}`][i], q: rows[`q${s}`][i], state: rows[`state${s}`][i], start: rows[`start${s}`][i] })),
    against: screens.slice(1).map((_, k) => ({ change: rows[`change${k + 1}`][i], difference: rows[`difference${k + 1}`]?.[i] ?? null, low: rows[`from${k + 1}`]?.[i] ?? null, high: rows[`to${k + 1}`]?.[i] ?? null, q: rows[`dq${k + 1}`]?.[i] ?? null, differs: rows[`differs${k + 1}`]?.[i] ?? null })),
  })),
);
const data = {
  screens(match) {
    const other = otherScreen();
    const both = rowsOf[match].filter(({ own }) => own[0].effect !== null && own[other].effect !== null);
    const points = both.map(({ of, element, own, against }) => {
      const { change, difference, q } = against[other - 1];
      const shown = change === "same" && own[0].state ? "acts in both" : ["gained", "lost", "flipped"].includes(change) ? change : "no change otherwise";
      return { a: own[0].effect, b: own[other].effect, name: short(of.name), element, shown, difference, q };
    });
    const all = points.flatMap(({ a, b }) => [a, b]);
    const ends = all.length && matches[match].alike[other] ? [Math.min(...all), Math.max(...all)] : [];
    return { points, labels: matches[match].labels[other - 1], diagonal: ends.map((x) => ({ a: x, b: x })) };
  },
};
function titled(spec, match) {
  const named = (key, value) =>
    value === "mean effect in the first" ? `${screens[0].name}: ${matches[match].units[0]}` : value === "mean effect in the second" ? `${screens[otherScreen()].name}: ${matches[match].units[otherScreen()]}` : value;
  return JSON.parse(JSON.stringify(spec), named);
}
// A point of the chart is looked up in the table.
const open = (element) => {
  table.search(elements[element].name).draw();
  byId("elements").scrollIntoView();
};
