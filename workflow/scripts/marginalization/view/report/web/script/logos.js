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
