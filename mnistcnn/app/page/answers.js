// The answers of the models, side by side: the digits large, a sentence, ten bars.

import { bars, make } from "./paint.js";

const percent = (share) => `${(100 * share).toFixed(1)} %`;

/** Return the digits, the likeliest first. */
const ranked = (probabilities) =>
  probabilities.map((_, digit) => digit).sort((one, other) => probabilities[other] - probabilities[one]);

/** Return a digit with its article. */
export const named = (digit) => `${digit === 8 ? "an" : "a"} ${digit}`;

/** Say in words what a model reads. */
export function sentence({ text, predictions, error }) {
  if (error) return error;
  if (!predictions) return "No digit yet: draw one, or drop a picture here.";
  if (predictions.length > 1) {
    const unsure = predictions.filter((each) => !each.sure).length;
    const doubt = unsure ? ` Not sure of ${unsure} of them.` : "";
    return `${predictions.length} digits: ${text.replaceAll("\n", ", ")}.${doubt}`;
  }
  const [{ digit, probability, probabilities, sure }] = predictions;
  if (sure) return `${digit === 8 ? "An" : "A"} ${digit}, with ${percent(probability)}.`;
  const second = ranked(probabilities)[1];
  return `Not sure: perhaps ${named(digit)} (${percent(probability)}), perhaps ${named(second)} `
    + `(${percent(probabilities[second])}), perhaps not a digit.`;
}

/** Show a model's answer in its place; `choose` is called with the place of a digit that is clicked. */
export function showAnswer(place, name, answer, chosen, choose) {
  const { predictions } = answer;
  const digits = make("div", { className: "digits" });
  if (!predictions) digits.textContent = "–";
  else if (predictions.length === 1) digits.textContent = answer.text;
  else digits.append(...digitButtons(predictions, chosen, choose));
  digits.classList.toggle("many", (predictions?.length ?? 0) > 1);
  digits.classList.toggle("unsure", !predictions || (predictions.length === 1 && !predictions[0].sure));
  const shown = predictions?.[Math.min(chosen, predictions.length - 1)];
  const probabilities = shown?.probabilities ?? new Array(10).fill(0);
  const items = probabilities.map((value, digit) => ({ name: digit, value, text: shown ? percent(value) : "" }));
  place.replaceChildren(
    make("h2", { textContent: name.split(/[\\/]/).pop(), title: name }),
    digits,
    make("p", { className: "sentence", textContent: sentence(answer) }),
    bars({ items, largest: 1, best: shown ? shown.digit : -1 }),
  );
}

/** Return a button for each digit, with the lines and groups of the picture. */
function digitButtons(predictions, chosen, choose) {
  return predictions.flatMap((each, place) => {
    const before = predictions[place - 1];
    const gap = !before ? "" : each.line !== before.line ? "\n" : each.group !== before.group ? " " : "";
    const button = make("button", { type: "button", textContent: each.digit, className: each.sure ? "" : "unsure" });
    button.setAttribute("aria-pressed", place === chosen);
    button.setAttribute("aria-label", `Digit ${place + 1}: ${each.digit}${each.sure ? "" : ", not sure"}`);
    button.addEventListener("click", () => choose(place));
    return [gap, button];
  });
}
