// What stays while the rest is rolled: directions that mean something, or blocks of coordinates.
const Locks = (() => {
  const closed = new Map(); // name -> vectors

  function set(name, vectors) {
    if (vectors) closed.set(name, vectors);
    else closed.delete(name);
    document.body.classList.toggle('locked', closed.size > 0);
    document.querySelector('#roll span').textContent = say(closed.size ? 'rollRest' : 'roll');
  }

  function rolled(z) {
    const fresh = Wish.random(Face.asked());
    return closed.size ? Latent.held(z, fresh, Latent.basis([...closed.values()].flat())) : Latent.snapped(fresh);
  }

  return { set, rolled, any: () => closed.size > 0 };
})();

// Sliders: along what was found to mean something, and along each coordinate.
const Shape = (() => {
  const REACH = 4; // standard deviations
  const BLOCK = 8; // coordinates that are locked together
  const sliders = []; // { input, direction }

  function element(kind, { say: word, ...rest } = {}, ...inside) {
    const made = Object.assign(document.createElement(kind), rest);
    if (word) made.textContent = word;
    made.append(...inside);
    return made;
  }

  function lock(name, vectors) {
    const made = element('button', { type: 'button', className: 'lock' });
    made.setAttribute('aria-label', say('lock', name));
    made.setAttribute('aria-pressed', 'false');
    made.title = say('lock', name);
    made.innerHTML = '<svg aria-hidden="true"><use href="#icon-open"/></svg><svg aria-hidden="true"><use href="#icon-lock"/></svg>';
    made.addEventListener('click', () => {
      const shut = made.getAttribute('aria-pressed') !== 'true';
      made.setAttribute('aria-pressed', shut);
      Locks.set(name, shut ? vectors : null);
    });
    return made;
  }

  function slider(name, direction) {
    const far = REACH + Wish.reach(direction);
    const input = element('input', { type: 'range', min: -far, max: far, step: 0.05 });
    input.setAttribute('aria-label', name);
    input.addEventListener('input', () => Face.show(Latent.moved(Face.now(), direction, +input.value), true));
    input.addEventListener('change', () => Face.settle());
    input.addEventListener('dblclick', () => Face.show(Latent.moved(Face.now(), direction, 0))); // to the middle
    sliders.push({ input, direction });
    return input;
  }

  function row(name, direction, vectors, ...more) {
    const label = element('span', { say: name, className: 'name' });
    return element('div', { className: 'slide' }, label, slider(name, direction), ...(vectors ? [lock(name, vectors)] : []), ...more);
  }

  function swatches(name) {
    const label = say('of', say(name));
    const group = element('div', { className: 'swatches' });
    group.setAttribute('role', 'group');
    group.setAttribute('aria-label', label);
    for (const [colour, rgb] of Object.entries(MODEL.palette)) {
      const one = element('button', { type: 'button', title: say(colour) });
      one.dataset.colour = `${name} ${colour}`;
      one.setAttribute('aria-label', `${say(name)}: ${say(colour)}`);
      one.style.setProperty('--own', `rgb(${rgb.join(' ')})`);
      one.addEventListener('click', async () => {
        group.classList.add('busy');
        const before = Face.now();
        const found = await Colour.towards(before, name, rgb.map(value => value / 255));
        if (found === before) Status.say('noNearer', say(colour));
        else if (Face.now() === before) Face.show(found);
        group.classList.remove('busy');
      });
      group.append(one);
    }
    return group;
  }

  const unit = i => Float32Array.from({ length: Latent.length }, (_, k) => k === i ? 1 : 0);

  // A colour is more than one direction: all that change it are locked together.
  function vectorsOf({ name, vector }) {
    return [vector, ...(MODEL.slopes[name] ?? [])];
  }

  function named(host) {
    for (const one of MODEL.directions.filter(one => one.kind === 'measured')) {
      const colours = MODEL.colours[one.name] ? [swatches(one.name)] : [];
      host.append(row(say(one.name), one.vector, vectorsOf(one), ...colours));
    }
    if (!host.children.length) host.append(element('p', { say: say('noNames') }));
  }

  function unnamed(host) {
    const others = MODEL.directions.filter(one => one.kind !== 'measured');
    document.getElementById('found').hidden = !others.length;
    for (const { name, vector, moves } of others) host.append(row(moves ? `${name} · ${say(moves)}` : name, vector, [vector]));
  }

  // Many: they are made when they are first unfolded.
  function coordinates(host) {
    document.getElementById('rawSays').textContent = say('rawSays', Latent.length);
    host.parentElement.addEventListener('toggle', () => {
      for (let start = 0; start < Latent.length; start += BLOCK) {
        const end = Math.min(Latent.length, start + BLOCK);
        const name = say('part', start / BLOCK + 1, start, end - 1);
        const units = Array.from({ length: end - start }, (_, i) => unit(start + i));
        host.append(element('h4', { say: name }, lock(name, units)));
        units.forEach((one, i) => host.append(row(say('coordinate', start + i), one, null)));
      }
      follow(Face.now());
    }, { once: true });
  }

  function follow(z) {
    for (const { input, direction } of sliders) {
      if (input === document.activeElement && input.matches(':active')) continue;
      input.value = Latent.along(z, direction);
    }
  }

  function begin() {
    named(document.getElementById('named'));
    unnamed(document.getElementById('unnamed'));
    coordinates(document.getElementById('coordinates'));
    document.getElementById('rest').addEventListener('click', Stage.roll);
    document.getElementById('unlock').addEventListener('click', () => {
      for (const one of document.querySelectorAll('.lock[aria-pressed=true]')) one.click();
    });
    Face.listen(follow);
    follow(Face.now());
  }

  return { begin, element };
})();
