// What the page asks of the server: pictures go out, answers and arrays come back.

const TYPES = { float32: Float32Array, uint8: Uint8Array };

/** What the server refused, in its own words. */
export class Refusal extends Error {}

/** Ask the server; throw a Refusal if it has no answer. */
async function ask(address, settings) {
  let response;
  try {
    response = await fetch(address, settings);
  } catch {
    throw new Refusal("The server does not answer: is `mnistcnn serve` still running?");
  }
  const answer = await response.json();
  if (!response.ok) throw new Refusal(answer.error);
  return answer;
}

/** Turn the arrays in an answer, however deep, into typed arrays with a shape. */
function unpacked(answer) {
  if (answer === null || typeof answer !== "object") return answer;
  if (Array.isArray(answer)) return answer.map(unpacked);
  if (!("values" in answer && "shape" in answer)) {
    return Object.fromEntries(Object.entries(answer).map(([name, value]) => [name, unpacked(value)]));
  }
  const bytes = Uint8Array.from(atob(answer.values), (letter) => letter.charCodeAt(0));
  const values = new TYPES[answer.type](bytes.buffer);
  return Object.assign(values, { shape: answer.shape });
}

const query = (fields) => new URLSearchParams(fields).toString();
const post = (picture) => ({ method: "POST", body: picture, headers: { "Content-Type": "application/octet-stream" } });

export const models = () => ask("/models");
export const weights = async (model) => unpacked(await ask(`/weights?${query({ model })}`));
export const examples = async (model) => unpacked(await ask(`/examples?${query({ model })}`)).examples;
export const predict = async (picture, model) =>
  unpacked(await ask(`/predict?${query({ model, images: "yes" })}`, post(picture)));
export const explain = async (picture, model, place) =>
  unpacked(await ask(`/explain?${query({ model, place })}`, post(picture)));
