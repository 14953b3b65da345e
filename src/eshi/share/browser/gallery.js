// Faces that are kept: in the browser, and as a file that is a favourites.json of eshi. And those of the maker.
const Gallery = (() => {
  const MOST = 500, LARGEST = 16_000_000; // faces; bytes of a file
  const NAME = /^[\p{L}\p{Nl}_][\p{L}\p{N}_]*$/u; // as eshi has names: a word, so that it can stand in an expression
  const key = `gallery ${MODEL.id}`;
  let kept = []; // { name, z, asked }

  // Whatever lies there or comes in is read as if a stranger had written it. A file of eshi's holds no words.
  function faces(found, words = null) {
    if (!found || typeof found !== 'object' || Array.isArray(found)) return [];
    return Object.entries(found)
      .filter(([name, numbers]) => NAME.test(name) && name !== 'mean' && name.length <= 60 && Latent.fits(numbers))
      .slice(0, MOST)
      .map(([name, numbers]) => ({ name, z: Latent.snapped(numbers), asked: Wish.read(words?.[name]) ?? [] }));
  }

  const plain = () => Object.fromEntries(kept.map(({ name, z }) => [name, [...z]]));

  function changed() {
    const words = Object.fromEntries(kept.map(({ name, asked }) => [name, asked]));
    if (!Store.write(key, plain()) || !Store.write(`${key} words`, words)) Status.say('full');
    render();
  }

  function free(name = 'face') {
    const taken = new Set(kept.map(one => one.name));
    for (let i = 1; ; i++) if (!taken.has(`${name}_${i}`)) return `${name}_${i}`;
  }

  function keep(z, asked) {
    if (!kept.some(one => Latent.same(one.z, z))) kept = [{ name: free(), z, asked }, ...kept].slice(0, MOST);
    Status.say('saidKept');
    changed();
  }

  function shown(host, { name, z, asked = [] }) {
    const canvas = Picture.canvas();
    const button = Shape.element('button', { type: 'button', className: 'face' }, canvas);
    button.setAttribute('aria-label', name);
    button.addEventListener('click', () => Face.show(z, false, asked));
    Painter.draw(z).then(pixels => pixels && Picture.paint(canvas, pixels));
    host.append(button);
    return button;
  }

  function render() {
    document.getElementById('kept').replaceChildren(...kept.map(one => {
      const figure = Shape.element('figure');
      shown(figure, one);
      const name = Shape.element('input', { type: 'text', value: one.name, maxLength: 60, spellcheck: false });
      name.setAttribute('aria-label', say('name'));
      name.addEventListener('change', () => {
        const wanted = name.value.trim().replace(/\s+/g, '_');
        if (NAME.test(wanted) && wanted !== 'mean' && !kept.some(other => other.name === wanted)) one.name = wanted;
        changed();
      });
      const remove = Shape.element('button', { type: 'button', className: 'remove', say: '×', title: say('remove', one.name) });
      remove.setAttribute('aria-label', say('remove', one.name));
      remove.addEventListener('click', () => {
        kept = kept.filter(other => other !== one);
        Status.say('saidGone');
        changed();
      });
      figure.append(remove, name);
      return figure;
    }));
    document.getElementById('none').hidden = kept.length > 0;
    document.getElementById('out').disabled = !kept.length;
  }

  async function read(file) {
    let found = [];
    try {
      if (file.size < LARGEST) found = faces(JSON.parse(await file.text()));
    } catch { /* it is no JSON: nothing is found */ }
    if (!found.length) return Status.say('badFile');
    for (const one of found) {
      if (kept.some(other => Latent.same(other.z, one.z))) continue;
      if (kept.some(other => other.name === one.name)) one.name = free(one.name);
      kept.push(one);
    }
    kept = kept.slice(0, MOST);
    changed();
    Status.say('fileRead', found.length);
  }

  function begin() {
    kept = faces(Store.read(key), Store.read(`${key} words`));
    render();
    const file = document.getElementById('file');
    document.getElementById('out').addEventListener('click', () => {
      Picture.save(new Blob([JSON.stringify(plain(), null, 1)], { type: 'application/json' }), 'favourites.json');
    });
    document.getElementById('in').addEventListener('click', () => file.click());
    file.addEventListener('change', async () => {
      if (file.files[0]) await read(file.files[0]);
      file.value = '';
    });
    document.getElementById('favourites').hidden = !MODEL.favourites.length;
    for (const { name, z } of MODEL.favourites) {
      const figure = Shape.element('figure');
      shown(figure, { name, z: Latent.snapped(z) });
      figure.append(Shape.element('figcaption', { say: name }));
      document.getElementById('makers').append(figure);
    }
  }

  return { begin, keep, faces: () => kept.map(one => one.z).reverse() };
})();
