// The grid: prompts down, positions across. Only the cells on screen are in the page, however many prompts there are.
// Pointer and arrow keys show a cell's token; click or Enter opens it in the text.

const grids = new WeakMap();
const ROW = 22, NARROW = [16, 34], WIDE = 74, TITLE = 240, SMALL_TITLE = 110, MEAN = 64, SPARE = 4;

export default function (component) {
  const root = component.parentElement.querySelector(".grid-view");
  let grid = grids.get(root);
  if (!grid) grids.set(root, (grid = new Grid(root)));
  grid.update(component.data, component.setTriggerValue);
  return () => grid.close();
}

class Grid {
  constructor(root) {
    this.root = root;
    [this.legend, this.frame, this.said] = [".legend", ".grid-frame", ".said"].map((name) => root.querySelector(name));
    [this.head, this.sheet] = [".head", ".sheet"].map((name) => root.querySelector(name));
    this.live = root.querySelector(".live");
    this.at = [0, 0];
    this.size = "narrow";
    this.frame.onscroll = () => this.soon();
    this.frame.onkeydown = (event) => this.keyed(event);
    this.frame.onfocus = () => this.tellCell();
    this.sheet.onpointerover = (event) => this.point(event);
    this.sheet.onpointerout = () => this.tellCell();
    this.sheet.onclick = (event) => this.open(this.placeOf(event));
    this.resized = new ResizeObserver(() => this.soon());
    this.resized.observe(this.frame);
  }

  update(data, tell) {
    this.tell = tell;
    if (data.key !== this.key) {
      this.key = data.key;
      this.data = data;
      this.columns = unpack(data.columns);
      this.wide = Math.max(1, ...data.texts.map((text) => text.offset + text.end - text.start));
      this.at = [0, data.texts.length ? data.texts[0].offset : 0];
      this.drawLegend();
      this.frame.scrollTop = 0;
    }
    applyTheme(this.root, this.data);
    this.draw();
    this.tellCell();
  }

  close() {
    this.resized.disconnect();
    grids.delete(this.root);
  }

  drawLegend() {
    const keys = element("div", "keys"), button = element("button", "toggle"), { clipped } = this.data.scale;
    button.type = "button";
    const say = () => (button.textContent = this.size === "narrow" ? "Show the tokens in the cells" : "Show more positions");
    button.onclick = () => {
      this.size = this.size === "narrow" ? "wide" : "narrow";
      say();
      this.draw();
    };
    say();
    if (clipped) keys.append(element("span", "key", `${clipped.toLocaleString("en")} beyond the scale, in its last colour`));
    const flip = element("span", "key"), sample = element("span", "sample", "abc");
    sample.style.boxShadow = "inset 0 -2px 0 var(--flip)";
    flip.append(sample, "first choice differs");
    keys.append(flip, element("span", "key", "line above: answer"));
    keys.append(element("span", "key", "hatched: not counted (special, template, first token)"), button);
    this.legend.replaceChildren(drawScale(this.data), keys);
  }

  width() {
    const room = Math.floor((this.frame.clientWidth - this.left - 12) / this.wide);
    return this.size === "wide" ? WIDE : Math.min(Math.max(room, NARROW[0]), NARROW[1]);
  }

  soon() {
    if (!this.waiting) this.waiting = requestAnimationFrame(() => ((this.waiting = 0), this.draw()));
  }

  // --- the window ----------------------------------------------------------------------------------------

  draw() {
    if (!this.data) return;
    const { frame, data } = this;
    this.left = (frame.clientWidth < 600 ? SMALL_TITLE : TITLE) + MEAN;
    const cell = this.width();
    this.root.style.setProperty("--title", `${this.left - MEAN}px`);
    this.sheet.style.height = `${data.texts.length * ROW}px`;
    frame.style.height = `min(31rem, 70vh, ${data.texts.length * ROW + 44}px)`;
    this.sheet.style.width = this.head.style.width = `${this.left + this.wide * cell}px`;
    const rows = [Math.floor(frame.scrollTop / ROW) - SPARE, Math.ceil((frame.scrollTop + frame.clientHeight) / ROW) + SPARE];
    const cols = [Math.floor(frame.scrollLeft / cell) - SPARE, Math.ceil((frame.scrollLeft + frame.clientWidth - this.left) / cell) + SPARE];
    this.rows = [Math.max(0, rows[0]), Math.min(data.texts.length, rows[1])];
    this.cols = [Math.max(0, cols[0]), Math.min(this.wide, cols[1])];
    const lines = [];
    for (let row = this.rows[0]; row < this.rows[1]; row++) lines.push(this.line(row, cell));
    this.sheet.replaceChildren(...lines);
    this.drawHead(cell);
    this.mark();
  }

  drawHead(cell) {
    const label = element("span", "label", `${this.data.texts.length.toLocaleString("en")} texts`), mean = element("span", "mean", "mean");
    const marks = [], every = this.size === "narrow" ? 5 : 1;
    for (let col = this.cols[0]; col < this.cols[1]; col++) {
      const number = col - this.data.anchor;
      if (number % every) continue;
      const mark = element("span", "position", this.data.anchor && number === 0 ? "answer" : String(number).replace("-", "−"));
      mark.style.left = `${this.left + col * cell}px`;
      mark.style.minWidth = `${cell}px`;
      marks.push(mark);
    }
    this.head.replaceChildren(label, mean, ...marks);
  }

  line(row, cell) {
    const text = this.data.texts[row], line = element("div", "line"), title = element("span", "label", text.title);
    line.style.top = `${row * ROW}px`;
    title.title = text.title;
    line.append(title, element("span", "mean", text.mean === null ? "–" : text.mean.toPrecision(2)));
    const last = Math.min(this.cols[1], text.offset + text.end - text.start);
    for (let col = Math.max(this.cols[0], text.offset); col < last; col++) line.append(this.cell(row, col, text, cell));
    return line;
  }

  cell(row, col, text, width) {
    const at = text.start + col - text.offset, { classes, flags, ids } = this.columns;
    const box = element("span", flags[at] & ANSWER ? "cell answer" : "cell");
    box.dataset.row = row;
    box.dataset.col = col;
    box.style.left = `${this.left + col * width}px`;
    box.style.width = `${width - 1}px`;
    if (classes[at] < 0) box.classList.add("none");
    else paint(box, classes[at]);
    if (flags[at] & FLIPPED && classes[at] >= 0) box.classList.add("flip");
    if (this.size === "wide") box.textContent = this.data.names[ids[at]];
    return box;
  }

  // --- pointer and keyboard --------------------------------------------------------------------------------

  placeOf(event) {
    const box = event.target.closest?.(".cell");
    return box ? [Number(box.dataset.row), Number(box.dataset.col)] : null;
  }

  point(event) {
    const place = this.placeOf(event);
    if (place) this.say(place);
  }

  open(place) {
    if (!place) return;
    const text = this.data.texts[place[0]];
    this.tell("open", [text.id, place[1] - text.offset]);
  }

  keyed(event) {
    if (!this.data.texts.length) return;
    const [row, col] = this.at, page = Math.max(1, Math.floor(this.frame.clientHeight / ROW) - 2);
    const next = {
      ArrowRight: [row, col + 1], ArrowLeft: [row, col - 1], ArrowDown: [row + 1, col], ArrowUp: [row - 1, col],
      PageDown: [row + page, col], PageUp: [row - page, col], Home: [row, 0], End: [row, this.wide],
    }[event.key];
    if (event.key === "Enter" || event.key === " ") this.open(this.at);
    else if (next) this.go(...next);
    else return;
    event.preventDefault();
  }

  go(row, col) {
    const text = this.data.texts[(row = Math.min(Math.max(row, 0), this.data.texts.length - 1))];
    col = Math.min(Math.max(col, text.offset), text.offset + text.end - text.start - 1);
    this.at = [row, col];
    const { frame } = this, cell = this.width(), x = col * cell, y = row * ROW, high = frame.clientHeight - 2 * ROW;
    frame.scrollTop = Math.min(Math.max(frame.scrollTop, y - high), y);
    frame.scrollLeft = Math.min(Math.max(frame.scrollLeft, x - (frame.clientWidth - this.left - 2 * cell)), x);
    this.draw();
    this.tellCell();
  }

  mark() {
    this.sheet.querySelector(`.cell[data-row="${this.at[0]}"][data-col="${this.at[1]}"]`)?.classList.add("at");
  }

  tellCell() {
    if (this.root.getRootNode().activeElement !== this.frame) {
      this.said.textContent = "Point at a cell, or move with the arrow keys; click or Enter opens it in the text.";
    } else {
      this.say(this.at);
      this.live.textContent = this.said.textContent;
    }
  }

  say([row, col]) {
    const text = this.data.texts[row], at = text.start + col - text.offset;
    if (!text || at < text.start || at >= text.end) return;
    const value = this.columns.value[at], { unit, signed } = this.data;
    const words = Number.isNaN(value) ? "nothing predicts the first token" : measured(value, unit, signed);
    this.said.replaceChildren(
      element("b", "", this.data.names[this.columns.ids[at]]),
      ` · position ${col - text.offset} · ${words} · `, element("span", "of", text.title));
  }
}
