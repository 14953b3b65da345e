// The page of a run: a cursor that reads all charts at once, and the time-lapse. Without it the page says the same.
(() => {
  const short = n =>
    n >= 999500 ? +(n / 1e6).toPrecision(3) + 'M' : n >= 999.5 ? +(n / 1e3).toPrecision(3) + 'k' : String(n);

  // As figures.measured: no more digits than the noise leaves.
  const figure = (n, noise) => {
    if (!noise) return n >= 1000 ? n.toFixed(0) : String(+n.toPrecision(3));
    const digits = Math.min(6, Math.max(0, -Math.floor(Math.log10(noise) + 0.022)));
    return n.toFixed(digits) + ' ± ' + noise.toFixed(digits);
  };

  const read = chart => ({
    cursor: chart.querySelector('.cursor'),
    end: +chart.dataset.end,
    labels: [...chart.querySelectorAll('.labels span')].map(span => {
      const value = span.querySelector('b');
      value.dataset.rest ??= value.textContent;
      return { value, rest: value.dataset.rest, points: JSON.parse(span.dataset.points) };
    }),
  });
  const known = new WeakMap(); // the charts may be replaced while the page is open
  const charts = () => [...document.querySelectorAll('.chart')].map(chart => {
    if (!known.has(chart)) known.set(chart, read(chart));
    return known.get(chart);
  });

  // What the curves were when so many images had been seen; null takes the cursor away.
  function look(images) {
    for (const { cursor, end, labels } of charts()) {
      cursor.style.display = images === null ? 'none' : 'block';
      if (images !== null) {
        cursor.style.left = Math.min(100, 100 * images / end) + '%';
        cursor.firstChild.textContent = short(Math.round(images));
      }
      for (const { value, rest, points } of labels) {
        const nearer = (a, b) => Math.abs(b[0] - images) < Math.abs(a[0] - images) ? b : a;
        value.textContent = images === null ? rest : figure(...points.reduce(nearer).slice(1));
      }
    }
  }

  let looking = false;
  const at = event => {
    const field = event.target.closest?.('.chart .field');
    if (field) {
      const box = field.getBoundingClientRect();
      look(Math.min(1, Math.max(0, (event.clientX - box.left) / box.width)) * field.closest('.chart').dataset.end);
    } else if (looking) look(null);
    looking = Boolean(field);
  };
  document.addEventListener('pointermove', at);
  document.addEventListener('pointerdown', at);
  document.documentElement.addEventListener('pointerleave', () => looking && look(null));

  const stack = [...document.querySelectorAll('.stack figure')];
  const reel = document.querySelector('.reel');
  if (!reel) return;
  const slider = reel.querySelector('input');
  const button = reel.querySelector('button');
  let playing = 0;

  const turn = to => {
    slider.value = to;
    stack.forEach((one, i) => one.classList.toggle('off', i !== to));
    slider.setAttribute('aria-valuetext', stack[to].querySelector('figcaption').textContent);
    look(+stack[to].dataset.images);
  };
  const rest = () => {
    clearInterval(playing);
    playing = 0;
    button.textContent = 'Play';
  };
  slider.addEventListener('input', () => {
    rest();
    turn(+slider.value);
  });
  slider.addEventListener('blur', () => playing || look(null));
  button.addEventListener('click', () => {
    if (playing) return rest();
    button.textContent = 'Pause';
    if (+slider.value === stack.length - 1) turn(0);
    playing = setInterval(() => {
      if (+slider.value < stack.length - 1) turn(+slider.value + 1);
      else rest();
    }, 220);
  });
  reel.classList.add('on');
})();
