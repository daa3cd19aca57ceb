// Charts: drawn when they are first seen, and again when the colours change.
const drawn = new Map();
async function draw(box) {
  const { chart, view, element, panel } = box.dataset;
  const spec = titled(CHARTS[chart], Number(view || 0));
  const { ends, ...datasets } = data[chart](Number(view || 0), Number(element || 0), Number(panel || 0));
  spec.datasets = datasets;
  // Panels are on the same axes.
  for (const { encoding } of ends ? [spec, ...(spec.layer ?? [])] : [])
    for (const [axis, domain] of Object.entries(ends))
      if (encoding?.[axis]) encoding[axis].scale = { ...encoding[axis].scale, domain };
  drawn.get(box)?.finalize();
  const night = dark.matches && !matchMedia("print").matches;
  const [ink, line] = night ? ["#e6edf3", "#3d444d"] : ["#1b1f24", "#d0d7de"];
  const axis = { labelFontSize: 12, titleFontSize: 12, labelColor: ink, titleColor: ink, gridColor: line, domainColor: line, tickColor: line };
  const legend = { labelColor: ink, titleColor: ink, labelFontSize: 12, symbolBaseFillColor: ink, ...(box.clientWidth < 430 ? { columns: 2 } : {}) };
  const header = { labelColor: ink, titleColor: ink };
  const config = { ...spec.config, axis, header, text: { color: ink }, legend: { ...spec.config.legend, ...legend } };
  const result = await vegaEmbed(box, { ...spec, config }, { actions: false, renderer: "svg", logLevel: 1 });
  drawn.set(box, result);
  result.view.addEventListener("click", (event, item) => {
    if (item?.datum?.element !== undefined) open(item.datum.element, Number(view || 0));
  });
}
// Boxes for the panels of a chart, side by side; a lone one has no title.
function panels(box, chart, view, titles, element = 0) {
  for (const old of box.querySelectorAll(".chart")) {
    drawn.get(old)?.finalize();
    drawn.delete(old);
  }
  box.innerHTML = titles.map((title) => `<figure>${titles.length > 1 ? `<figcaption>${escaped(title)}</figcaption>` : ""}<div class="chart"></div></figure>`).join("");
  const made = [...box.querySelectorAll(".chart")];
  made.forEach((each, panel) => Object.assign(each.dataset, { chart, view, element, panel }));
  return made;
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
