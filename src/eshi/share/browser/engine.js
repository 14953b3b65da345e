// Draws: the steps of a generator (plan.py) through the routine in kernel.wat. Knows nothing of the page around it, so that
// it can work in a thread of its own; where the browser gives none, it works in the page's.
const Engine = (() => {
  'use strict';

  function bytes(base64) {
    if (Uint8Array.fromBase64) return Uint8Array.fromBase64(base64.trim());
    const letters = atob(base64.trim()), found = new Uint8Array(letters.length);
    for (let i = 0; i < found.length; i++) found[i] = letters.charCodeAt(i);
    return found;
  }

  async function gunzip(packed) {
    const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream('gzip'));
    return new Uint8Array(await new Response(stream).arrayBuffer());
  }

  // Everything that a drawing needs lies in one memory: taps, biases and weights, then a map for each value.
  // A map has a border of zeros, as wide as the farthest neighbour is away, and channels in whole blocks of 8.
  function laidOut(plan) {
    let end = 0;
    const take = size => (end += size) - size;
    const wide = channels => Math.ceil(channels / 8) * 8;
    const map = (height, width, channels) => {
      const pixel = 4 * wide(channels);
      const row = pixel * (width + 2 * plan.border);
      const start = take(row * (height + 2 * plan.border));
      return { height, width, channels, pixel, row, start, first: start + plan.border * (row + pixel) };
    };
    const maps = [map(1, 1, plan.latent)];
    for (const step of plan.steps) {
      maps.push(map(...step.size, step.outputs));
    }
    const calls = [];
    plan.steps.forEach((step, i) => {
      const [from, to] = [maps[step.from], maps[i + 1]];
      const blocks = wide(step.outputs) / 8;
      const plus = step.plus === null ? null : maps[step.plus];
      const told = plus && (plus.width !== to.width || plus.height !== to.height) ? plus : null; // one pixel, for all
      for (const [[y, x], [height, width], taps] of step.phases) {
        const weights = take(32 * blocks * taps.length * step.inputs);
        const bias = take(32 * blocks);
        const list = take(16 * Math.ceil(taps.length / 4));
        calls.push({
          step: i, weights, bias, blocks, list, told, empty: !height || !width,
          taps: taps.map(([dy, dx]) => dy * from.row + dx * from.pixel),
          words: [from.first, step.jump[1] * from.pixel, step.jump[0] * from.row, width, height, list, taps.length,
            4 * step.inputs, weights, bias, blocks, to.first + y * to.row + x * to.pixel, step.stride[1] * to.pixel,
            step.stride[0] * to.row, plus && !told ? plus.start - to.start : 0, step.slope],
        });
      }
    });
    return { maps, calls, end };
  }

  // The file has, step by step, a scale for each output and the biases; then all weights as whole numbers, those of 16 bits
  // as their low and their high bytes apart, since the high ones alone can be packed.
  function fill(plan, calls, file, floats) {
    const numbers = new Float32Array(file.buffer, file.byteOffset, plan.floats);
    const whole = file.subarray(4 * plan.floats);
    const low = plan.bits === 16 ? whole.subarray(0, plan.weights) : null;
    const high = new Int8Array(whole.buffer, whole.byteOffset + (low ? plan.weights : 0), plan.weights);
    let scales = null, next = 0, from = 0, step = -1;
    for (const call of calls) {
      const outputs = 8 * call.blocks;
      if (call.step !== step) {
        step = call.step;
        scales = numbers.subarray(next, next += outputs);
      }
      floats.set(numbers.subarray(next, next += outputs), call.bias / 4);
      const count = call.taps.length * plan.steps[step].inputs * 8;
      for (let block = 0; block < call.blocks; block++) {
        const to = call.weights / 4 + block * count;
        for (let i = 0; i < count; i++, from++) {
          const value = low ? high[from] * 256 + low[from] : high[from];
          floats[to + i] = value * scales[8 * block + (i & 7)];
        }
      }
    }
  }

  // -> draw(z): a latent to width x height pixels, red, green, blue and opaque.
  async function awake(plan, kernel, packed) {
    const { maps, calls, end } = laidOut(plan);
    const [{ instance }, file] = await Promise.all([WebAssembly.instantiate(bytes(kernel)), gunzip(bytes(packed))]);
    const { memory, phase } = instance.exports;
    memory.grow(Math.ceil(end / 65536));
    const floats = new Float32Array(memory.buffer);
    fill(plan, calls, file, floats);
    for (const call of calls) {
      new Int32Array(memory.buffer, call.list).set(call.taps);
      call.own = floats.slice(call.bias / 4, call.bias / 4 + 8 * call.blocks);
    }
    const out = maps[maps.length - 1];
    return z => {
      floats.set(z, maps[0].first / 4);
      for (const call of calls) {
        if (call.told) {
          const [to, from] = [call.bias / 4, call.told.first / 4];
          call.own.forEach((own, i) => { floats[to + i] = own + floats[from + i]; });
        }
        if (!call.empty) phase(...call.words);
      }
      const pixels = new Uint8ClampedArray(4 * out.width * out.height).fill(255);
      for (let y = 0, to = 0; y < out.height; y++) {
        let from = (out.first + y * out.row) / 4;
        for (let x = 0; x < out.width; x++, from += out.pixel / 4, to += 4) {
          for (let c = 0; c < 3; c++) {
            const value = plan.end === 'tanh' ? Math.tanh(floats[from + c]) : floats[from + c];
            pixels[to + c] = Math.floor(value * 127.5 + 128);
          }
        }
      }
      return pixels;
    };
  }

  // In a thread of its own: the first message brings the generator, each later one a latent.
  function serve(place) {
    let draw = null;
    place.onmessage = async ({ data }) => {
      try {
        if (data.plan) {
          draw = await awake(data.plan, data.kernel, data.weights);
          return place.postMessage({ ready: true });
        }
        const pixels = draw(data.z);
        place.postMessage({ id: data.id, pixels }, [pixels.buffer]);
      } catch (error) {
        place.postMessage({ id: data.id, error: String(error) });
      }
    };
  }

  return { awake, serve };
})();
