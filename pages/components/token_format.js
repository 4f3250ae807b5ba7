// What the token views share: numbers as words, packed columns as arrays, the theme's paper, token text as nodes.
// Token text reaches the page through textContent only.

const SPECIAL = 1, TEMPLATE = 2, ANSWER = 4, FLIPPED = 8;
const ARRAYS = { float32: Float32Array, int32: Int32Array, int8: Int8Array, uint8: Uint8Array };

function element(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

// Each column is unpacked when it is first read: most are for the card alone.
function unpack(columns) {
  const found = {};
  for (const [name, packed] of Object.entries(columns)) {
    const read = () => {
      const value = unpacked(packed);
      Object.defineProperty(found, name, { value });
      return value;
    };
    Object.defineProperty(found, name, { get: read, configurable: true });
  }
  return found;
}

function unpacked({ kind, data }) {
  const letters = atob(data), bytes = new Uint8Array(letters.length);
  for (let at = 0; at < letters.length; at++) bytes[at] = letters.charCodeAt(at);
  return new ARRAYS[kind](bytes.buffer);
}

function amount(value) {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  if (value === 0) return "0";
  const size = Math.abs(value), words = size < 0.001 ? value.toExponential(1) : value.toFixed(size < 0.1 ? 4 : size < 10 ? 3 : 1);
  return words.replace("-", "−");
}

function measured(value, unit, signed) {
  if (value === null || Number.isNaN(value)) return "–";
  if (unit === "share") return share(value);
  return `${signed && value > 0 ? "+" : ""}${amount(value)}${unit === "nats" ? " nats" : ""}`;
}

function tick(value) {
  if (Math.abs(value) < 1e-12) return "0";
  return String(Number(value.toPrecision(2))).replace("-", "−");
}

function share(probability) {
  const percent = 100 * probability;
  if (percent >= 99.95 && percent < 100) return ">99.9%";
  return percent > 0 && percent < 0.05 ? "<0.1%" : percent.toFixed(1) + "%";
}

function places(number) {
  return number < 1000 ? String(number) : `${(number / 1000).toPrecision(2)}k`;
}

// Even pieces stand as they are, odd ones are marks for what has no glyph.
function write(node, pieces, breaks) {
  pieces.forEach((piece, at) => {
    if (!piece) return;
    if (at % 2 === 0) return void node.append(piece);
    const mark = element("span", /^[0-9A-Z]{2}/.test(piece) || piece.startsWith("U+") ? "mark bytes" : "mark");
    mark.textContent = breaks ? piece : piece.replaceAll("\n", "");
    node.append(mark);
  });
}

function paperOf(root) {
  const probe = root.appendChild(element("i"));
  probe.style.color = "var(--st-background-color)";
  const [red, green, blue] = (getComputedStyle(probe).color.match(/[\d.]+/g) || [255, 255, 255]).map(Number);
  probe.remove();
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue < 128 ? "dark" : "light";
}

function applyTheme(root, data) {
  const paper = paperOf(root), dark = paper === "dark", style = root.style;
  style.setProperty("--muted", dark ? "#A9B1BC" : "#5B6470");
  style.setProperty("--flip", dark ? "#FFD166" : "#B25000");
  style.setProperty("--ring", dark ? "#7CC4F5" : "#0072B2");
  (data.colours[paper] || []).forEach((colour, at) => {
    style.setProperty(`--c${at}`, colour);
    style.setProperty(`--i${at}`, data.inks[paper][at]);
  });
}

function paint(node, level) {
  if (level < 0) return;
  node.style.background = `var(--c${level})`;
  node.style.color = `var(--i${level})`;
}

function drawScale(data) {
  const { scale, title, unit, signed, states } = data, bar = element("div", "scale");
  const words = scale.shared ? "one scale for all texts" : "each text has a scale of its own";
  bar.append(element("div", "scale-title", `${title} · ${unit}`), swatches(scale, unit), ticks(scale, signed));
  const ends = signed ? `blue: more in ${states[0]} · orange: more in ${states[1]} · ` : "";
  bar.append(element("div", "scale-note", `${ends}${words}, ${scale.spacing}`));
  return bar;
}

function swatches(scale, unit) {
  const strip = element("div", "swatches");
  for (let at = 0; at + 1 < scale.edges.length; at++) {
    const swatch = element("div", "swatch");
    paint(swatch, at);
    if (scale.shared) swatch.title = `${tick(scale.edges[at])} to ${tick(scale.edges[at + 1])} ${unit}`;
    strip.append(swatch);
  }
  return strip;
}

function ticks(scale, signed) {
  const row = element("div", "ticks"), last = scale.edges.length - 1, end = scale.clipped ? "+" : "";
  const marks = scale.shared
    ? (signed ? [0, 3, 6.5, 10, last] : [0, 3, 6, 9, last]).map((at) => [at, at === 6.5 ? "0" : tick(scale.edges[at])])
    : signed ? [[0, "−its largest"], [last / 2, "0"], [last, "its largest"]] : [[0, "0"], [last, "its largest"]];
  for (const [at, words] of marks) {
    const mark = element("span", "tick", words + (at === last ? end : ""));
    mark.style.left = `${(100 * at) / last}%`;
    row.append(mark);
  }
  return row;
}
