// Arithmetic on latents, as eshi's priors have it (networks/prior.py). A latent is a Float32Array.
const Latent = (() => {
  const { latent: length } = MODEL.plan;
  const { mean, deviation, ends } = MODEL.prior;
  const cube = MODEL.prior.name !== 'normal'; // all others are even between two ends
  const further = new Set(MODEL.words.map(one => one.attribute)).size * Math.max(0, ...MODEL.words.flatMap(one => one.vector.map(Math.abs)));
  const GRID = 2048; // a latent in a link is whole numbers of 16 bits: steps of 1/2048, up to 16 in both directions

  const numbered = number => snapped(cube ? Numbers.evens(number, length).map(share => ends[0] + share * (ends[1] - ends[0])) : Numbers.normals(number, length));
  const dot = (a, b) => a.reduce((sum, value, i) => sum + value * b[i], 0);
  const norm = a => Math.sqrt(dot(a, a));
  const sum = (a, b, share = 1) => Float32Array.from(a, (value, i) => value + share * b[i]);
  const distance = (a, b) => norm(a.map((value, i) => value - b[i])) / (deviation * Math.sqrt(length)); // about 1.4 for any two
  const same = (a, b) => a.every((value, i) => value === b[i]);

  // The nearest that a link can carry, so that who opens it sees the very same pixels.
  function snapped(z) {
    const [low, high] = cube ? [ends[0] - further, ends[1] + further] : [-16, 32767 / GRID]; // words lead out of the cube
    return Float32Array.from(z, value => Math.round(Math.min(high, Math.max(low, value)) * GRID) / GRID);
  }

  // Not much farther from the middle than what the prior gives, or than `start` is.
  function likely(z, start) {
    if (cube) return snapped(z);
    const farthest = Math.max(Math.sqrt(length) + 4 * Math.SQRT1_2, norm(start));
    const share = Math.min(1, farthest / Math.max(norm(z), 1e-9));
    return Float32Array.from(z, value => value * share);
  }

  // Along the great circle for a normal prior, whose latents lie near a sphere; straight for the others.
  function between(a, b, share) {
    const line = () => Float32Array.from(a, (value, i) => value + share * (b[i] - value));
    if (cube) return line();
    const [long, far] = [norm(a), norm(b)];
    const angle = Math.acos(Math.min(1, Math.max(-1, dot(a, b) / Math.max(long * far, 1e-12))));
    if (Math.sin(angle) < 1e-4) return line();
    const [one, other] = [Math.sin((1 - share) * angle), Math.sin(share * angle)].map(x => x / Math.sin(angle));
    const size = long + share * (far - long);
    return Float32Array.from(a, (value, i) => size * (one * value / long + other * b[i] / far));
  }

  // Several at once; a normal prior's latents shrink towards the middle when averaged, so their length is put back.
  function mixed(faces, shares) {
    const total = shares.reduce((a, b) => a + b, 0);
    const z = Float32Array.from({ length }, (_, i) => faces.reduce((s, face, k) => s + face[i] * shares[k] / total, 0));
    if (cube) return z;
    const size = faces.reduce((s, face, k) => s + norm(face) * shares[k] / total, 0);
    return z.map(value => value * size / Math.max(norm(z), 1e-9));
  }

  // How far along a direction a face lies, in standard deviations of the prior; and the face at another place along it.
  const along = (z, direction) => direction.reduce((s, value, i) => s + value * (z[i] - mean), 0) / deviation;
  const moved = (z, direction, to) => sum(z, direction, deviation * (to - along(z, direction)));

  // Vectors of length 1 at right angles that span the same space (Gram and Schmidt).
  function basis(vectors) {
    const found = [];
    for (const vector of vectors) {
      let rest = Float64Array.from(vector);
      const size = norm(rest);
      for (const one of found) {
        const share = dot(rest, one);
        rest = rest.map((value, i) => value - share * one[i]);
      }
      const left = norm(rest);
      if (left > 1e-4 * size) found.push(rest.map(value => value / left));
    }
    return found;
  }

  // `fresh`, but what `locked` spans as it is in `z`: for a normal prior that is drawing under this condition, exactly.
  function held(z, fresh, locked) {
    let out = Float64Array.from(fresh);
    for (const one of locked) {
      const share = dot(z, one) - dot(fresh, one);
      out = out.map((value, i) => value + share * one[i]);
    }
    return snapped(out);
  }

  function written(z) {
    const whole = new DataView(new ArrayBuffer(2 * length));
    z.forEach((value, i) => whole.setInt16(2 * i, Math.round(value * GRID), true));
    const letters = String.fromCharCode(...new Uint8Array(whole.buffer));
    return btoa(letters).replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '');
  }

  // null for whatever is no latent of this page, whoever wrote it.
  function read(text) {
    if (typeof text !== 'string' || text.length !== Math.ceil(16 * length / 6) || !/^[\w-]+$/.test(text)) return null;
    const letters = atob(text.replace(/-/g, '+').replace(/_/g, '/'));
    const whole = new DataView(Uint8Array.from(letters, letter => letter.charCodeAt(0)).buffer);
    return snapped(Float32Array.from({ length }, (_, i) => whole.getInt16(2 * i, true) / GRID));
  }

  const fits = numbers => Array.isArray(numbers) && numbers.length === length && numbers.every(Number.isFinite);

  return { length, numbered, snapped, likely, between, mixed, along, moved, sum, basis, held, same, distance, written, read, fits };
})();
