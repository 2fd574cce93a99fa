// The networks, and what a visitor does with them.

/** Loads the module from its bytes and returns its functions. */
export async function load(bytes) {
  const { instance } = await WebAssembly.instantiate(bytes, {});
  const wasm = instance.exports;
  const text = new TextDecoder();
  // A call may move the memory: the address comes first, then the view.
  const numbers = (address, length) => new Float32Array(wasm.memory.buffer, address, length);
  const letters = (address, length) => new Uint8Array(wasm.memory.buffer, address, length);

  return {
    /** Returns the probabilities of the ten digits for 28 x 28 numbers from 0 (black) to 1 (white). */
    classify(pixels) {
      numbers(wasm.digit_pixels(), 784).set(pixels);
      return numbers(wasm.digit_classify(), 10).slice();
    },

    /** Yields the pieces of a story. Without a seed each token is the most likely. */
    *story(prompt, seed = -1) {
      const bytes = new TextEncoder().encode(prompt).slice(0, 256);
      letters(wasm.story_text(), bytes.length).set(bytes);
      if (!wasm.story_begin(bytes.length, seed)) throw new Error("the prompt is no text");
      for (let length; (length = wasm.story_next()); ) {
        yield text.decode(letters(wasm.story_text(), length), { stream: true });
      }
    },
  };
}

/**
 * Returns a drawing of `side` x `side` numbers as an image of MNIST: what is drawn is scaled into 20 x
 * 20 pixels, and its center of mass lies in the middle of 28 x 28.
 */
export function likeMnist(drawing, side) {
  let [left, right, top, bottom] = [side, -1, side, -1];
  for (let y = 0; y < side; y++) {
    for (let x = 0; x < side; x++) {
      if (drawing[y * side + x] > 0) {
        [left, right] = [Math.min(left, x), Math.max(right, x)];
        [top, bottom] = [Math.min(top, y), Math.max(bottom, y)];
      }
    }
  }
  const image = new Float32Array(784);
  if (right < 0) return image;

  // Each pixel is the mean of the part of the drawing that it covers.
  const scale = Math.max(right - left + 1, bottom - top + 1) / 20;
  const part = (x, y) => {
    let [sum, count] = [0, 0];
    for (let v = Math.floor(y * scale); v < (y + 1) * scale; v++) {
      for (let u = Math.floor(x * scale); u < (x + 1) * scale; u++) {
        const [column, row] = [left + u, top + v];
        if (column <= right && row <= bottom) sum += drawing[row * side + column];
        count++;
      }
    }
    return sum / count;
  };
  const small = Array.from({ length: 400 }, (_, i) => part(i % 20, Math.floor(i / 20)));

  let [mass, massX, massY] = [0, 0, 0];
  small.forEach((value, i) => {
    mass += value;
    massX += value * (i % 20);
    massY += value * Math.floor(i / 20);
  });
  const [dx, dy] = [Math.round(13.5 - massX / mass), Math.round(13.5 - massY / mass)];
  small.forEach((value, i) => {
    const [column, row] = [(i % 20) + dx, Math.floor(i / 20) + dy];
    if (value > 0 && column >= 0 && column < 28 && row >= 0 && row < 28) {
      image[row * 28 + column] = value;
    }
  });
  return image;
}

/** Connects the networks with the elements of the page. */
export async function start(document) {
  const response = await fetch("web.wasm");
  const networks = await load(await response.arrayBuffer());
  const canvas = document.getElementById("drawing");
  const answer = document.getElementById("answer");
  const story = document.getElementById("story");
  const context = canvas.getContext("2d", { willReadFrequently: true });
  const side = canvas.width;

  function clear() {
    context.fillStyle = "black";
    context.fillRect(0, 0, side, side);
    answer.textContent = "";
  }

  function classify() {
    const { data } = context.getImageData(0, 0, side, side);
    const drawing = Float32Array.from({ length: side * side }, (_, i) => data[4 * i] / 255);
    const probabilities = networks.classify(likeMnist(drawing, side));
    const best = probabilities.indexOf(Math.max(...probabilities));
    answer.textContent = `${best} (${(100 * probabilities[best]).toFixed(1)} %)`;
  }

  let last = null;
  const at = (event) => [event.offsetX, event.offsetY];
  canvas.addEventListener("pointerdown", (event) => {
    last = at(event);
    canvas.setPointerCapture(event.pointerId);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!last) return;
    context.strokeStyle = "white";
    // As thick as the strokes of MNIST.
    context.lineWidth = side / 9;
    context.lineCap = "round";
    context.beginPath();
    context.moveTo(...last);
    context.lineTo(...(last = at(event)));
    context.stroke();
  });
  canvas.addEventListener("pointerup", () => {
    last = null;
    classify();
  });
  document.getElementById("clear").addEventListener("click", clear);

  document.getElementById("write").addEventListener("click", async () => {
    const prompt = document.getElementById("prompt").value;
    story.textContent = "";
    for (const piece of networks.story(prompt, Math.floor(Math.random() * 2 ** 32))) {
      story.textContent += piece;
      await new Promise((shown) => setTimeout(shown));
    }
  });
  clear();
  document.body.dataset.ready = "yes";
}
