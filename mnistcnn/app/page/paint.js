// Arrays made visible: grey levels, activations on one blue, signed numbers between orange and blue.

/** Make an element with properties and children. */
export function make(name, properties = {}, ...children) {
  const element = Object.assign(document.createElement(name), properties);
  element.append(...children);
  return element;
}

/** Return a colour of the page's style as [red, green, blue]. */
export function colour(name) {
  const probe = make("span");
  probe.style.color = `var(--${name})`;
  document.body.append(probe);
  const parts = getComputedStyle(probe).color.match(/[\d.]+/g).slice(0, 3).map(Number);
  probe.remove();
  return parts;
}

/** Return a number with so many decimals, and a minus where there is one. */
export const written = (value, decimals = 2) => value.toFixed(decimals).replace("-", "−").replace(/^−(0\.0+)$/, "$1");

export const css = ([red, green, blue]) => `rgb(${red} ${green} ${blue})`;
export const mix = (from, to, share) => from.map((start, place) => Math.round(start + (to[place] - start) * share));

/** Return black or white, whichever is easier to read on a colour: WCAG 2's contrast is equal at a luminance of 0.179. */
export function readableOn(ground) {
  const [red, green, blue] = ground.map((level) => {
    const share = level / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.179 ? "#000" : "#fff";
}

/** Return the scale of activations: 0 is the ground, the largest is ink in blue. */
export function activationScale(largest) {
  const [low, high] = [colour("sunken"), colour("blue")];
  return (value) => mix(low, high, Math.sqrt(Math.max(0, value) / (largest || 1)));
}

/** Return the scale of signed numbers: orange below zero, blue above. */
export function signedScale(largest) {
  const [middle, low, high] = [colour("surface"), colour("orange"), colour("blue")];
  return (value) => mix(middle, value < 0 ? low : high, Math.min(1, Math.abs(value) / (largest || 1)));
}

export const greyScale = (value) => [value, value, value];

/** Paint rows × columns numbers, given by a function of both, a pixel each. */
export function paint(canvas, rows, columns, number, scale) {
  canvas.width = columns;
  canvas.height = rows;
  const context = canvas.getContext("2d");
  const image = context.createImageData(columns, rows);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const [red, green, blue] = scale(number(row, column));
      image.data.set([red, green, blue, 255], 4 * (row * columns + column));
    }
  }
  context.putImageData(image, 0, 0);
}

/** Paint an image (28, 28) of grey levels. */
export function paintImage(canvas, image) {
  const [rows, columns] = image.shape;
  paint(canvas, rows, columns, (row, column) => image[row * columns + column], greyScale);
}

/** Return a list of bars; each has a name, a value, and its text. Signed bars start in the middle. */
export function bars({ items, largest, signed = false, best = -1 }) {
  const list = make("ol", { className: signed ? "bars signed" : "bars" });
  items.forEach(({ name, value, text }, place) => {
    const fill = make("span", { className: "fill" });
    const share = Math.min(1, Math.abs(value) / (largest || 1)) * (signed ? 50 : 100);
    fill.style.width = `${share}%`;
    if (signed) {
      fill.classList.add(value < 0 ? "against" : "for");
      fill.style.left = `${value < 0 ? 50 - share : 50}%`;
    }
    const track = make("span", { className: "track" }, fill);
    track.setAttribute("aria-hidden", "true");
    const cells = [
      make("span", { className: "name", textContent: name }),
      track,
      make("span", { className: "value", textContent: text }),
    ];
    list.append(make("li", { className: place === best ? "best" : "" }, ...cells));
  });
  return list;
}
