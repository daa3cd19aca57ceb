// Charts that have choices.
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
