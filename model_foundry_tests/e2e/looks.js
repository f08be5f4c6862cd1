// What tests ask of a page that is shown: `looks.NAME()`.
const looks = {
  // Pairs of a chart's texts that touch, and texts that leave the picture.
  colliding() {
    const boxes = [...document.querySelectorAll("svg text")]
      .map((text) => [text.textContent, text.getBoundingClientRect()]);
    const all = document.querySelector("svg").getBoundingClientRect();
    const found = [];
    boxes.forEach(([name, a], i) => {
      const leaves = a.left < all.left - 1 || a.right > all.right + 1
        || a.top < all.top - 1 || a.bottom > all.bottom + 1;
      if (leaves) found.push(name);
      for (const [other, b] of boxes.slice(i + 1)) {
        const beside = a.left >= b.right + 3 || b.left >= a.right + 3;
        const below = a.top >= b.bottom - 2 || b.top >= a.bottom - 2;
        if (!beside && !below) found.push(`${name} / ${other}`);
      }
    });
    return found;
  },

  // Words of headings that stand on two lines.
  brokenWords() {
    const range = document.createRange();
    const lines = (text, word) => {
      range.setStart(text, word.index);
      range.setEnd(text, word.index + word[0].length);
      return new Set([...range.getClientRects()].map((box) => Math.round(box.top))).size;
    };
    return [...document.querySelectorAll("th")].filter((th) => th.offsetParent && th.firstChild)
      .flatMap(({ firstChild: text }) =>
        [...text.textContent.matchAll(/\S+/g)].filter((word) => lines(text, word) > 1))
      .map((word) => word[0]);
  },

  // The least contrast of a text with what it stands on, and the text.
  palest() {
    const parts = (value) => value.match(/[\d.]+/g).map(Number);
    const light = (rgb) => rgb.slice(0, 3)
      .map((c) => (c / 255 <= 0.03928 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4))
      .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
    const ground = (element) => {
      for (let e = element; e; e = e.parentElement) {
        const back = parts(getComputedStyle(e).backgroundColor);
        if (back.length === 3 || back[3] > 0) return back;
      }
      return [255, 255, 255];
    };
    const says = (e) => e.getClientRects().length
      && [...e.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
    return [...document.querySelectorAll("body *")].filter(says).map((e) => {
      const ends = [light(parts(getComputedStyle(e).color)), light(ground(e))];
      const [dark, bright] = ends.sort((a, b) => a - b);
      return [(bright + 0.05) / (dark + 0.05), e.textContent];
    }).sort(([a], [b]) => a - b)[0];
  },

  // The colours of the dots beside names that begin so.
  dots(name) {
    return [...document.querySelectorAll("i.dot")]
      .filter((dot) => dot.nextSibling?.textContent.startsWith(name))
      .map((dot) => getComputedStyle(dot).backgroundColor);
  },

  // How wide a cell's text is, in its own size of letters.
  widthOf(text) {
    const cell = [...document.querySelectorAll("td")].find((td) => td.textContent === text);
    const range = document.createRange();
    range.selectNodeContents(cell.lastChild);
    return range.getBoundingClientRect().width / parseFloat(getComputedStyle(cell).fontSize);
  },
};
