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
  ["loci", "By what is known of each locus", "loci"],
  ["profile", "Mean profile", "profile"],
  ["change", "Change of the mean profile", "profile"],
  ["scan", "Along the background", "scan"],
  ["attributions", "Attributions", "attributions"],
  ["targets", "On each target, by each model", "targets"],
];
// Whether strands, and models, differ: only where there are intervals to tell it by.
function alikeOn(view, element) {
  const words = (of, name) => of.map((row) => `${signed(row.effect)} ${name(row)}`).join(", ");
  const own = strandsOf(view, element);
  const folds = foldsOf(view, element);
  const said = [];
  if (own.length > 1 && own.every(({ low }) => low !== null))
    said.push(apart[view].strands.has(element) ? `Strands differ: ${words(own, ({ strand }) => `on the ${STRAND_NAMES[strand]}`)}.` : "Alike on both strands.");
  if (folds.length > 1 && folds.every(({ low }) => low !== null))
    said.push(apart[view].folds.has(element) ? `Models differ: ${words(folds, ({ model }) => `in ${model}`)}.` : `Alike in all ${folds.length} models.`);
  return said.join(" ");
}
function fill() {
  const [index, view] = [Number(dialog.dataset.element), Number(byId("element-view").value)];
  const element = elements[index];
  byId("element-charts").innerHTML = "";
  byId("element-missing").hidden = rows[view].has(index);
  byId("element-alike").textContent = alikeOn(view, index);
  for (const [chart, title, rowsOf] of ELEMENT_CHARTS) {
    if (!data[chart](view, index, 0)[rowsOf].length) continue;
    const card = document.createElement("article");
    card.className = "card";
    const titles = rowsOf === "profile" ? profilePanels(view, index).map((panel) => panel.title) : [""];
    card.innerHTML = `<h3>${title}</h3><div class="panels"></div>`;
    card.classList.toggle("across", titles.length > 1);
    byId("element-charts").append(card);
    panels(card.lastElementChild, chart, view, titles, index).forEach(draw);
  }
  byId("element-map").innerHTML = mapOf(CONTENTS.maps[`${view}/${index}`], element);
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
