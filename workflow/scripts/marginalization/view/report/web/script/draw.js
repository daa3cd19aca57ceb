// Charts: drawn when they are first seen, and again when the colours change.
const drawn = new Map();
async function draw(box) {
  const { chart, view, element } = box.dataset;
  const spec = titled(JSON.parse(JSON.stringify(CHARTS[chart])), Number(view || 0));
  spec.datasets = data[chart](Number(view || 0), Number(element || 0));
  drawn.get(box)?.finalize();
  const night = dark.matches && !matchMedia("print").matches;
  const [ink, line] = night ? ["#e6edf3", "#3d444d"] : ["#1b1f24", "#d0d7de"];
  const axis = { labelFontSize: 12, titleFontSize: 12, labelColor: ink, titleColor: ink, gridColor: line, domainColor: line, tickColor: line };
  const legend = { labelColor: ink, titleColor: ink, labelFontSize: 12, symbolBaseFillColor: ink };
  const header = { labelColor: ink, titleColor: ink };
  const config = { ...spec.config, axis, header, text: { color: ink }, legend: { ...spec.config.legend, ...legend } };
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
