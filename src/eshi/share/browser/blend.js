// From one face to another, by hand or as a film; and four at once.
const Blend = (() => {
  const STOPS = 7, SIDE = 5;
  const by = id => document.getElementById(id);
  let ends = [], corners = [], strip, field;

  function thumbnail(host, z) {
    Painter.draw(z).then(pixels => pixels && Picture.paint(host.querySelector('canvas'), pixels));
  }

  function setEnd(i, z) {
    ends[i] = Latent.snapped(z);
    thumbnail(by(i ? 'to' : 'from'), ends[i]);
    strip.fill(Array.from({ length: STOPS }, (_, k) => Latent.between(...ends, k / (STOPS - 1))));
  }

  function stops() {
    const kept = Gallery.faces();
    return by('path').value === 'through' && kept.length > 1 ? kept : ends;
  }

  const way = rate => Film.path(stops(), +by('seconds').value, by('loop').checked, rate);

  function progress(share) {
    by('progress').hidden = share >= 1;
    by('progress').value = share;
  }

  async function made(key, rate, make) {
    for (const id of ['webm', 'gif']) by(id).disabled = true;
    Status.say('making');
    try {
      const pictures = await Film.frames(way(rate), share => progress(share * 0.5));
      Status.say(key);
      const { blob, suffix } = await make(pictures);
      Picture.save(blob, `${MODEL.file}.${suffix}`);
    } finally {
      progress(1);
      by('webm').disabled = !Film.kind();
      by('gif').disabled = false;
    }
  }

  function play() {
    if (by('play').getAttribute('aria-pressed') === 'true') return halt();
    by('play').setAttribute('aria-pressed', 'true');
    by('play').textContent = say('stop');
    Film.play(way(), Stage.canvas, by('loop').checked).then(halt);
  }

  function halt() {
    if (by('play').getAttribute('aria-pressed') !== 'true') return;
    Film.stop();
    by('play').setAttribute('aria-pressed', 'false');
    by('play').textContent = say('play');
    Stage.refresh();
  }

  function mix() {
    const shares = (x, y) => [(1 - x) * (1 - y), x * (1 - y), (1 - x) * y, x * y];
    return field.fill(Array.from({ length: SIDE * SIDE }, (_, i) => {
      const [x, y] = [i % SIDE, Math.floor(i / SIDE)].map(at => at / (SIDE - 1));
      return Latent.mixed(corners, shares(x, y));
    }));
  }

  function others() {
    corners = Array.from({ length: 4 }, () => Locks.rolled(Face.now()));
    return mix();
  }

  function begin() {
    strip = grid(by('strip'), { pick: (z, i) => { by('share').value = i / (STOPS - 1); Face.show(z); } });
    field = grid(by('field'), {
      pick: z => Face.show(z),
      words: i => say('mixed', Math.floor(i / SIDE) + 1, i % SIDE + 1),
    });
    for (const id of ['from', 'to']) by(id).append(Picture.canvas());
    for (const count of [2, 4, 8]) by('seconds').append(new Option(say('seconds', count), count, false, count === 4));
    ends = [Face.now(), Locks.rolled(Face.now())];
    setEnd(0, ends[0]);
    setEnd(1, ends[1]);
    by('from').addEventListener('click', () => setEnd(0, Face.now()));
    by('to').addEventListener('click', () => setEnd(1, Face.now()));
    by('share').addEventListener('input', () => Face.show(Latent.between(...ends, +by('share').value), true));
    by('share').addEventListener('change', () => Face.settle());
    by('play').addEventListener('click', play);
    by('webm').addEventListener('click', () => made('recording', Film.RATE, pictures => Film.record(pictures, share => progress(0.5 + share / 2))));
    by('gif').addEventListener('click', () => made('making', Film.SLOWER, async pictures => ({ blob: Film.gif(pictures), suffix: 'gif' })));
    by('webm').disabled = !Film.kind();
    if (!Film.kind()) by('webm').title = say('noFilm');
    for (const i of [0, 1, 2, 3]) {
      const one = Shape.element('button', { type: 'button', say: '◰◳◱◲'[i], className: 'quiet' });
      one.setAttribute('aria-label', `${say('cornerHere')} ${i + 1}`);
      one.dataset.corner = i;
      one.addEventListener('click', () => {
        corners[i] = Face.now();
        mix();
      });
      by('corners').append(one);
    }
    by('others').addEventListener('click', others);
    Face.listen(halt);
    others();
  }

  return { begin };
})();
