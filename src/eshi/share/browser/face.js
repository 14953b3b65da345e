// The face in hand: which one, how it came about, and its address.
const Face = (() => {
  const MOST = 200; // steps that can be taken back
  const listeners = [], resting = []; // told of every face, and of those that it comes to rest at
  let past = [], future = [];
  let kept = Latent.snapped(Latent.random()); // the last one to go back to
  let z = kept;

  const address = z => `#face=${MODEL.id}.${Latent.written(z)}`;

  // null where the fragment is no face of this page.
  function addressed() {
    const [, id, text] = /^#face=([0-9a-f]+)\.(.*)$/.exec(location.hash) ?? [];
    return id === MODEL.id ? Latent.read(text) : null;
  }

  function tell(passing = false) {
    for (const listen of listeners) listen(z, passing);
  }

  // `passing`: on the way to another, as a slider moves; only where it rests can be gone back to.
  function show(next, passing = false) {
    z = Latent.snapped(next);
    if (!passing) settle();
    tell(passing);
  }

  function settle() {
    if (!Latent.same(z, kept)) {
      past = [...past.slice(1 - MOST), kept];
      future = [];
      kept = z;
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

  function step(from, to) {
    if (!from.length) return;
    to.push(kept);
    z = kept = from.pop();
    write();
    tell();
    for (const rest of resting) rest();
  }

  function opened() {
    const found = addressed();
    if (location.hash.length > 1 && !found) Status.say('badLink');
    if (found && !Latent.same(found, kept)) show(found);
    else write();
  }

  function begin() {
    const found = addressed();
    if (found) z = kept = found;
    else if (location.hash.length > 1) Status.say('badLink');
    write();
    tell();
    addEventListener('hashchange', opened);
  }

  return {
    begin, show, settle,
    now: () => z,
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
