// One of sixteen, again and again: each round lies closer around the choice.
const Pick = (() => {
  const COUNT = 16;
  const CLOSER = 0.72; // of the way to other faces, each round; after eight it is a twelfth
  const rounds = []; // the sixteen of each, and what was chosen before
  let wall, chosen = null;

  function offer() {
    const share = CLOSER ** rounds.length;
    const next = Array.from({ length: COUNT }, () => {
      const other = Locks.rolled(chosen ?? Face.now());
      return chosen ? Latent.snapped(Latent.between(chosen, other, share)) : other;
    });
    if (chosen) next[0] = chosen; // so that a round can be spent on staying
    rounds.push({ faces: next, chosen });
    show();
  }

  function show() {
    const { faces, chosen } = rounds[rounds.length - 1];
    document.getElementById('round').textContent = say('round', rounds.length);
    document.getElementById('earlier').disabled = rounds.length < 2;
    document.getElementById('sixteen').classList.toggle('begun', Boolean(chosen));
    return wall.fill(faces);
  }

  function take(z) {
    chosen = Latent.snapped(z);
    Face.show(chosen);
    offer();
  }

  function back() {
    rounds.pop();
    chosen = rounds[rounds.length - 1].chosen;
    if (chosen) Face.show(chosen);
    show();
  }

  function anew() {
    rounds.length = 0;
    chosen = null;
    offer();
  }

  function begin() {
    wall = grid(document.getElementById('sixteen'), {
      pick: take,
      words: (i, count) => i || !chosen ? say('face', i + 1, count) : say('chosen'),
    });
    Asking.changed(turned => {
      for (const round of rounds) Object.assign(round, { faces: round.faces.map(turned), chosen: round.chosen && turned(round.chosen) });
      chosen &&= turned(chosen);
      show();
    });
    document.getElementById('earlier').addEventListener('click', back);
    document.getElementById('anew').addEventListener('click', anew);
    anew();
  }

  return { begin };
})();
