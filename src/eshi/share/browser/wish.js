// What a face is asked to show, where the run learned from labels. A word is a way that latents are moved along, so that
// a face that shows it is a latent like any other. `asked` are places in MODEL.words, at most one of each attribute.
const Wish = (() => {
  // As a link can carry them, so that adding and taking away leaves no trace.
  const words = MODEL.words.map(one => ({ ...one, vector: Latent.snapped(one.vector) }));

  const along = (z, asked, way) => asked.reduce((sum, i) => Latent.sum(sum, words[i].vector, way), z);

  // The same face, asked for `to` in place of `from`.
  const instead = (z, from, to) => Latent.snapped(along(along(z, from, -1), to, 1));
  const numberOf = (z, asked) => Latent.numberOf(asked.length ? instead(z, asked, []) : z);

  // null where these are no places of words, or two are of one attribute.
  function read(found) {
    const told = Array.isArray(found) ? found : [];
    const asked = told.map(Number);
    const fits = told.every(i => /^\d+$/.test(i) && Object.hasOwn(words, Number(i))) && new Set(asked.map(i => words[i].attribute)).size === asked.length;
    return fits ? asked : null;
  }

  return { instead, numberOf, read };
})();
