// Pixels on a canvas, larger, and as files.
const Picture = (() => {
  const { width, height } = MODEL.plan;

  // Mitchell's and Netravali's cubic (1988): neither blocks nor rings, and the same in every browser.
  function cubic(x) {
    x = Math.abs(x);
    if (x < 1) return (7 * x ** 3 - 12 * x ** 2 + 16 / 3) / 6;
    return x < 2 ? (-7 / 3 * x ** 3 + 12 * x ** 2 - 20 * x + 32 / 3) / 6 : 0;
  }

  // For each pixel of the larger side: four neighbours and their weights.
  function places(side, times) {
    return Array.from({ length: side * times }, (_, i) => {
      const at = (i + 0.5) / times - 0.5, first = Math.floor(at) - 1;
      return [0, 1, 2, 3].map(k => [Math.min(side - 1, Math.max(0, first + k)), cubic(at - first - k)]);
    });
  }

  const known = new Map();
  const remembered = (side, times) => {
    const key = `${side} ${times}`;
    if (!known.has(key)) known.set(key, places(side, times));
    return known.get(key);
  };

  function enlarged(pixels, times) {
    if (times === 1) return new ImageData(new Uint8ClampedArray(pixels), width, height);
    const [across, down] = [remembered(width, times), remembered(height, times)];
    const rows = new Float32Array(3 * height * width * times);
    for (let y = 0, to = 0; y < height; y++) {
      for (const [[x0, w0], [x1, w1], [x2, w2], [x3, w3]] of across) {
        for (let c = 0; c < 3; c++, to++) {
          const row = 4 * y * width + c;
          rows[to] = w0 * pixels[row + 4 * x0] + w1 * pixels[row + 4 * x1] + w2 * pixels[row + 4 * x2] + w3 * pixels[row + 4 * x3];
        }
      }
    }
    const line = 3 * width * times;
    const out = new Uint8ClampedArray(4 * width * height * times * times).fill(255);
    let to = 0;
    for (const [[y0, w0], [y1, w1], [y2, w2], [y3, w3]] of down) {
      for (let i = 0; i < line; i += 3, to += 4) {
        for (let c = 0; c < 3; c++) {
          const at = i + c;
          out[to + c] = w0 * rows[y0 * line + at] + w1 * rows[y1 * line + at] + w2 * rows[y2 * line + at] + w3 * rows[y3 * line + at];
        }
      }
    }
    return new ImageData(out, width * times, height * times);
  }

  function paint(canvas, pixels, times = 1) {
    if (canvas.width !== width * times || canvas.height !== height * times) {
      canvas.width = width * times;
      canvas.height = height * times;
    }
    canvas.getContext('2d').putImageData(enlarged(pixels, times), 0, 0);
  }

  function canvas() {
    const found = document.createElement('canvas');
    found.width = width;
    found.height = height;
    return found;
  }

  async function png(pixels, times) {
    const found = canvas();
    paint(found, pixels, times);
    return new Promise(done => found.toBlob(done, 'image/png'));
  }

  function save(blob, name) {
    const link = document.createElement('a');
    link.href = URL.createObjectURL(blob);
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
    Status.say('saidSaved', name);
  }

  const filmTimes = Math.max(1, Math.round(256 / Math.max(width, height)));
  return { width, height, enlarged, paint, canvas, png, save, filmTimes };
})();

// What just happened, for eyes and for screen readers.
const Status = {
  say(key, ...facts) {
    const line = document.getElementById('says');
    line.textContent = say(key, ...facts);
    line.classList.remove('new');
    void line.offsetWidth; // begins its fading anew
    line.classList.add('new');
  },
};
