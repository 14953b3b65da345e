// A wall of faces: any, or such as are like the large one. What is locked stays as the large one has it.
const Wall = (() => {
  const COUNT = 24;
  let wall;

  function fill() {
    const variety = +document.getElementById('variety').value / 100;
    const z = Face.now();
    return wall.fill(Array.from({ length: COUNT }, () => {
      const other = Locks.rolled(z);
      return variety < 1 ? Latent.between(z, other, variety) : other;
    }));
  }

  function begin() {
    wall = grid(document.getElementById('faces'), { pick: z => Face.show(z) });
    Asking.changed(turned => wall.fill(wall.faces().map(turned)));
    document.getElementById('more').addEventListener('click', fill);
    document.getElementById('variety').addEventListener('change', fill);
    return fill();
  }

  return { begin, fill };
})();
