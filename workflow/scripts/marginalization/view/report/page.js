// The page's behaviour. CONTENTS (see contents.py), CHARTS (Vega-Lite without data), LETTERS (outlines) are given.
const { facts, views, elements, effects, details, scan, profiles, attributions, heatMap, quality } = CONTENTS;
const dark = matchMedia("(prefers-color-scheme: dark)");
const byId = (id) => document.getElementById(id);
const short = (name) => {
  const [first, ...others] = name.split(";");
  return others.length ? `${first} (+${others.length})` : first;
};
const escaped = (text) => text.replace(/[&<>"']/g, (letter) => `&#${letter.charCodeAt(0)};`);
const number = (x) => (x === null || x === undefined ? "" : Number(x.toPrecision(3)).toString());

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

// Charts: their data, by name and for a view (and an element).
const data = {
  ranked: (view) => CONTENTS.ranked[view],
  backgrounds(view, element) {
    const before = details.before[view] || [];
    const points = strandsOf(view, element).flatMap(({ strand }) =>
      (details.after[`${view}/${element}/${strand}`] || []).map((after, i) => ({ before: before[i], after, strand })),
    );
    const all = points.map((point) => point.before);
    const ends = all.length ? [Math.min(...all), Math.max(...all)] : [];
    return { backgrounds: points, diagonal: ends.map((x) => ({ before: x, after: x })) };
  },
  controls(view, element) {
    const own = strandsOf(view, element);
    const ticks = own.flatMap(({ strand }) =>
      (details.controls[`${view}/${element}/${strand}`] || []).map((effect) => ({ effect, strand })),
    );
    return { own, controls: ticks };
  },
  profile(view, element) {
    const points = profilePoints(view, element, (before, after) => ({ before, after }));
    return { profile: points.flatMap(({ before, after, ...at }) => [
      { ...at, side: "before", value: before },
      { ...at, side: "after", value: after },
    ]) };
  },
  change: (view, element) => ({
    profile: profilePoints(view, element, (before, after) => ({ value: after - before })),
  }),
  targets(view, element) {
    const known = alike(view).filter((j) => rows[j].has(element));
    const size = (j) => (j === view ? Infinity : distance(j, strongest(j, element)));
    const most = new Set([...known].sort((a, b) => size(b) - size(a)).slice(0, MOST_ROWS));
    const points = known.filter((j) => most.has(j)).flatMap((j) =>
      strandsOf(j, element).map((row) => ({ ...row, view: views[j].label, verdict: verdictOf(row.significant) })),
    );
    return { targets: points, neutral: neutral(view) };
  },
  scan(view, element) {
    const points = [];
    if (scan)
      scan.view.forEach((v, i) => {
        if (v === view && scan.element[i] === element)
          points.push(Object.fromEntries(Object.entries(scan).map(([name, column]) => [name, column[i]])));
      });
    const own = CONTENTS.halves.filter((row) => row.view === view && row.element === element);
    return { scan: points, halves: own, neutral: neutral(view) };
  },
  attributions(view, element) {
    const found = attributions?.[`${view}/${element}`];
    const points = found?.after.map((after, k) => ({ position: found.first + k, before: found.before[k], after }));
    return { attributions: points ?? [] };
  },
  spacing() {
    const [pair, view] = [byId("pair").value, Number(byId("pair-view").value)];
    return { pairs: CONTENTS.pairs.filter((row) => row.pair === pair && row.view === view), neutral: neutral(view) };
  },
  copies() {
    const [motif, view] = [byId("copied").value, Number(byId("copied-view").value)];
    const found = CONTENTS.copies.filter((row) => row.motif === motif && row.view === view);
    const line = (row) => [row.distance, row.n, number(row.effect), row.low === null ? "" : `${number(row.low)} to ${number(row.high)}`, number(row.over_one), number(row.over_expected)];
    byId("copies-rows").innerHTML = found.map((row) => `<tr>${line(row).map((cell) => `<td>${cell}</td>`).join("")}</tr>`).join("");
    return { copies: found, neutral: neutral(view) };
  },
  heat_map() {
    return { cells: heatMap.map((cell) => ({ ...cell, view: views[cell.view].label })) };
  },
  against() {
    const [first, second] = [byId("first"), byId("second")].map((choice) => Number(choice.value));
    const points = [...rows[first].keys()].filter((i) => rows[second].has(i)).map((i) => {
      const [a, b] = [isSignificant(first, i), isSignificant(second, i)];
      const verdict = a && b ? "both" : a ? "first" : b ? "second" : "neither";
      const [{ effect: x }, { effect: y }] = [strongest(first, i), strongest(second, i)];
      return { a: x, b: y, name: short(elements[i].name), verdict, element: i };
    });
    return { pairs: points };
  },
  quantiles(view) {
    const points = quality.quantiles
      .filter((test) => test.view === view)
      .flatMap(({ test, expected, observed }) => expected.map((x, i) => ({ test, expected: x, observed: observed[i] })));
    const most = Math.max(0, ...points.map((point) => point.expected));
    return { quantiles: points, diagonal: [0, most].map((x) => ({ expected: x, observed: x })) };
  },
  composition: () => ({ composition: quality.gc.map((gc) => ({ gc })) }),
  spread: (view) => ({
    spread: alike(view)
      .filter((j) => details.before[j])
      .slice(0, MOST_ROWS)
      .flatMap((j) => details.before[j].map((before) => ({ view: views[j].label, before }))),
  }),
  rates: () => ({ rates: quality.rates }),
};
const MOST_ROWS = 40; // of a chart with a row for each target
const MOST_LINES = 8; // of a chart of profiles
// The views of the same readout, whose effects have one scale.
const alike = (view) => views.map((_, j) => j).filter((j) => views[j].readout === views[view].readout);
const neutral = (view) => [{ value: views[view].neutral }];
// The targets of a profile readout are its strands: all are drawn together, and for other readouts those of the model.
function profilePoints(view, element, values) {
  const found = profiles === null ? [] : views.flatMap((other, j) => {
    const after = profiles.after[`${j}/${element}`];
    const fits = other.model === views[view].model && (!isProfile(view) || other.readout === views[view].readout);
    return after && fits ? [[other.target, profiles.before[j], after]] : [];
  });
  return found.slice(0, MOST_LINES).flatMap(([target, before, after]) =>
    after.values.map((value, k) => ({
      position: after.first + k - after.centre,
      target,
      ...values(before.values[after.first + k - before.first], value),
    })),
  );
}
const isProfile = (view) => profiles !== null && view in profiles.before;

const drawn = new Map();
async function draw(box) {
  const { chart, view, element } = box.dataset;
  const spec = structuredClone(CHARTS[chart]);
  spec.datasets = data[chart](Number(view || 0), Number(element || 0));
  if (chart === "ranked") spec.layer[2].encoding.y.title = `mean effect (${views[view].unit})`;
  if (chart === "against") {
    spec.encoding.x.title = `mean effect on ${views[byId("first").value].label}`;
    spec.encoding.y.title = `mean effect on ${views[byId("second").value].label}`;
  }
  drawn.get(box)?.finalize();
  const night = dark.matches && !matchMedia("print").matches;
  const [ink, line] = night ? ["#e6edf3", "#3d444d"] : ["#1b1f24", "#d0d7de"];
  const axis = { labelFontSize: 12, titleFontSize: 12, labelColor: ink, titleColor: ink, gridColor: line, domainColor: line, tickColor: line };
  const legend = { labelColor: ink, titleColor: ink, labelFontSize: 12, symbolBaseFillColor: ink };
  const config = { ...spec.config, axis, text: { color: ink }, legend: { ...spec.config.legend, ...legend } };
  const result = await vegaEmbed(box, { ...spec, config }, { actions: false, renderer: "svg", logLevel: 1 });
  drawn.set(box, result);
  result.view.addEventListener("click", (event, item) => {
    if (item?.datum?.element !== undefined) open(item.datum.element, Number(view || 0));
  });
}
const seen = new IntersectionObserver((entries) => {
  for (const { isIntersecting, target } of entries)
    if (isIntersecting) {
      seen.unobserve(target);
      draw(target);
    }
}, { rootMargin: "300px" });
document.querySelectorAll("main .chart").forEach((box) => seen.observe(box));
const paint = () => document.documentElement.classList.toggle("dark", dark.matches); // as DataTables knows it
paint();
dark.addEventListener("change", () => {
  paint();
  [...drawn.keys()].filter((box) => box.isConnected).forEach(draw);
});
addEventListener("beforeprint", () => document.querySelectorAll("main .chart").forEach(draw));

// Logos: letters as high as their information, or of one height where there is no matrix.
function logo(element, label) {
  const columns = element.matrix
    ? element.matrix.map((p) => {
        const bits = 2 + p.reduce((sum, x) => sum + (x > 0 ? x * Math.log2(x) : 0), 0);
        return p.map((x, i) => ["ACGT"[i], x * bits]).sort((a, b) => a[1] - b[1]);
      })
    : [...element.sequence.slice(0, 60)].map((letter) => [[letter, 2]]);
  const colours = { A: "#009E73", C: "#0072B2", G: "#E69F00", T: "#D55E00" };
  let paths = "";
  columns.forEach((column, i) => {
    let y = 2;
    for (const [letter, height] of column) {
      y -= height;
      if (height > 0.02 && LETTERS[letter])
        paths += `<path d="${LETTERS[letter]}" fill="${colours[letter]}" transform="translate(${i + 0.03} ${y}) scale(0.94 ${height})"/>`;
    }
  });
  const said = label ? `role="img" aria-label="${escaped(label)}"` : 'aria-hidden="true"';
  return `<svg class="logo" ${said} viewBox="0 0 ${columns.length} 2" preserveAspectRatio="none" width="${13 * columns.length}">${paths}</svg>`;
}

// The element view.
const dialog = byId("element");
function open(index, view) {
  const element = elements[index];
  dialog.dataset.element = index;
  byId("element-title").textContent = element.name.replaceAll(";", ", ");
  const parts = [element.kind, element.class, element.family, `${element.sequence.length} bp`, element.source, element.id];
  byId("element-facts").textContent = parts.filter(Boolean).join(" · ");
  byId("element-logo").innerHTML = logo(element, `logo of ${short(element.name)}: ${element.sequence}`);
  byId("element-view").value = view;
  fill();
  if (!dialog.open) dialog.showModal();
  location.replace(`#${element.id}`);
}
const ELEMENT_CHARTS = [
  ["controls", "Against its controls", "own"],
  ["backgrounds", "In each background", "backgrounds"],
  ["profile", "Mean profile", "profile"],
  ["change", "Change of the mean profile", "profile"],
  ["scan", "Along the background", "scan"],
  ["attributions", "Attributions", "attributions"],
  ["targets", "On each target, by each model", "targets"],
];
function fill() {
  const [index, view] = [Number(dialog.dataset.element), Number(byId("element-view").value)];
  const element = elements[index];
  byId("element-charts").innerHTML = "";
  byId("element-missing").hidden = rows[view].has(index);
  for (const [chart, title, rowsOf] of ELEMENT_CHARTS) {
    if (!data[chart](view, index)[rowsOf].length) continue;
    const card = document.createElement("article");
    card.className = "card";
    card.innerHTML = `<h3>${title}</h3><div class="chart"></div>`;
    const box = card.lastElementChild;
    Object.assign(box.dataset, { chart, view, element: index });
    byId("element-charts").append(card);
    draw(box);
  }
  const { model, readout, target } = views[view];
  const where = `filters=[("element_id", "==", "${element.id}")]`;
  byId("element-code").textContent =
    `# At the command line: marginalization show ${facts.folder} ${element.id}\n` +
    `import pandas as pd\n${facts.partitioning ? "import pyarrow as pa, pyarrow.dataset as ds\n" : ""}\n` +
    `summary = pd.read_parquet("${facts.folder}/summary.parquet", ${where})\n` +
    `summary[(summary.model == "${model}") & (summary.readout == "${readout}") & (summary.target == ${JSON.stringify(target)})]\n\n` +
    (facts.kept
      ? `effects = pd.read_parquet("${facts.folder}/effects", ${where}${facts.partitioning ? `, partitioning=${facts.partitioning}` : ""})  # a row for each background`
      : "# The effects of each background were not kept (keep_effects: summary).");
}
byId("element-view").addEventListener("change", fill);
dialog.addEventListener("close", () => history.replaceState(null, "", "#elements"));

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
    ...(effects.percentile ? [numeric("percentile", "percentile")] : []),
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
byId("null-view").addEventListener("change", () => {
  const box = document.querySelector('[data-chart="quantiles"]');
  box.dataset.view = byId("null-view").value;
  draw(box);
});
for (const [chart, ids] of [["against", ["first", "second"]], ["spacing", ["pair", "pair-view"]], ["copies", ["copied", "copied-view"]]])
  for (const id of ids)
    byId(id)?.addEventListener("change", () => draw(document.querySelector(`[data-chart="${chart}"]`)));

// Quality in words.
const dropped = Object.entries(quality.backgrounds).filter(([reason, n]) => n && !["read", "kept"].includes(reason));
byId("backgrounds-note").textContent =
  `${quality.backgrounds.kept} kept of ${quality.backgrounds.read} read` +
  dropped.map(([reason, n]) => `; ${reason.replaceAll("_", " ")}: ${n}`).join("") +
  `. Letters N in them: ${quality.unknown}. Annotations with N: ${quality.annotations_with_unknown_letters}.`;
for (const line of [...quality.checks, ...(quality.warnings.length ? quality.warnings : ["No warnings."])]) {
  const item = document.createElement("li");
  item.textContent = line;
  byId("log-lines").append(item);
}
const asked = elements.findIndex((element) => `#${element.id}` === location.hash);
if (asked >= 0) open(asked, 0);
document.documentElement.dataset.ready = "true";
