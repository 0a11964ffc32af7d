// One map under the lens: its filter, and where the pointer rests, the arithmetic that makes its number.

import { activationScale, css, make, mix, colour, paint, readableOn, signedScale, written } from "./paint.js";

const SIZE = 5; // of the filters
const HALF = 2;

/** Return an array (rows, columns, channels) as a function of row, column and channel, zero outside. */
const padded = (values) => {
  const [rows, columns, channels] = values.shape;
  return (row, column, channel) =>
    row < 0 || column < 0 || row >= rows || column >= columns ? 0 : values[(row * columns + column) * channels + channel];
};

/** Return a table of numbers on their colours. */
function numbers(rows, columns, number, scale) {
  const table = make("table", { className: "numbers" });
  for (let row = 0; row < rows; row++) {
    const line = table.insertRow();
    for (let column = 0; column < columns; column++) {
      const value = number(row, column);
      const ground = scale(value);
      const cell = line.insertCell();
      cell.textContent = written(value);
      cell.style.background = css(ground);
      cell.style.color = readableOn(ground);
    }
  }
  return table;
}

const figure = (content, caption) => make("figure", {}, content, make("figcaption", { textContent: caption }));
const sign = (text) => make("span", { className: "sign", textContent: text });

export class Lens {
  /** Look at a map of a layer: `input` is what the layer gets, `output` what it makes, both (rows, columns, maps). */
  constructor(layer, map, weights) {
    [this.layer, this.map, this.weights] = [layer, map, weights];
    this.canvas = make("canvas", { className: "large", tabIndex: 0 });
    this.canvas.setAttribute("role", "application");
    this.canvas.setAttribute("aria-label", `${layer}, map ${map}: arrow keys choose a number`);
    this.detail = make("div", { className: "lens" });
    this.element = this.detail;
    this.canvas.addEventListener("pointermove", (event) => this.#point(event));
    this.canvas.addEventListener("pointerdown", (event) => this.#point(event));
    this.canvas.addEventListener("keydown", (event) => this.#key(event));
    this.picture = figure(this.canvas, `${layer}, map ${map}. Point at a number.`);
    this.working = make("div", { className: "lens" });
    this.working.style.padding = "0";
    this.said = make("p", { className: "sum" });
    this.said.setAttribute("aria-live", "polite");
    this.element.append(this.picture, this.working, this.said);
  }

  show(input, output) {
    [this.input, this.output] = [input, output];
    this.place ??= this.#strongest();
    this.#paint();
  }

  #strongest() {
    const [rows, columns] = this.output.shape;
    const number = padded(this.output);
    let best = [0, 0];
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < columns; column++) {
        if (number(row, column, this.map) > number(...best, this.map)) best = [row, column];
      }
    }
    return best;
  }

  #point(event) {
    const [rows, columns] = this.output.shape;
    const { left, top, width, height } = this.canvas.getBoundingClientRect();
    const within = (share, count) => Math.min(count - 1, Math.max(0, Math.floor(share * count)));
    this.place = [within((event.clientY - top) / height, rows), within((event.clientX - left) / width, columns)];
    this.#paint();
  }

  #key(event) {
    const move = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
    if (!move) return;
    event.preventDefault();
    this.place = this.place.map((at, axis) => Math.min(this.output.shape[axis] - 1, Math.max(0, at + move[axis])));
    this.#paint();
  }

  #paint() {
    const [rows, columns] = this.output.shape;
    const [row, column] = this.place;
    const number = padded(this.output);
    const scale = activationScale(largestOf(this.output));
    const marker = colour("orange");
    paint(this.canvas, rows, columns, (r, c) => [r, c], ([r, c]) => {
      const shade = scale(number(r, c, this.map));
      return r === row && c === column ? mix(shade, marker, 0.9) : shade;
    });
    if (this.layer.startsWith("pool")) this.#pooling(row, column);
    else this.#convolution(row, column);
  }

  #pooling(row, column) {
    const number = padded(this.input);
    const four = [0, 1].flatMap((r) => [0, 1].map((c) => number(2 * row + r, 2 * column + c, this.map)));
    const scale = activationScale(largestOf(this.input));
    this.working.replaceChildren(
      figure(numbers(2, 2, (r, c) => four[2 * r + c], scale), `The 2×2 numbers of the layer before, map ${this.map}`),
      sign("→"),
      figure(numbers(1, 1, () => Math.max(...four), scale), "The largest"),
    );
    const listed = four.map((value) => written(value)).join(", ");
    this.said.textContent = `Row ${row}, column ${column}: the largest of ${listed} is ${written(Math.max(...four))}.`;
  }

  #convolution(row, column) {
    const { kernel, bias } = this.weights;
    const [, , channels, filters] = kernel.shape;
    const given = padded(this.input);
    const patch = (channel) => (r, c) => given(row + r - HALF, column + c - HALF, channel);
    const weight = (channel) => (r, c) => kernel[((r * SIZE + c) * channels + channel) * filters + this.map];
    const sums = Array.from({ length: channels }, (_, channel) => {
      let sum = 0;
      for (let r = 0; r < SIZE; r++) for (let c = 0; c < SIZE; c++) sum += patch(channel)(r, c) * weight(channel)(r, c);
      return sum;
    });
    const shown = sums.reduce((best, sum, at) => (Math.abs(sum) > Math.abs(sums[best]) ? at : best), 0);
    const [numbersIn, numbersOf] = [patch(shown), weight(shown)];
    const product = (r, c) => numbersIn(r, c) * numbersOf(r, c);
    const each = [...Array(SIZE * SIZE).keys()].map((at) => [Math.floor(at / SIZE), at % SIZE]);
    const span = (number) => Math.max(...each.map(([r, c]) => Math.abs(number(r, c))), 1e-9);
    const source = channels === 1 ? "the image" : `map ${shown} of pool1`;
    this.working.replaceChildren(
      figure(numbers(SIZE, SIZE, numbersIn, activationScale(span(numbersIn))), `5×5 numbers of ${source}`),
      sign("×"),
      figure(numbers(SIZE, SIZE, numbersOf, signedScale(span(numbersOf))), "The filter: blue above zero, orange below"),
      sign("="),
      figure(numbers(SIZE, SIZE, product, signedScale(span(product))), `Their products, in sum ${written(sums[shown])}`),
    );
    const total = sums.reduce((all, sum) => all + sum, 0);
    const rest = channels === 1 ? "" : ` + ${written(total - sums[shown])} from the other ${channels - 1} maps`;
    const before = total + bias[this.map];
    this.said.textContent = `Row ${row}, column ${column}: ${written(sums[shown])}${rest} + bias `
      + `${written(bias[this.map])} = ${written(before)}; ReLU makes it ${written(Math.max(0, before))}.`;
  }
}

export function largestOf(values) {
  return values.reduce((largest, value) => Math.max(largest, value), 0);
}
