// The page's behaviour. CONTENTS (see contents.py), CHARTS (Vega-Lite without data), LETTERS (outlines) are given.
const dark = matchMedia("(prefers-color-scheme: dark)");
const byId = (id) => document.getElementById(id);
const short = (name) => {
  const [first, ...others] = name.split(";");
  return others.length ? `${first} (+${others.length})` : first;
};
const escaped = (text) => text.replace(/[&<>"']/g, (letter) => `&#${letter.charCodeAt(0)};`);
// As `quantities.number` and `signed` write them.
const number = (x, digits = 3) => {
  if (x === null || x === undefined) return "";
  const size = Math.abs(x);
  if (x !== 0 && (size < 1e-4 || size >= 1e15)) return Number(x.toPrecision(digits)).toString();
  return Number(x.toPrecision(digits)).toLocaleString("en-US", { maximumFractionDigits: 20 });
};
const signed = (x) => (x > 0 ? `+${number(x)}` : number(x));
const interval = ({ low, high }) => (low === null || low === undefined ? "" : `${number(low)} to ${number(high)}`);
