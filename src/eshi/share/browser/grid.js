// Faces in rows, each a button; the arrow keys go from one to the next, and only one of them is a stop of Tab.
function grid(host, { pick, words = (i, count) => say('face', i + 1, count) }) {
  let faces = [], turn = 0;

  const cells = () => [...host.querySelectorAll('.face')];
  const columns = () => getComputedStyle(host).gridTemplateColumns.split(' ').length;

  function stop(at) {
    cells().forEach((cell, i) => (cell.tabIndex = i === at ? 0 : -1));
  }

  function cell(z, i) {
    const made = document.createElement('button');
    made.type = 'button';
    made.className = 'face';
    made.setAttribute('aria-label', words(i, faces.length));
    made.append(Picture.canvas());
    made.addEventListener('click', () => {
      stop(i);
      pick(z, i);
    });
    return made;
  }

  // Draws those that are new; what is not wanted any more before its turn comes is left out.
  function fill(next) {
    const mine = ++turn;
    faces = next.map(Latent.snapped);
    const had = cells();
    if (had.length !== faces.length) host.replaceChildren(...faces.map(cell));
    else had.forEach((old, i) => {
      const made = cell(faces[i], i);
      if (document.activeElement === old) requestAnimationFrame(() => made.focus());
      made.firstChild.replaceWith(old.firstChild); // the old picture stays until the new one is there
      old.replaceWith(made);
    });
    const now = cells();
    stop(0);
    mark(Face.now());
    return Promise.all(faces.map(async (z, i) => {
      now[i].classList.add('coming');
      const pixels = await Painter.draw(z, { dropped: () => mine !== turn });
      if (!pixels || mine !== turn) return;
      Picture.paint(now[i].firstChild, pixels);
      Colour.describe(now[i], words(i, faces.length), pixels);
      now[i].classList.remove('coming');
    }));
  }

  function mark(z) {
    cells().forEach((cell, i) => cell.setAttribute('aria-pressed', faces[i] ? Latent.same(faces[i], z) : false));
  }

  host.addEventListener('keydown', event => {
    const all = cells(), at = all.indexOf(document.activeElement);
    const way = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns(), ArrowUp: -columns(), Home: -at, End: all.length - 1 - at }[event.key];
    if (at < 0 || way === undefined || !all[at + way]) return;
    event.preventDefault();
    stop(at + way);
    all[at + way].focus();
  });
  Face.listen(mark);
  return { fill, faces: () => faces };
}
