// What a browser keeps for this page between two visits, or does not: private windows refuse.
const MODEL = JSON.parse(document.getElementById('model').textContent);

const Store = {
  read(key) {
    try {
      return JSON.parse(localStorage.getItem(`eshi ${key}`));
    } catch {
      return null;
    }
  },
  write(key, value) {
    try {
      localStorage.setItem(`eshi ${key}`, JSON.stringify(value));
      return true;
    } catch {
      return false;
    }
  },
};
