// The axis of small pictures in rows: round numbers from low to high, `at` gives where each is.
const TICKS = 6;
function axisOf(low, high, at) {
  const rough = (high - low) / TICKS;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 5, 10].find((times) => times * power >= rough);
  const ticks = [];
  for (let k = Math.ceil(low / step); k * step <= high; k++) ticks.push(Number((k * step).toPrecision(6)));
  return `<svg class="axis" aria-hidden="true">${ticks
    .map((x) => `<text x="${at(x)}" y="12" text-anchor="middle">${number(x)}</text><line x1="${at(x)}" x2="${at(x)}" y1="16" y2="21"/>`)
    .join("")}</svg>`;
}
