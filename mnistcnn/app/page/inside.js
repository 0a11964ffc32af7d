// The layers of the network in their order, each with what it makes of the digit.

import { named } from "./answers.js";
import { Evidence } from "./evidence.js";
import { Lens, largestOf } from "./lens.js";
import { activationScale, bars, make, paint, written } from "./paint.js";

const MAPS = {
  conv1: ["image", "32 filters of 5×5 slide over the image. Each makes a map of where it finds its pattern."],
  pool1: ["conv1", "The largest of every 2×2 numbers: half as wide, half as high."],
  conv2: ["pool1", "64 filters of 5×5 slide over all 32 maps at once: patterns of patterns."],
  pool2: ["conv2", "The largest of every 2×2 numbers again."],
};
const UNITS = 10; // units of the dense layer that are shown

const heading = (name, shape, text) =>
  make("header", {},
    make("h3", { textContent: name }),
    make("span", { className: "shape", textContent: shape.join("×") }),
    make("p", { textContent: text }));

const layer = (...children) => make("section", { className: "layer" }, ...children);

export class Inside {
  constructor(place) {
    this.place = place;
    this.evidence = new Evidence();
    this.lenses = {};
    this.maps = {};
    for (const [name, [, text]] of Object.entries(MAPS)) {
      this.maps[name] = layer();
      this.maps[name].dataset.layer = name;
      this.maps[name].dataset.text = text;
    }
    this.dense = layer();
    this.logits = layer();
    this.softmax = layer();
    place.append(
      layer(heading("What speaks for it, and against", [], ""), this.evidence.element),
      ...Object.values(this.maps),
      make("div", { className: "columns" }, this.dense, this.logits, this.softmax),
    );
  }

  /** Show an explanation, with the weights of its model. */
  show(explanation, weights) {
    [this.explanation, this.weights] = [explanation, weights];
    this.evidence.show(explanation);
    for (const name of Object.keys(MAPS)) this.#showMaps(name);
    this.#showDense();
    this.#showLogits();
  }

  /** Return what a layer gets: the image as numbers from 0 to 1, or what the layer before made. */
  #inputOf(name) {
    const [before] = MAPS[name];
    if (before !== "image") return this.explanation.activations[before];
    const { image } = this.explanation.prediction;
    return Object.assign(Float32Array.from(image, (grey) => grey / 255), { shape: [...image.shape, 1] });
  }

  #showMaps(name) {
    const values = this.explanation.activations[name];
    const [rows, columns, count] = values.shape;
    const section = this.maps[name];
    const scale = activationScale(largestOf(values));
    if (!section.childElementCount) {
      const maps = make("div", { className: "maps" });
      for (let map = 0; map < count; map++) {
        const button = make("button", { type: "button", className: "map" }, make("canvas"));
        button.setAttribute("aria-label", `${name}, map ${map}`);
        button.setAttribute("aria-expanded", "false");
        button.addEventListener("click", () => this.#open(name, map));
        maps.append(button);
      }
      section.append(heading(name, values.shape, section.dataset.text), maps);
    }
    section.querySelectorAll(".map canvas").forEach((canvas, map) =>
      paint(canvas, rows, columns, (row, column) => values[(row * columns + column) * count + map], scale));
    this.lenses[name]?.show(this.#inputOf(name), values);
  }

  /** Put a map under the lens, or take it away. */
  #open(name, map) {
    const section = this.maps[name];
    const open = this.lenses[name];
    open?.element.remove();
    delete this.lenses[name];
    if (open?.map !== map) {
      const lens = new Lens(name, map, this.weights[name]);
      this.lenses[name] = lens;
      section.append(lens.element);
      lens.show(this.#inputOf(name), this.explanation.activations[name]);
    }
    section.querySelectorAll(".map").forEach((button, at) =>
      button.setAttribute("aria-expanded", at === this.lenses[name]?.map));
  }

  #showDense() {
    const { dense } = this.explanation.activations;
    const { digit } = this.explanation.prediction;
    const { kernel } = this.weights.logits;
    const parts = Array.from(dense, (value, unit) => ({ unit, part: value * kernel[10 * unit + digit] }))
      .sort((one, other) => Math.abs(other.part) - Math.abs(one.part));
    const active = dense.filter((value) => value > 0).length;
    const items = parts.slice(0, UNITS).map(({ unit, part }) => ({
      name: unit, value: part, text: written(part),
    }));
    const largest = Math.max(...items.map(({ value }) => Math.abs(value)));
    this.dense.replaceChildren(
      heading("dense", dense.shape, `Each unit looks at all 3,136 numbers of pool2; ${active} are active. `
        + `These ${UNITS} say most about ${named(digit)}: activation × weight.`),
      bars({ items, largest, signed: true }));
  }

  #showLogits() {
    const { logits, probabilities } = this.explanation.activations;
    const { digit } = this.explanation.prediction;
    this.logits.replaceChildren(
      heading("logits", logits.shape, "The sums of all units, one for each digit."),
      bars({ items: Array.from(logits, (value, name) => ({ name, value, text: written(value) })),
        largest: Math.max(...logits.map(Math.abs)), signed: true, best: digit }));
    this.softmax.replaceChildren(
      heading("softmax", probabilities.shape, "The logits as probabilities, which add up to 1."),
      bars({ items: Array.from(probabilities, (value, name) => ({ name, value, text: value.toFixed(4) })),
        largest: 1, best: digit }));
  }
}
