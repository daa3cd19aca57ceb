// Charts: their data, by name and for a view (and an element).
const data = {
  volcano(view, _, panel) {
    const { panels, x, y } = volcanoes[view];
    const { view: of, strand, labels } = panels[panel];
    const points = [...rows[of].keys()].slice(0, MOST_POINTS).flatMap((element) => {
      const row = strand ? strandsOf(of, element).find((each) => each.strand === strand) : strongest(of, element);
      if (!row) return [];
      const acts = elements[element].kind === "motif" ? "significant motif" : "significant annotation";
      const shown = row.significant ? acts : "not significant";
      return row.q === null ? [] : [{ ...row, sure: sure(row.q), name: short(elements[element].name), shown }];
    });
    const floor = views[view].floor;
    const title = floor && `${signed(floor[0])} to ${signed(floor[1])}`;
    return {
      elements: points,
      labels,
      ends: { x, y },
      floor: floor ? [{ low: floor[0], high: floor[1], title }] : [],
      level: [{ sure: sure(facts.level) }],
    };
  },
  backgrounds(view, element) {
    const before = details.before[view] || [];
    const points = strandsOf(view, element).flatMap(({ strand }) =>
      (details.after[`${view}/${element}/${strand}`] || []).map((after, i) => ({ before: before[i], after, strand })),
    );
    const all = points.map((point) => point.before);
    const ends = all.length ? [Math.min(...all), Math.max(...all)] : [];
    return { backgrounds: points, diagonal: ends.map((x) => ({ before: x, after: x })) };
  },
  loci(view, element) {
    if (CONTENTS.loci === null) return { loci: [] };
    const known = Object.entries({ ...CONTENTS.loci.values, before: details.before[view] || [] });
    const points = strandsOf(view, element).flatMap(({ strand }) =>
      (details.effect?.[`${view}/${element}/${strand}`] || []).flatMap((effect, i) =>
        known.map(([covariate, values]) => ({ covariate, value: values[i], effect, strand, locus: CONTENTS.loci.names[i] })),
      ),
    );
    return { loci: points.filter((point) => (point.value ?? null) !== null) };
  },
  controls(view, element) {
    const own = strandsOf(view, element);
    const ticks = own.flatMap(({ strand }) =>
      (details.controls[`${view}/${element}/${strand}`] || []).map((effect) => ({ effect, strand })),
    );
    return { own, controls: ticks };
  },
  profile: (view, element, panel) =>
    profileData(view, element, panel, ({ before, after, ...at }) => [
      { ...at, side: "before", value: before },
      { ...at, side: "after", value: after },
    ]),
  change: (view, element, panel) =>
    profileData(view, element, panel, ({ before, after, ...at }) => [{ ...at, value: after - before }]),
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
const MOST_POINTS = 2000; // of a chart of elements, the strongest
const sure = (q) => -Math.log10(Math.max(q, 1e-300));
const MOST_ROWS = 40; // of a chart with a row for each target
const MOST_LINES = 8; // of a chart of profiles
// The views of the same readout, whose effects have one scale.
const alike = (view) => views.map((_, j) => j).filter((j) => views[j].readout === views[view].readout);
const neutral = (view) => [{ value: views[view].neutral }];
// The targets of a profile readout are its strands: all are drawn together, and for other readouts those of the model.
const profileViews = (view, model) => views.flatMap((other, j) =>
  other.model === model && isProfile(j) && (!isProfile(view) || other.readout === views[view].readout) ? [j] : []);
function profilePoints(view, element, { model, strand }) {
  const found = profileViews(view, model).flatMap((j) =>
    (profiles.after[`${j}/${element}`] ?? []).filter((after, k) => (strand ? after.strand === strand : !k)).map((after) => [j, after]));
  return found.slice(0, MOST_LINES).flatMap(([j, after]) => after.values.map((value, k) => ({
    position: after.first + k - after.centre,
    target: views[j].target,
    before: profiles.before[j].values[after.first + k - profiles.before[j].first],
    after: value,
  })));
}
// Panels of an element's profiles: one, or for each strand and model where these differ and there are profiles.
function profilePanels(view, element) {
  const { model } = views[view];
  const folds = apart[view].folds.has(element);
  const onStrands = [view, ...(profiles ? profileViews(view, model) : [])].some((j) => apart[j].strands.has(element));
  const strandsDrawn = onStrands ? Object.keys(STRAND_NAMES) : [""];
  const models = folds ? [model, ...facts.groups[model]] : [model];
  return models.flatMap((of) => strandsDrawn.map((strand) => ({
    model: of, strand, title: [folds ? of : "", STRAND_NAMES[strand] ?? ""].filter(Boolean).join(", "),
  }))).filter((panel) => profiles && profilePoints(view, element, panel).length);
}
function profileData(view, element, panel, values) {
  const every = profilePanels(view, element).map((each) => profilePoints(view, element, each).flatMap(values));
  const ends = (name) => every.flat().reduce(([low, high], { [name]: x }) => [Math.min(low, x), Math.max(high, x)], [0, 0]);
  return { profile: every[panel] ?? [], ...(every.length > 1 ? { ends: { x: ends("position"), y: ends("value") } } : {}) };
}
const isProfile = (view) => profiles !== null && view in profiles.before;
// Effects are told with their unit, and with the view where there are two.
function titled(spec, view) {
  const named = (key, value) =>
    key === "title" && value?.startsWith?.("mean effect") ? value.replace("mean effect", `mean effect (${views[view].unit})`) : value;
  const of = JSON.parse(JSON.stringify(spec), named);
  if (of.encoding?.x?.field === "a") {
    of.encoding.x.title = `mean effect on ${views[byId("first").value].label}`;
    of.encoding.y.title = `mean effect on ${views[byId("second").value].label}`;
  }
  return of;
}
