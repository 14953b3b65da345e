// The large face and what can be done with it.
const Stage = (() => {
  const times = Math.max(1, Math.ceil(448 / Picture.width));
  const canvas = document.getElementById('large');
  const frame = canvas.parentElement;
  const button = id => document.getElementById(id);
  const LATELY = 6; // faces back, in sight
  const MORPH = 450; // ms in which one face turns into the next
  const SLOW = 60; // ms for a face: then there would be no turning, but jumping
  const still = matchMedia('(prefers-reduced-motion: reduce)');
  let goal = null, shown = null, from = null, start = 0, time = 0; // of what is drawn, and how long a face took
  let busy = false, first;
  const ready = new Promise(done => (first = done));

  function onTheWay() {
    const share = (performance.now() - start) / MORPH;
    return from && share < 1 ? Latent.between(from, goal, share * share * (3 - 2 * share)) : goal;
  }

  // One drawing at a time, until the goal is reached; that may move on meanwhile.
  async function draw() {
    if (busy) return;
    busy = true;
    let pixels = null;
    while (shown !== goal) {
      const z = onTheWay(), began = performance.now();
      pixels = await Painter.draw(z, { urgent: true });
      time = performance.now() - began;
      if (pixels) Picture.paint(canvas, pixels, times);
      shown = z;
      canvas.dataset.drawn = +(canvas.dataset.drawn ?? 0) + 1;
      frame.classList.add('ready');
      first();
      if (shown !== goal && from) await new Promise(requestAnimationFrame); // no more often than the screen shows it
    }
    if (pixels) Colour.describe(canvas, say('large'), pixels);
    canvas.dataset.face = Latent.written(goal);
    busy = false;
  }

  // Under a slider a face follows the hand; from any other to the next it turns.
  function look(z, passing = false) {
    from = passing || !shown || still.matches || time > SLOW ? null : shown;
    start = performance.now();
    goal = z;
    draw();
    if (document.activeElement !== button('number')) button('number').value = Wish.numberOf(z) ?? '';
    button('undo').disabled = !Face.undoable();
    button('redo').disabled = !Face.redoable();
  }

  async function link() {
    Face.settle();
    try {
      await navigator.clipboard.writeText(Face.link());
      Status.say('saidLink');
    } catch {
      Status.say('saidLinkHere');
    }
  }

  async function save(times) {
    const found = await Painter.draw(Face.now(), { urgent: true });
    Picture.save(await Picture.png(found, times), `${MODEL.file}-${Picture.width * times}.png`);
  }

  function unfold(open) {
    button('sizes').hidden = !open;
    button('save').setAttribute('aria-expanded', open);
    if (open) button('sizes').firstChild.focus();
  }

  const roll = () => Face.show(Locks.rolled(Face.now()));

  function begin() {
    canvas.width = Picture.width * times;
    canvas.height = Picture.height * times;
    document.documentElement.style.setProperty('--shape', `${Picture.width} / ${Picture.height}`);
    const menu = button('sizes');
    for (const times of [1, 4, 8]) {
      const one = document.createElement('button');
      one.type = 'button';
      one.dataset.times = times;
      one.textContent = `PNG ${say('size', Picture.width * times, Picture.height * times)}`;
      one.addEventListener('click', () => {
        unfold(false);
        button('save').focus();
        save(times);
      });
      menu.append(one);
    }
    button('save').addEventListener('click', () => unfold(menu.hidden));
    menu.addEventListener('keydown', event => event.key === 'Escape' && unfold(false));
    const deeds = { roll, undo: Face.undo, redo: Face.redo, keep: () => Gallery.keep(Face.now(), Face.asked()), link };
    for (const [id, deed] of Object.entries(deeds)) button(id).addEventListener('click', deed);
    Face.listen(look);
    const number = button('number');
    number.addEventListener('change', () => {
      if (/^\d{1,18}$/.test(number.value.trim())) Face.show(Wish.numbered(number.value.trim(), Face.asked()));
      else number.value = Wish.numberOf(Face.now()) ?? '';
    });
    number.addEventListener('keydown', event => event.key === 'Enter' && number.blur());
    let shown = [];
    const lately = grid(button('lately'), { pick: (z, i) => Face.show(z, false, shown[i].asked) });
    Face.rest(() => lately.fill((shown = Face.lately(LATELY)).map(one => one.z)));
  }

  return { begin, ready, times, canvas, roll, refresh: () => { shown = null; look(Face.now()); } };
})();
