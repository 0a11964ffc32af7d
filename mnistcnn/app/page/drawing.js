// The drawing surface: strokes by pointer or keyboard, or a picture in their place; the boxes of what was read.

import { colour, css } from "./paint.js";

const EXPORTED = 280; // pixels: the side of the drawing that the server gets
const MIN_EXTENT = 0.06; // share of the side: strokes within less are the beginning of a digit
const KEY_STEP = 0.02; // share of the side: how far an arrow key moves the pen

export class Drawing {
  /** `changed` is called after every change; drawing itself never waits for it. */
  constructor(canvas, changed) {
    this.canvas = canvas;
    this.changed = changed;
    this.strokes = [];
    this.picture = null; // { blob, bitmap }
    this.boxes = [];
    this.width = 0.032; // of the side
    this.pen = { x: 0.5, y: 0.5, isDown: false, isShown: false };
    canvas.addEventListener("pointerdown", (event) => this.#start(event));
    canvas.addEventListener("pointermove", (event) => this.#move(event));
    for (const name of ["pointerup", "pointercancel"]) canvas.addEventListener(name, () => (this.pointer = null));
    canvas.addEventListener("keydown", (event) => this.#key(event));
    canvas.addEventListener("blur", () => this.#lift(false));
    new ResizeObserver(() => this.repaint()).observe(canvas);
  }

  get isEmpty() {
    return this.strokes.length === 0 && this.picture === null;
  }

  /** Whether there is enough to ask about: a picture, or more than a dot. */
  get isReadable() {
    const points = this.strokes.flatMap((stroke) => stroke.points);
    const extent = (axis) => {
      const places = points.map((point) => point[axis]);
      return Math.max(...places) - Math.min(...places);
    };
    return this.picture !== null || Math.max(extent(0), extent(1)) >= MIN_EXTENT;
  }

  /** The size in which the server sees the picture, and gives its boxes. */
  get size() {
    const bitmap = this.picture?.bitmap;
    return bitmap ? [bitmap.width, bitmap.height] : [EXPORTED, EXPORTED];
  }

  /** Return what is shown as a file: dark strokes on white, or the picture as it came. */
  async file() {
    if (this.picture) return this.picture.blob;
    const canvas = new OffscreenCanvas(EXPORTED, EXPORTED);
    const context = canvas.getContext("2d");
    context.fillStyle = "white";
    context.fillRect(0, 0, EXPORTED, EXPORTED);
    for (const stroke of this.strokes) drawStroke(context, stroke, EXPORTED, "black");
    return canvas.convertToBlob();
  }

  /** Show a picture instead of strokes; one that the browser cannot show is still read. */
  async show(blob) {
    this.strokes = [];
    this.boxes = [];
    this.picture = { blob, bitmap: await createImageBitmap(blob).catch(() => null) };
    this.repaint();
    this.changed();
  }

  clear() {
    this.strokes = [];
    this.picture = null;
    this.boxes = [];
    this.repaint();
    this.changed();
  }

  undo() {
    if (this.picture) return this.clear();
    this.strokes.pop();
    this.boxes = [];
    this.repaint();
    this.changed();
  }

  /** Mark where digits were read; the chosen one stands out. */
  mark(boxes, chosen) {
    this.boxes = boxes;
    this.chosen = chosen;
    this.repaint();
  }

  repaint() {
    if (this.isPending) return;
    this.isPending = true;
    requestAnimationFrame(() => {
      this.isPending = false;
      this.#paint();
    });
  }

  #paint() {
    const side = Math.round(this.canvas.clientWidth * devicePixelRatio);
    if (this.canvas.width !== side) this.canvas.width = this.canvas.height = side;
    const context = this.canvas.getContext("2d");
    context.clearRect(0, 0, side, side);
    const [width, height] = this.size;
    const scale = side / Math.max(width, height);
    const [left, top] = [(side - width * scale) / 2, (side - height * scale) / 2];
    if (this.picture?.bitmap) context.drawImage(this.picture.bitmap, left, top, width * scale, height * scale);
    const pen = css(colour("pen"));
    for (const stroke of this.strokes) drawStroke(context, stroke, side, pen);
    context.lineWidth = 2 * devicePixelRatio;
    this.boxes.forEach((box, place) => {
      context.strokeStyle = css(colour(place === this.chosen ? "blue" : "faint"));
      const [x, y] = [box[0] * scale + left, box[1] * scale + top];
      context.strokeRect(x - 4, y - 4, (box[2] - box[0]) * scale + 8, (box[3] - box[1]) * scale + 8);
    });
    if (this.pen.isShown) {
      context.strokeStyle = css(colour("blue"));
      context.beginPath();
      context.arc(this.pen.x * side, this.pen.y * side, this.width * side * (this.pen.isDown ? 0.6 : 1), 0, 7);
      context.stroke();
    }
  }

  #start(event) {
    if (event.button !== 0 || this.pointer != null) return;
    event.preventDefault();
    this.#lift(false);
    this.pointer = event.pointerId;
    this.canvas.setPointerCapture(event.pointerId);
    this.#begin(this.#place(event));
  }

  #move(event) {
    if (event.pointerId !== this.pointer) return;
    const events = event.getCoalescedEvents?.() ?? [];
    for (const each of events.length ? events : [event]) this.#extend(this.#place(each));
  }

  #place(event) {
    const { left, top, width } = this.canvas.getBoundingClientRect();
    return [(event.clientX - left) / width, (event.clientY - top) / width];
  }

  #begin(point) {
    this.picture = null;
    this.boxes = [];
    this.strokes.push({ width: this.width, points: [point] });
    this.repaint();
    this.changed();
  }

  #extend(point) {
    this.strokes.at(-1).points.push(point);
    this.boxes = [];
    this.repaint();
    this.changed();
  }

  #lift(isShown) {
    this.pen.isDown = false;
    this.pen.isShown = isShown;
    this.repaint();
  }

  #key(event) {
    const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    const move = moves[event.key];
    if (move) {
      const within = (place) => Math.min(1, Math.max(0, place));
      this.pen.x = within(this.pen.x + KEY_STEP * move[0]);
      this.pen.y = within(this.pen.y + KEY_STEP * move[1]);
      if (this.pen.isDown) this.#extend([this.pen.x, this.pen.y]);
    } else if (event.key === " ") {
      this.pen.isDown = !this.pen.isDown;
      if (this.pen.isDown) this.#begin([this.pen.x, this.pen.y]);
    } else {
      return;
    }
    this.pen.isShown = true;
    event.preventDefault();
    this.repaint();
  }
}

/** Draw a stroke through its points, smooth between their middles. */
function drawStroke(context, { width, points }, side, style) {
  context.strokeStyle = style;
  context.lineWidth = 2 * width * side;
  context.lineCap = context.lineJoin = "round";
  context.beginPath();
  const [first, ...rest] = points.map(([x, y]) => [x * side, y * side]);
  context.moveTo(...first);
  rest.forEach(([x, y], place) => {
    const [nextX, nextY] = rest[place + 1] ?? [x, y];
    context.quadraticCurveTo(x, y, (x + nextX) / 2, (y + nextY) / 2);
  });
  if (rest.length === 0) context.lineTo(first[0] + 0.01, first[1]);
  context.stroke();
}
