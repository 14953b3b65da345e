// What a face is asked to show, where the run learned from labels. A word is a way that latents are moved along, so that
// a face that shows it is a latent like any other. `asked` are places in MODEL.words, at most one of each attribute; of
// the other attributes chance says something, each value as often as the faces had it.
const Wish = (() => {
  // As a link can carry them, so that adding and taking away leaves no trace.
  const words = MODEL.words.map(one => ({ ...one, vector: Latent.snapped(one.vector) }));
  const attributes = [...new Set(words.map(one => one.attribute))];
  const CHANCE = 1n << 63n; // from here on no number is that of a latent
  const known = new Map(); // latents as written -> their number, of those that came up
  const KNOWN = 20_000;

  const along = (z, asked, way) => asked.reduce((sum, i) => Latent.sum(sum, words[i].vector, way), z);
  const others = asked => attributes.filter(name => !asked.some(i => words[i].attribute === name));

  function byChance(number, asked) {
    const evens = Numbers.evens(BigInt(number) + CHANCE, attributes.length);
    return others(asked).flatMap(name => {
      let sum = 0;
      const found = words.findIndex(one => one.attribute === name && evens[attributes.indexOf(name)] < (sum += one.share));
      return found < 0 ? [] : [found];
    });
  }

  // How far along a direction chance may say a face lies, in standard deviations of the prior.
  function reach(direction) {
    const far = one => Math.abs(direction.reduce((sum, value, i) => sum + value * one.vector[i], 0)) / MODEL.prior.deviation;
    const farthest = name => Math.max(0, ...words.filter(one => one.attribute === name && one.share).map(far));
    return attributes.reduce((sum, name) => sum + farthest(name), 0);
  }

  // The face of a number, the same that `eshi draw RUN --seed NUMBER` begins with.
  function numbered(number, asked) {
    const z = Latent.snapped(along(Latent.numbered(number), [...byChance(number, asked), ...asked], 1));
    if (known.size > KNOWN) known.clear();
    known.set(Latent.written(z), number);
    return z;
  }

  const numberOf = z => known.get(Latent.written(z)) ?? null;
  const random = asked => numbered(Math.floor(Math.random() * 1_000_000), asked);

  // What a latent most likely says by chance of attributes: for each the word that explains it best, or none.
  function said(z, names) {
    const likelihood = i => words[i].vector.reduce((sum, value, k) => sum + value * (z[k] - value / 2), 0);
    return names.flatMap(name => {
      const own = words.map((_, i) => i).filter(i => words[i].attribute === name && words[i].share);
      const best = own.reduce((best, i) => likelihood(i) > (best < 0 ? 0 : likelihood(best)) ? i : best, -1);
      return best < 0 ? [] : [best];
    });
  }

  // The same face, asked for `to` in place of `from`.
  function turned(z, from, to) {
    const number = numberOf(z);
    if (number !== null) return numbered(number, to);
    const bare = along(z, from, -1);
    const fresh = others(from).filter(name => !others(to).includes(name)); // asked for now, by chance before
    return Latent.snapped(along(along(bare, said(bare, fresh), -1), to, 1));
  }

  // null where these are no places of words, or two are of one attribute.
  function read(found) {
    const told = Array.isArray(found) ? found : [];
    const asked = told.map(Number);
    const fits = told.every(i => /^\d+$/.test(i) && Object.hasOwn(words, Number(i))) && new Set(asked.map(i => words[i].attribute)).size === asked.length;
    return fits ? asked : null;
  }

  return { reach, numbered, numberOf, random, turned, read };
})();
