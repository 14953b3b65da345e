// Puts it all together.
const Tabs = (() => {
  const tabs = [...document.querySelectorAll('[role=tab]')];
  const begun = new Set();
  const rooms = { pick: Pick, shape: Shape, blend: Blend, about: About };

  // A room draws nothing before it is entered.
  function open(tab, focus = false) {
    for (const one of tabs) {
      const on = one === tab;
      one.setAttribute('aria-selected', on);
      one.tabIndex = on ? 0 : -1;
      document.getElementById(one.getAttribute('aria-controls')).hidden = !on;
    }
    const name = tab.id.slice(4);
    if (rooms[name] && !begun.has(name)) {
      begun.add(name);
      rooms[name].begin();
    }
    if (focus) tab.focus();
    tab.scrollIntoView({ block: 'nearest', inline: 'nearest' });
  }

  function begin() {
    for (const tab of tabs) tab.addEventListener('click', () => open(tab));
    document.querySelector('[role=tablist]').addEventListener('keydown', event => {
      const at = tabs.indexOf(document.activeElement);
      const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: -1 }[event.key];
      if (at < 0 || to === undefined) return;
      event.preventDefault();
      open(tabs.at(to % tabs.length), true);
    });
    open(tabs[0]);
  }

  return { begin, open: i => tabs[i] && open(tabs[i], true) };
})();

const Theme = (() => {
  const SHADES = ['light dark', 'light', 'dark'];
  const root = document.documentElement;

  function begin() {
    const kept = Store.read('theme');
    if (SHADES.includes(kept)) root.style.colorScheme = kept;
    document.getElementById('theme').addEventListener('click', () => {
      const dark = matchMedia('(prefers-color-scheme: dark)').matches;
      const now = root.style.colorScheme || 'light dark';
      const next = now === 'light dark' ? (dark ? 'light' : 'dark') : 'light dark';
      root.style.colorScheme = next;
      Store.write('theme', next);
    });
  }

  return { begin };
})();

function tongues() {
  const choice = document.getElementById('tongue');
  for (const [code, { language }] of Object.entries(WORDS)) choice.append(new Option(language, code, false, code === Tongue.code));
  choice.addEventListener('change', () => {
    Store.write('tongue', choice.value);
    location.reload(); // the address keeps the face
  });
  document.documentElement.lang = Tongue.code;
}

function keys() {
  const by = id => document.getElementById(id);
  addEventListener('keydown', event => {
    const typing = event.target.matches('input[type=text], select, textarea');
    const ours = event.ctrlKey || event.metaKey;
    if (typing || event.altKey) return;
    const letter = event.key.toLowerCase();
    if (ours && letter === 'z') event.shiftKey ? Face.redo() : Face.undo();
    else if (ours && letter === 'y') Face.redo();
    else if (ours) return;
    else if (letter === 'r') Stage.roll();
    else if (letter === 'z') Face.undo();
    else if (letter === 'y') Face.redo();
    else if (letter === 'k') by('keep').click();
    else if (letter === 's') by('save').click();
    else if (letter === 'l') by('link').click();
    else if (/^[1-6]$/.test(letter)) Tabs.open(+letter - 1);
    else return;
    event.preventDefault();
  });
}

async function main() {
  speak(document);
  tongues();
  Theme.begin();
  keys();
  Stage.begin();
  const waking = Painter.start();
  Asking.begin();
  Face.begin();
  Gallery.begin();
  Tabs.begin();
  Wall.begin();
  try {
    await waking;
  } catch (error) {
    document.getElementById('waking').textContent = say('broken', String(error?.message ?? error).slice(0, 200));
    throw error;
  }
  await Stage.ready;
  performance.mark('first face');
}

main();

// For those who open the console, and for the tests: latents in, pixels out.
window.eshi = { draw: z => Painter.draw(Float32Array.from(z)), face: () => [...Face.now()], numbered: n => [...Wish.numbered(n, [])], show: z => Face.show(z), measures: Colour.measures };
