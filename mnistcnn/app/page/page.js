// The page: what is drawn goes to the server as it changes, and the newest answers are shown.

import { sentence, showAnswer } from "./answers.js";
import { Drawing } from "./drawing.js";
import { Inside } from "./inside.js";
import { make, paintImage } from "./paint.js";
import * as server from "./server.js";

const PAUSE = 250; // milliseconds without a change until the slower parts of the page follow the drawing

const find = (selector) => document.querySelector(selector);
const drawing = new Drawing(find("#canvas"), changed);
const inside = new Inside(find("#layers"));
const weights = new Map(); // by model
let models = []; // { name, place, answer }
let chosen = 0; // which of several digits is looked at
let isAsking = false;
let isStale = false; // whether the drawing changed since the question under way was asked
let looks = 0; // how often what is to be explained has changed
let pause;

function changed() {
  chosen = 0;
  looks += 1;
  clearTimeout(pause);
  find("#hint").hidden = !drawing.isEmpty;
  for (const id of ["#undo", "#clear"]) find(id).disabled = drawing.isEmpty;
  isStale = true;
  for (const id of ["#answers", "#inside"]) find(id).ariaBusy = "true";
  ask();
}

/** Ask every model about the drawing as it is now; one question is under way at a time. */
async function ask() {
  if (isAsking || !models.length) return;
  isAsking = true;
  while (isStale) {
    isStale = false;
    const picture = drawing.isReadable ? await drawing.file() : null;
    await Promise.all(models.map(async (model) => {
      model.answer = picture ? await server.predict(picture, model.name).catch(refused) : {};
    }));
    if (!isStale) show();
    else models.forEach(showOne);
  }
  isAsking = false;
}

/** Return the answer that a refusal is; an error of the page itself goes on. */
function refused(error) {
  if (!(error instanceof server.Refusal)) throw error;
  return { error: error.message };
}

function showOne(model) {
  showAnswer(model.place, model.name, model.answer, chosen, choose);
}

function show() {
  models.forEach(showOne);
  const { predictions } = models[insideModel()].answer;
  const several = predictions && (predictions.length > 1 || drawing.picture);
  drawing.mark(several ? predictions.map(({ box }) => box) : [], chosen);
  showSeen(predictions?.[chosen]?.image);
  find("#answers").ariaBusy = "false";
  clearTimeout(pause);
  pause = setTimeout(follow, PAUSE);
}

function choose(place) {
  chosen = place;
  looks += 1;
  show();
  models[0].place.querySelectorAll(".digits button")[place]?.focus();
}

function showSeen(image) {
  const canvas = find("#seen canvas");
  if (image) paintImage(canvas, image);
  else canvas.width = canvas.width;
}

/** Let what is slower follow the drawing: the layers, and what is said aloud. */
async function follow() {
  find("#spoken").textContent = models.map(({ name, answer }) =>
    (models.length > 1 ? `${name}: ` : "") + sentence(answer)).join(" ");
  const look = looks;
  const model = models[insideModel()];
  const isRead = Boolean(model.answer.predictions?.[chosen]);
  if (isRead) {
    if (!weights.has(model.name)) weights.set(model.name, await server.weights(model.name));
    const explanation = await server.explain(await drawing.file(), model.name, chosen).catch(refused);
    if (look !== looks) return;
    if (!explanation.error) inside.show(explanation, weights.get(model.name));
  }
  find("#layers").hidden = !isRead;
  find("#inside-note").hidden = isRead;
  find("#inside").ariaBusy = "false";
}

const insideModel = () => Math.max(0, find("#inside-model select").selectedIndex);

async function showExamples(model) {
  const row = find("#examples .row");
  const examples = await server.examples(model);
  row.replaceChildren(...examples.map(({ image, label, read_as: answer }) => {
    const canvas = make("canvas");
    paintImage(canvas, image);
    const isMisread = label !== answer;
    const text = isMisread ? `${label} → ${answer}` : `${label}`;
    const button = make("button", { type: "button", className: isMisread ? "example misread" : "example" }, canvas, text);
    button.setAttribute("aria-label", isMisread ? `A ${label}, misread as ${answer}` : `A ${label}`);
    button.addEventListener("click", () => canvas.toBlob((blob) => drawing.show(blob)));
    return button;
  }));
}

function takePictures() {
  const take = (file) => file && drawing.show(file);
  for (const id of ["#picture", "#photo"]) {
    find(id).addEventListener("change", ({ target }) => {
      take(target.files[0]);
      target.value = "";
    });
  }
  document.addEventListener("paste", ({ clipboardData }) => take(clipboardData.files[0]));
  document.addEventListener("dragover", (event) => {
    event.preventDefault();
    find("#pad").classList.add("over");
  });
  for (const name of ["dragleave", "drop"]) document.addEventListener(name, () => find("#pad").classList.remove("over"));
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    take(event.dataTransfer.files[0]);
  });
}

function connectTools() {
  find("#undo").addEventListener("click", () => drawing.undo());
  find("#clear").addEventListener("click", () => drawing.clear());
  find("#width").addEventListener("input", ({ target }) => (drawing.width = 0.032 * target.value / 9));
  document.addEventListener("keydown", (event) => {
    if (event.target.matches("input, select")) return;
    if ((event.ctrlKey || event.metaKey) && event.key === "z") drawing.undo();
    else if (event.key === "Delete" || event.key === "Backspace") drawing.clear();
    else return;
    event.preventDefault();
  });
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const root = document.documentElement;
  const repaint = () => {
    drawing.repaint();
    if (inside.explanation) inside.show(inside.explanation, inside.weights);
  };
  find("#theme").addEventListener("click", () => {
    const isDark = root.style.colorScheme ? root.style.colorScheme === "dark" : dark.matches;
    root.style.colorScheme = isDark ? "light" : "dark";
    repaint();
  });
  dark.addEventListener("change", repaint);
}

async function start() {
  connectTools();
  takePictures();
  const described = await server.models();
  models = described.models.map(({ name }) => ({ name, answer: {}, place: make("article", { className: "answer" }) }));
  find("#answers").replaceChildren(...models.map(({ place }) => place));
  const select = find("#inside-model select");
  select.append(...models.map(({ name }) => make("option", { textContent: name })));
  find("#inside-model").hidden = models.length < 2;
  select.addEventListener("change", () => {
    looks += 1;
    show();
    showExamples(models[insideModel()].name);
  });
  changed();
  await showExamples(models[0].name);
}

start().catch(({ message }) => {
  find("#answers").textContent = message;
});
