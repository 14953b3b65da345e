// A way through latents as frames, shown, recorded by the browser, or as GIF.
const Film = (() => {
  const RATE = 24; // frames a second
  const SLOWER = 12; // of a GIF, which is large
  let playing = 0;

  const wait = ms => new Promise(done => setTimeout(done, ms));
  const eased = share => share * share * (3 - 2 * share); // begins and ends at rest

  // `stops` one after the other, and back, where it is asked for; then it can go round and round.
  function path(stops, seconds, back, rate = RATE) {
    const way = back ? [...stops, ...stops.slice(0, -1).reverse()] : stops;
    const count = Math.max(2, Math.round(seconds * rate));
    return Array.from({ length: count }, (_, i) => {
      const at = i / (back ? count : count - 1) * (way.length - 1);
      const leg = Math.min(way.length - 2, Math.floor(at));
      return Latent.snapped(Latent.between(way[leg], way[leg + 1], eased(at - leg)));
    });
  }

  async function frames(way, progress) {
    const found = [];
    for (const z of way) {
      found.push(await Painter.draw(z));
      progress(found.length / way.length);
    }
    return found;
  }

  async function play(way, canvas, again) {
    const mine = ++playing;
    do {
      for (const z of way) {
        const shown = performance.now();
        const pixels = await Painter.draw(z, { urgent: true });
        if (mine !== playing) return;
        Picture.paint(canvas, pixels, Stage.times);
        await wait(Math.max(0, 1000 / RATE - (performance.now() - shown)));
        if (mine !== playing) return;
      }
    } while (again);
  }

  const stop = () => playing++;

  function kind() {
    if (!window.MediaRecorder || !HTMLCanvasElement.prototype.captureStream) return null;
    const known = ['video/webm;codecs=vp9', 'video/webm;codecs=vp8', 'video/webm', 'video/mp4'];
    return known.find(type => MediaRecorder.isTypeSupported(type)) ?? null;
  }

  // The browser records what it sees, in the time that it takes.
  async function record(pictures, progress) {
    const type = kind(), canvas = Picture.canvas();
    Picture.paint(canvas, pictures[0], Picture.filmTimes);
    const stream = canvas.captureStream(RATE);
    const recorder = new MediaRecorder(stream, { mimeType: type, videoBitsPerSecond: 4_000_000 });
    const parts = [];
    recorder.ondataavailable = event => parts.push(event.data);
    const ended = new Promise(done => (recorder.onstop = done));
    recorder.start();
    const start = performance.now();
    for (let i = 0; i < pictures.length; i++) {
      Picture.paint(canvas, pictures[i], Picture.filmTimes);
      progress((i + 1) / pictures.length);
      await wait(Math.max(0, start + 1000 * (i + 1) / RATE - performance.now()));
    }
    recorder.stop();
    await ended;
    return { blob: new Blob(parts, { type: type.split(';')[0] }), suffix: type.includes('mp4') ? 'mp4' : 'webm' };
  }

  const gif = pictures => Gif.encode(pictures.map(one => Picture.enlarged(one, Picture.filmTimes)), 1 / SLOWER);

  return { RATE, SLOWER, path, frames, play, stop, kind, record, gif };
})();
