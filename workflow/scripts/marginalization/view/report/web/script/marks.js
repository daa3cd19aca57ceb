// Small pictures in rows: an effect with its interval before its controls, on one axis for the whole view; and profiles.
const domains = new Map();
function domain(view) {
  if (!domains.has(view)) {
    const { band, neutral } = views[view];
    let [low, high] = [Math.min(neutral, ...(band ?? [])), Math.max(neutral, ...(band ?? []))];
    const widen = (row) => {
      low = Math.min(low, row.low ?? row.effect);
      high = Math.max(high, row.high ?? row.effect);
    };
    rows[view].forEach((own) => own.forEach(widen));
    findings[view].forEach(widen);
    for (const j of modelsOf(view)) rows[j].forEach((own) => own.forEach(widen));
    const margin = (high - low || 1) * 0.04;
    domains.set(view, [low - margin, high + margin]);
  }
  return domains.get(view);
}
const at = (view, x) => {
  const [low, high] = domain(view);
  return `${(((x - low) / (high - low)) * 100).toFixed(2)}%`;
};
// Of a group's view, what each of its models has for an element.
const foldsOf = (view, element) =>
  modelsOf(view).filter((j) => rows[j].has(element)).map((j) => ({ ...strongest(j, element), model: views[j].model }));
function effectMark(view, row, controls = [], folds = []) {
  const { floor, neutral } = views[view];
  const [left, right] = floor ? floor.map((x) => parseFloat(at(view, x))) : [];
  const verdict = row.significant ? "acts" : "";
  const said = `${signed(row.effect)}${row.low === null ? "" : `, 95 % interval ${interval(row)}`}${floor ? `; controls ${number(floor[0])} to ${number(floor[1])}` : ""}`;
  return `<svg class="effect ${verdict}" role="img" aria-label="${said}">` +
    (floor ? `<rect class="band" x="${left}%" width="${(right - left).toFixed(2)}%" y="0" height="100%"/>` : "") +
    `<line class="none" x1="${at(view, neutral)}" x2="${at(view, neutral)}" y1="0" y2="100%"/>` +
    controls.map((x) => `<line class="control" x1="${at(view, x)}" x2="${at(view, x)}" y1="25%" y2="75%"/>`).join("") +
    `<line class="stem" x1="${at(view, neutral)}" x2="${at(view, row.effect)}" y1="50%" y2="50%"/>` +
    (row.low === null ? "" : `<line class="interval" x1="${at(view, row.low)}" x2="${at(view, row.high)}" y1="50%" y2="50%"/>`) +
    `<circle cx="${at(view, row.effect)}" cy="50%" r="4"/>` +
    folds.map(({ effect }) => `<circle class="fold" cx="${at(view, effect)}" cy="50%" r="2.5"/>`).join("") +
    "</svg>";
}
const axisMark = (view) => axisOf(...domain(view), (x) => at(view, x));
// The mean profile around an element, grey before and blue after; of the view, or of a profile readout of its model.
const [THUMB_WIDTH, THUMB_HEIGHT] = [110, 26];
function profileView(view) {
  if (profiles === null) return -1;
  return isProfile(view) ? view : views.findIndex((other, j) => isProfile(j) && other.model === views[view].model);
}
function profileMark(view, element) {
  const of = profileView(view);
  const after = of < 0 ? undefined : profiles.after[`${of}/${element}`]?.[0];
  if (!after) return "";
  const before = after.values.map((_, k) => profiles.before[of].values[after.first + k - profiles.before[of].first]);
  const most = Math.max(...after.values, ...before);
  const path = (values) => values
    .map((y, k) => `${((k / (values.length - 1)) * THUMB_WIDTH).toFixed(1)},${(THUMB_HEIGHT - (y / (most || 1)) * THUMB_HEIGHT).toFixed(1)}`)
    .filter((_, k) => k % 3 === 0)
    .join(" ");
  return `<svg class="profile" role="img" aria-label="Mean profile, before and after" viewBox="0 0 ${THUMB_WIDTH} ${THUMB_HEIGHT}" preserveAspectRatio="none" width="${THUMB_WIDTH}" height="${THUMB_HEIGHT}"><polyline class="before" points="${path(before)}"/><polyline points="${path(after.values)}"/></svg>`;
}

