// The colours of hair and eyes, measured where eshi measures them (explore/measures.py), and the way to another one.
const Colour = (() => {
  const { width, height } = MODEL.plan;
  const even = value => Math.abs(value % 1) === 0.5 ? 2 * Math.round(value / 2) : Math.round(value); // as Python rounds
  const LUMA = [0.299, 0.587, 0.114];
  const luma = colour => LUMA.reduce((sum, share, c) => sum + share * colour[c], 0);

  function part(pixels, top, bottom, left, right) {
    const found = [];
    for (let y = even(top * height); y < even(bottom * height); y++) {
      for (let x = even(left * width); x < even(right * width); x++) {
        const at = 4 * (y * width + x);
        found.push([pixels[at] / 255, pixels[at + 1] / 255, pixels[at + 2] / 255]);
      }
    }
    return found;
  }

  function middle(colours) {
    return [0, 1, 2].map(c => {
      const sorted = colours.map(colour => colour[c]).sort((a, b) => a - b);
      return (sorted[sorted.length - 1 >> 1] + sorted[sorted.length >> 1]) / 2;
    });
  }

  const measures = {
    hair: pixels => middle(part(pixels, 0.08, 0.36, 0.28, 0.72)),
    // Where the eyes are, weighted by how far a pixel's tint lies from the skin's; lines and gloss left out.
    eyes(pixels) {
      const skin = middle(part(pixels, 0.59, 0.68, 0.4, 0.6));
      const total = [0, 0, 0, 0];
      for (const colour of [...part(pixels, 0.45, 0.6, 0.27, 0.42), ...part(pixels, 0.45, 0.6, 0.56, 0.72)]) {
        const light = luma(colour);
        const tint = colour.reduce((sum, value, c) => sum + (value - light - (skin[c] - luma(skin))) ** 2, 0);
        const weight = (light > 0.15 && light < 0.8 ? tint : 0) + 1e-6;
        colour.forEach((value, c) => (total[c] += weight * value));
        total[3] += weight;
      }
      return total.slice(0, 3).map(value => value / total[3]);
    },
  };

  const STAYING = 0.2; // of colour is given up for not becoming somebody else, which is as far away as any other face

  // The shortest way as the slopes see it, gone as far as the drawings say; then again from there (explore/edit.py). Less
  // far, though, where the colour hardly follows.
  async function towards(start, name, wanted) {
    const back = MODEL.colours[name]; // (latent, 3)
    let z = start;
    for (let turn = 0; turn < 3; turn++) {
      const now = measures[name](await Painter.draw(z, { urgent: true }));
      const way = back.map(row => row.reduce((sum, value, c) => sum + value * (wanted[c] - now[c]), 0));
      const tried = Array.from({ length: 9 }, (_, i) => Latent.likely(Latent.sum(z, way, i / 4), z));
      const seen = await Promise.all(tried.map(one => Painter.draw(one, { urgent: true })));
      const cost = seen.map((pixels, i) => Math.hypot(...measures[name](pixels).map((value, c) => value - wanted[c]))
        + STAYING * Latent.distance(start, tried[i]));
      const best = cost.indexOf(Math.min(...cost));
      if (!best) break;
      z = tried[best];
    }
    return z;
  }

  // What a screen reader says of a face, where the colours of hair and eyes mean something here.
  function seen(pixels) {
    const names = ['hair', 'eyes'].map(name => {
      const found = measures[name](pixels);
      const far = rgb => Math.hypot(...rgb.map((value, c) => value / 255 - found[c]));
      const palette = Object.entries(MODEL.palette);
      return palette.length && palette.reduce((best, one) => far(one[1]) < far(best[1]) ? one : best)[0];
    });
    return names[0] && say('seen', ...names.map(name => say(name)));
  }

  // `words` and what is seen, as the name of an element.
  const describe = (element, words, pixels) => {
    const more = seen(pixels);
    element.setAttribute('aria-label', more ? `${words}: ${more}` : words);
  };

  return { measures, towards, describe };
})();
