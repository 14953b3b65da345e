// Every face has a number: here as on eshi's command line, whose random numbers are NumPy's (default_rng).
const Numbers = (() => {
  const HALF = (1n << 64n) - 1n, WHOLE = (1n << 128n) - 1n;

  // Four words of 64 bits from a number of any size: O'Neill's seed_seq, as NumPy's SeedSequence has it.
  function seeds(number) {
    const entropy = [];
    for (let rest = BigInt(number); rest || !entropy.length; rest >>= 32n) entropy.push(Number(rest & 0xffffffffn));
    const hasher = (start, factor) => value => {
      value = (value ^ start) >>> 0;
      start = Math.imul(start, factor) >>> 0;
      value = Math.imul(value, start) >>> 0;
      return (value ^ value >>> 16) >>> 0;
    };
    const mix = (x, y) => {
      const found = Math.imul(x, 0xca01f9dd) - Math.imul(y, 0x4973f715) >>> 0;
      return (found ^ found >>> 16) >>> 0;
    };
    const hash = hasher(0x43b0d7e5, 0x931e8875);
    const pool = [0, 1, 2, 3].map(i => hash(entropy[i] ?? 0));
    for (let from = 0; from < 4; from++) {
      for (let to = 0; to < 4; to++) if (from !== to) pool[to] = mix(pool[to], hash(pool[from]));
    }
    for (const word of entropy.slice(4)) for (let to = 0; to < 4; to++) pool[to] = mix(pool[to], hash(word));
    const out = hasher(0x8b51f9dd, 0x58f38ded);
    const words = Array.from({ length: 8 }, (_, i) => BigInt(out(pool[i % 4])));
    return [0, 2, 4, 6].map(i => words[i] | words[i + 1] << 32n);
  }

  // PCG XSL RR 128/64 (O'Neill 2014).
  function generator(number) {
    const FACTOR = 0x2360ed051fc65da44385df649fccf645n;
    const [a, b, c, d] = seeds(number);
    const step = ((c << 64n | d) << 1n | 1n) & WHOLE;
    let state = 0n;
    const advance = () => (state = state * FACTOR + step & WHOLE);
    advance();
    state = state + (a << 64n | b) & WHOLE;
    advance();
    return () => {
      advance();
      const folded = (state >> 64n ^ state) & HALF, turn = state >> 122n;
      return (folded >> turn | folded << (64n - turn)) & HALF;
    };
  }

  // The ziggurat of 256 layers of equal area over the normal curve (Marsaglia, Tsang 2000).
  const EDGE = 3.6541528853610088, AREA = 0.004928673233974658, UNIT = 2 ** 52;
  const curve = x => Math.exp(-0.5 * x * x);
  const inside = new Float64Array(256), width = new Float64Array(256), height = new Float64Array(256);
  {
    const base = AREA / curve(EDGE);
    let before = EDGE, x = EDGE;
    inside[0] = EDGE / base * UNIT;
    width[0] = base / UNIT;
    width[255] = EDGE / UNIT;
    height[0] = 1;
    height[255] = curve(EDGE);
    for (let i = 254; i >= 1; i--) {
      x = Math.sqrt(-2 * Math.log(AREA / x + curve(x)));
      inside[i + 1] = x / before * UNIT;
      before = x;
      height[i] = curve(x);
      width[i] = x / UNIT;
    }
  }

  const even = next => Number(next() >> 11n) / 2 ** 53;

  function normal(next) {
    for (;;) {
      const bits = next(), layer = Number(bits & 0xffn), sign = bits >> 8n & 1n ? -1 : 1;
      const whole = Number(bits >> 9n & 0xfffffffffffffn), x = sign * whole * width[layer];
      if (whole < inside[layer]) return x;
      if (layer) {
        if ((height[layer - 1] - height[layer]) * even(next) + height[layer] < curve(x)) return x;
        continue;
      }
      for (;;) { // the tail
        const far = -Math.log1p(-even(next)) / EDGE, up = -Math.log1p(-even(next));
        if (up + up > far * far) return (bits >> 17n & 1n ? -1 : 1) * (EDGE + far);
      }
    }
  }

  function normals(number, count) {
    const next = generator(number);
    return Float64Array.from({ length: count }, () => normal(next));
  }

  function evens(number, count) {
    const next = generator(number);
    return Float64Array.from({ length: count }, () => even(next));
  }

  return { normals, evens };
})();
