// The page's behaviour. PACKED (what a page is made from, as `page.packed` has it), CHARTS (Vega-Lite without data) and LETTERS
// (outlines) are given.
const unpacked = (text) => {
  const letters = atob(text);
  const bytes = new Uint8Array(letters.length);
  for (let i = 0; i < letters.length; i++) bytes[i] = letters.charCodeAt(i);
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"))).json();
};
const CONTENTS = await unpacked(PACKED);
const dark = matchMedia("(prefers-color-scheme: dark)");
const byId = (id) => document.getElementById(id);
const short = (name) => {
  const [first, ...others] = name.split(";");
  return others.length ? `${first} (+${others.length})` : first;
};
const escaped = (text) => text.replace(/[&<>"']/g, (letter) => `&#${letter.charCodeAt(0)};`);
// As `quantities.number` and `signed` write them.
const plain = new Intl.NumberFormat("en-US", { maximumFractionDigits: 20 });
const number = (x, digits = 3) => {
  if (x === null || x === undefined) return "";
  const size = Math.abs(x);
  if (x !== 0 && (size < 1e-4 || size >= 1e15)) return Number(x.toPrecision(digits)).toString();
  return plain.format(Number(x.toPrecision(digits)));
};
const signed = (x) => (x > 0 ? `+${number(x)}` : number(x));
const interval = ({ low, high }) => (low === null || low === undefined ? "" : `${number(low)} to ${number(high)}`);
