const colours = { A: "#009E73", C: "#0072B2", G: "#E69F00", T: "#D55E00" };
// Logos: letters as high as their information, or of one height where there is no matrix.
function logo(element, label) {
  const columns = element.matrix
    ? element.matrix.map((p) => {
        const bits = 2 + p.reduce((sum, x) => sum + (x > 0 ? x * Math.log2(x) : 0), 0);
        return p.map((x, i) => ["ACGT"[i], x * bits]).sort((a, b) => a[1] - b[1]);
      })
    : [...element.sequence.slice(0, 60)].map((letter) => [[letter, 2]]);
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

// What a model reads in a motif: each base as high as what is lost when it is changed, below the line where it is gained.
function mapOf(map, element) {
  if (!map) return "";
  const top = Math.max(...map.losses, 0);
  const scale = 2 / (top - Math.min(...map.losses, 0) || 1);
  const line = top * scale;
  const letters = map.losses.map((loss, i) => {
    const at = `translate(${i + 0.03} ${line - Math.max(loss, 0) * scale}) scale(0.94 ${Math.abs(loss) * scale})`;
    const letter = element.sequence[i];
    return LETTERS[letter] && loss ? `<path d="${LETTERS[letter]}" fill="${colours[letter]}" transform="${at}"/>` : "";
  });
  const n = map.losses.length;
  const said = escaped(`${map.said}.`);
  return `<svg class="logo" role="img" aria-label="Map: ${said}" viewBox="0 0 ${n} 2" preserveAspectRatio="none" width="${13 * n}">${letters.join("")}<rect y="${line - 0.01}" width="${n}" height="0.02" fill="currentColor"/></svg>` +
    `<p class="note">Each base as high as what a change of it takes away; below the line what it adds (${number(top)} at the top). Here ${facts.models.length > 1 ? "this model" : "the model"} ${said}</p>`;
}
