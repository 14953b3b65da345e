// Films as GIF: 256 colours for all frames, chosen by median cut (Heckbert 1982), packed by LZW as the format has it.
const Gif = (() => {
  const fifteen = (data, i) => (data[i] >> 3) << 10 | (data[i + 1] >> 3) << 5 | data[i + 2] >> 3; // bits of colour

  function palette(frames) {
    const counts = new Uint32Array(32768);
    for (const { data } of frames) for (let i = 0; i < data.length; i += 4) counts[fifteen(data, i)]++;
    const part = (colour, axis) => colour >> 10 - 5 * axis & 31;
    const box = colours => {
      const spread = [0, 1, 2].map(axis => {
        const values = colours.map(colour => part(colour, axis));
        return values.reduce((a, b) => Math.max(a, b)) - values.reduce((a, b) => Math.min(a, b));
      });
      const axis = spread.indexOf(Math.max(...spread));
      const weight = colours.reduce((sum, colour) => sum + counts[colour], 0);
      return { colours, axis, weight, worth: spread[axis] * Math.sqrt(weight) };
    };
    const boxes = [box([...counts.keys()].filter(colour => counts[colour]))];
    while (boxes.length < 256) {
      const widest = boxes.reduce((best, one) => one.worth > best.worth ? one : best);
      if (!widest.worth) break;
      const sorted = widest.colours.sort((a, b) => part(a, widest.axis) - part(b, widest.axis));
      let seen = 0;
      let cut = sorted.findIndex(colour => (seen += counts[colour]) >= widest.weight / 2) + 1;
      cut = Math.min(Math.max(1, cut), sorted.length - 1);
      boxes.splice(boxes.indexOf(widest), 1, box(sorted.slice(0, cut)), box(sorted.slice(cut)));
    }
    const index = new Uint8Array(32768), colours = new Uint8Array(768);
    boxes.forEach((one, i) => {
      for (let axis = 0; axis < 3; axis++) {
        const total = one.colours.reduce((sum, colour) => sum + counts[colour] * part(colour, axis), 0);
        colours[3 * i + axis] = Math.round(total / one.weight * 255 / 31);
      }
      for (const colour of one.colours) index[colour] = i;
    });
    return { index, colours };
  }

  // Codes grow from 9 bits to 12; when all are taken, a clear code begins anew.
  function packed(data, index) {
    const out = [];
    let bits = 0, held = 0, size = 9, next = 258, table = new Map();
    const put = code => {
      held |= code << bits;
      for (bits += size; bits >= 8; bits -= 8, held >>>= 8) out.push(held & 255);
    };
    put(256);
    let prefix = index[fifteen(data, 0)];
    for (let i = 4; i < data.length; i += 4) {
      const letter = index[fifteen(data, i)], key = prefix << 8 | letter;
      if (table.has(key)) {
        prefix = table.get(key);
        continue;
      }
      put(prefix);
      if (next === 4096) {
        put(256);
        size = 9, next = 258, table = new Map();
      } else {
        if (next === 1 << size) size++;
        table.set(key, next++);
      }
      prefix = letter;
    }
    put(prefix);
    put(257);
    if (bits) out.push(held & 255);
    return out;
  }

  // Frames are ImageData of one size; `seconds` is for each. It goes round for ever.
  function encode(frames, seconds) {
    const { index, colours } = palette(frames);
    const { width, height } = frames[0];
    const short = value => [value & 255, value >> 8];
    const parts = [
      Uint8Array.from([...'GIF89a'].map(letter => letter.charCodeAt(0))),
      Uint8Array.from([...short(width), ...short(height), 0xf7, 0, 0]), colours,
      Uint8Array.from([0x21, 0xff, 11, ...[...'NETSCAPE2.0'].map(letter => letter.charCodeAt(0)), 3, 1, 0, 0, 0]),
    ];
    for (const { data } of frames) {
      parts.push(Uint8Array.from([0x21, 0xf9, 4, 4, ...short(Math.round(seconds * 100)), 0, 0,
        0x2c, 0, 0, 0, 0, ...short(width), ...short(height), 0, 8]));
      const codes = packed(data, index);
      for (let i = 0; i < codes.length; i += 255) {
        const some = codes.slice(i, i + 255);
        parts.push(Uint8Array.from([some.length, ...some]));
      }
      parts.push(Uint8Array.from([0]));
    }
    return new Blob([...parts, Uint8Array.from([0x3b])], { type: 'image/gif' });
  }

  return { encode };
})();
