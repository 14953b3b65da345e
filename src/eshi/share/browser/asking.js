// A row of choices for each attribute that can be asked for, colours as swatches.
const Asking = (() => {
  const words = MODEL.words; // { attribute, value, vector, colour }
  const attributes = new Map(); // name -> places in words
  words.forEach(({ attribute }, i) => attributes.set(attribute, [...(attributes.get(attribute) ?? []), i]));

  // null is no wish.
  function ask(attribute, place) {
    const others = Face.asked().filter(i => words[i].attribute !== attribute);
    const asked = place === null ? others : [...others, place];
    Face.show(Wish.turned(Face.now(), Face.asked(), asked), false, asked);
  }

  function choice(attribute, place, swatch) {
    const told = place === null ? say('any') : say(words[place].value);
    const made = Shape.element('button', { type: 'button', className: swatch ? 'swatch' : 'word', title: told });
    made.dataset.word = `${attribute}=${place === null ? '' : words[place].value}`;
    made.setAttribute('aria-label', `${say(attribute)}: ${told}`);
    if (swatch) made.style.setProperty('--own', words[place].colour);
    else made.textContent = told;
    made.addEventListener('click', () => ask(attribute, place));
    return made;
  }

  function row(attribute, places) {
    const swatches = places.every(i => words[i].colour);
    const choices = [null, ...places].map(place => ({ place, button: choice(attribute, place, swatches && place !== null) }));
    const group = Shape.element('div', { className: 'words' }, Shape.element('span', { say: say(attribute) }), ...choices.map(one => one.button));
    group.setAttribute('role', 'group');
    group.setAttribute('aria-label', say(attribute));
    Face.listen(() => {
      const now = places.find(i => Face.asked().includes(i)) ?? null;
      for (const { place, button } of choices) button.setAttribute('aria-pressed', place === now);
    });
    return group;
  }

  // Whoever shows several faces is told when something else is asked for, and how to turn one face into the other.
  function changed(listener) {
    let before = Face.asked();
    Face.listen(() => {
      const [from, to] = [before, Face.asked()];
      before = to;
      if (String(from) !== String(to)) listener(z => Wish.turned(z, from, to));
    });
  }

  function begin() {
    document.getElementById('asking').hidden = !words.length;
    document.getElementById('asking').open = attributes.size < 3 || matchMedia('(min-width: 700px)').matches; // else they hide the faces
    for (const [attribute, places] of attributes) document.getElementById('asked').append(row(attribute, places));
  }

  return { begin, changed };
})();
