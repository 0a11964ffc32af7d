// What in the image speaks for an answer and against it, alone or beside another answer.

import { named } from "./answers.js";
import { colour, css, make, mix, written } from "./paint.js";

const SIDE = 448; // pixels: the side of the drawn image

/** Return the section; it keeps which answers were asked for while the drawing changes. */
export class Evidence {
  constructor() {
    this.canvas = make("canvas", { width: SIDE, height: SIDE });
    this.canvas.setAttribute("role", "img");
    this.why = make("div", { className: "choice" });
    this.whyNot = make("div", { className: "choice" });
    this.words = make("p");
    this.other = null;
    this.method = make("p", { className: "note" });
    const beside = make("div", {}, this.why, this.whyNot, this.words, this.method);
    this.element = make("div", { id: "evidence" }, this.canvas, beside);
  }

  show(explanation) {
    if (this.explanation?.prediction.digit !== explanation.prediction.digit) this.answer = explanation.prediction.digit;
    this.explanation = explanation;
    if (this.other === this.answer) this.other = null;
    const size = `${explanation.square}×${explanation.square}`;
    this.method.textContent = `Method: occlusion. A square of ${size} pixels is covered with black, place by place, and `
      + "the change of the logits is drawn where the square lay (Zeiler and Fergus, “Visualizing and Understanding "
      + "Convolutional Networks”, 2014).";
    this.#paint();
  }

  #paint() {
    const { effects, prediction, activations } = this.explanation;
    this.#buttons(this.why, "Why", [...Array(10).keys()], this.answer, (digit) => {
      this.answer = digit;
      if (this.other === digit) this.other = null;
    });
    this.#buttons(this.whyNot, "and why not", [...Array(10).keys()].filter((digit) => digit !== this.answer),
      this.other, (digit) => (this.other = this.other === digit ? null : digit));
    const [answer, other] = [this.answer, this.other];
    const places = effects.shape[0];
    const effect = (row, column) => {
      const first = 10 * (row * places + column);
      return effects[first + answer] - (other === null ? 0 : effects[first + other]);
    };
    this.#heat(prediction.image, places, effect);
    const logits = activations.logits;
    const lead = other === null ? "" : ` The logit of ${answer} is ${written(logits[answer], 1)}, that of ${other} is `
      + `${written(logits[other], 1)}.`;
    const versus = named(answer) + (other === null ? "" : ` rather than ${named(other)}`);
    const key = (name) => make("span", { className: `key ${name}` });
    this.words.replaceChildren(key("for"), ` Blue ink speaks for ${versus}: if it is covered, less evidence is left. `,
      key("against"), ` Orange ink speaks against it.${lead}`);
    this.canvas.setAttribute("aria-label",
      `What in the image speaks for ${versus}, in blue, and against it, in orange`);
  }

  #buttons(place, label, digits, pressed, choose) {
    const buttons = digits.map((digit) => {
      const button = make("button", { type: "button", textContent: digit });
      button.setAttribute("aria-pressed", digit === pressed);
      button.setAttribute("aria-label", `${label} ${named(digit)}?`);
      button.addEventListener("click", () => {
        const at = digits.indexOf(digit);
        choose(digit);
        this.#paint();
        place.querySelectorAll("button")[Math.min(at, place.childElementCount - 2)]?.focus();
      });
      return button;
    });
    place.replaceChildren(make("span", { textContent: label }), ...buttons);
  }

  /** Draw the digit in grey, and its ink in the colour of its effect, interpolated between the places. */
  #heat(image, places, effect) {
    const [ground, ink, blue, orange] = ["sunken", "ink", "blue", "orange"].map(colour);
    const grid = Array.from({ length: places }, (_, row) => Array.from({ length: places }, (_, c) => effect(row, c)));
    const largest = Math.max(...grid.flat().map(Math.abs), 1e-9);
    const at = (values, y, x) => {
      const clamp = (place) => Math.min(places - 1, Math.max(0, place));
      const [top, left] = [Math.floor(y), Math.floor(x)];
      const mean = (row) => {
        const line = values[clamp(row)];
        return line[clamp(left)] * (left + 1 - x) + line[clamp(left + 1)] * (x - left);
      };
      return mean(top) * (top + 1 - y) + mean(top + 1) * (y - top);
    };
    const context = this.canvas.getContext("2d");
    const [rows] = image.shape;
    const cell = SIDE / rows;
    const step = rows / places;
    context.fillStyle = css(ground);
    context.fillRect(0, 0, SIDE, SIDE);
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < rows; column++) {
        const grey = image[row * rows + column] / 255;
        if (!grey) continue;
        const value = at(grid, (row + 0.5) / step - 0.5, (column + 0.5) / step - 0.5) / largest;
        const tint = mix(mix(ground, ink, 0.45), value < 0 ? orange : blue, Math.min(1, 1.4 * Math.abs(value)));
        context.fillStyle = css(mix(ground, tint, grey));
        context.fillRect(column * cell, row * cell, cell + 0.5, cell + 0.5);
      }
    }
  }
}
