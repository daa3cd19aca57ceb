// What the page shows, and its rows.
const { facts, views, elements, effects, details, scan, profiles, attributions, heatMap, quality, findings, volcanoes } = CONTENTS;

// Columns to rows, once: rows[view] has the rows of an element by its number. Of many views not every element is there.
const rows = views.map(() => new Map());
effects.view.forEach((view, i) => {
  const row = { i };
  for (const [name, column] of Object.entries(effects)) row[name] = column[i];
  if (!rows[view].has(row.element)) rows[view].set(row.element, []);
  rows[view].get(row.element).push(row);
});
const distance = (view, row) => Math.abs(row.effect - views[view].neutral);
const strandsOf = (view, element) => rows[view].get(element) ?? [];
const strongest = (view, element) =>
  strandsOf(view, element).reduce((a, b) => (distance(view, b) > distance(view, a) ? b : a));
const isSignificant = (view, element) => strandsOf(view, element).some((row) => row.significant === true);
const verdictOf = (significant) =>
  facts.level === null ? "no controls" : significant ? "significant" : "not significant";

// Where strands, or the models of a group, differ they are drawn apart: see reading/differing.py.
const STRAND_NAMES = { "+": "forward strand", "-": "reverse strand" };
const apart = CONTENTS.differing.map(({ strands, folds }) => ({ strands: new Set(strands), folds: new Set(folds) }));
// The views of a group's models, on what the group's view is.
const modelsOf = (view) => {
  const { model, readout, target } = views[view];
  const models = facts.groups[model] ?? [];
  return views.flatMap((other, j) => (models.includes(other.model) && other.readout === readout && other.target === target ? [j] : []));
};
