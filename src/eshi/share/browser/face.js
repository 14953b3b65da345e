// The face in hand: which one, how it came about, and its address.
const Face = (() => {
  const MOST = 200; // steps that can be taken back
  const listeners = [], resting = []; // told of every face, and of those that it comes to rest at
  let past = [], future = [];
  let z = Wish.random([]);
  let asked = []; // what it is asked to show
  let kept = { z, asked }; // the last one to go back to

  const address = ({ z, asked }) => `#face=${MODEL.id}.${[Latent.written(z), ...asked].join('.')}`;

  // null where the fragment is no face of this page.
  function addressed() {
    const [, id, text] = /^#face=([0-9a-f]+)\.(.*)$/.exec(location.hash) ?? [];
    if (id !== MODEL.id) return null;
    const [latent, ...words] = text.split('.');
    const [z, asked] = [Latent.read(latent), Wish.read(words)];
    return z && asked && { z, asked };
  }

  function tell(passing = false) {
    for (const listen of listeners) listen(z, passing);
  }

  // `passing`: on the way to another, as a slider moves; only where it rests can be gone back to.
  function show(next, passing = false, words = asked) {
    z = Latent.snapped(next);
    asked = words;
    if (!passing) settle();
    tell(passing);
  }

  function settle() {
    if (address({ z, asked }) !== address(kept)) {
      past = [...past.slice(1 - MOST), kept];
      future = [];
      kept = { z, asked };
    }
    write();
    for (const rest of resting) rest();
  }

  // The address always shows the face, so that a reload or a bookmark keeps it.
  function write() {
    if (location.hash === address(kept)) return;
    try {
      history.replaceState(null, '', address(kept));
    } catch { /* some browsers allow a hundred in half a minute: the address lags behind */ }
  }

  function take(face) {
    kept = face;
    ({ z, asked } = face);
  }

  function step(from, to) {
    if (!from.length) return;
    to.push(kept);
    take(from.pop());
    write();
    tell();
    for (const rest of resting) rest();
  }

  function opened() {
    const found = addressed();
    if (location.hash.length > 1 && !found) Status.say('badLink');
    if (found && address(found) !== address(kept)) show(found.z, false, found.asked);
    else write();
  }

  function begin() {
    const found = addressed();
    if (found) take(found);
    else if (location.hash.length > 1) Status.say('badLink');
    write();
    tell();
    addEventListener('hashchange', opened);
  }

  return {
    begin, show, settle,
    now: () => z,
    asked: () => asked,
    link: () => location.href.split('#')[0] + address(kept),
    undo: () => step(past, future),
    redo: () => step(future, past),
    lately: count => [...past.slice(1 - count), kept].reverse(),
    undoable: () => past.length > 0,
    redoable: () => future.length > 0,
    rest: listener => resting.push(listener),
    listen: listener => listeners.push(listener),
  };
})();
