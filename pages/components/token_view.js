// The reading view: text whose tokens are coloured by how far two models disagree when predicting them.
// Pointer and focus show, click or Enter pins, Esc clears. Texts are filled when they come near the screen.

const views = new WeakMap();
const NEAR = 900, FAR = 4000; // pixels from the screen within which a text is filled, and beyond which it is emptied
const AT_ONCE = 1500; // tokens of one text drawn before the browser may paint

export default function (component) {
  const root = component.parentElement.querySelector(".view");
  let view = views.get(root);
  if (!view) views.set(root, (view = new View(root)));
  view.update(component.data, component.setTriggerValue);
  return () => view.close();
}

class View {
  constructor(root) {
    this.root = root;
    this.legend = root.querySelector(".legend");
    this.list = root.querySelector(".texts");
    this.live = root.querySelector(".live");
    this.hoverCard = new Card(root.querySelector(".card.hover"), null);
    this.pinCard = new Card(root.querySelector(".card.pin"), () => this.pin(null));
    this.pinned = null;
    this.nodes = [];
    this.listen();
  }

  update(data, tell) {
    this.tell = tell;
    if (data.key !== this.key) {
      this.data = data;
      this.key = data.key;
      this.columns = unpack(data.columns);
      this.textOf = new Map(data.texts.map((text, number) => [text.id, number]));
      applyTheme(this.root, data);
      this.drawLegend();
      this.drawTexts();
    } else applyTheme(this.root, this.data);
    const wanted = data.pinned ?? null;
    this.root.dataset.known = JSON.stringify(wanted); // the pin as the server knows it
    if (this.sent === undefined || JSON.stringify(wanted) === JSON.stringify(this.sent)) {
      const asked = this.sent === undefined && JSON.stringify(wanted) !== JSON.stringify(this.pinned);
      this.sent = undefined;
      this.showPin(wanted);
      if (asked) this.pinnedToken()?.scrollIntoView({ block: "center" });
    }
  }

  close() {
    this.watch?.disconnect();
    document.removeEventListener("scroll", this.onScroll, true);
    window.removeEventListener("resize", this.onScroll);
    document.removeEventListener("keydown", this.onEscape);
    views.delete(this.root);
  }

  drawLegend() {
    const { scale, hidden, grain } = this.data, keys = element("div", "keys");
    const flip = element("span", "key"), sample = element("span", "sample", "abc");
    sample.style.boxShadow = "inset 0 -2px 0 var(--flip)";
    flip.append(sample, "first choice differs");
    keys.append(flip);
    if (grain !== "token") keys.append(element("span", "key", `colour: mean over each ${grain}`));
    if (scale.clipped) keys.append(element("span", "key", `${scale.clipped.toLocaleString("en")} beyond the scale, in its last colour`));
    const count = hidden.special + hidden.template;
    if (count) keys.append(this.toggle(count));
    this.legend.replaceChildren(drawScale(this.data), keys);
  }

  toggle(count) {
    const button = element("button", "toggle");
    button.type = "button";
    const say = () => {
      const shown = this.root.classList.contains("show-hidden");
      button.setAttribute("aria-pressed", String(shown));
      button.textContent = `${shown ? "Hide" : "Show"} ${count.toLocaleString("en")} special and template token${count === 1 ? "" : "s"}`;
    };
    button.onclick = () => {
      this.root.classList.toggle("show-hidden");
      say();
      this.place();
    };
    say();
    this.sayToggle = say;
    return button;
  }

  // --- texts -------------------------------------------------------------------------------------------

  drawTexts() {
    this.hoverCard.hide();
    this.watch?.disconnect();
    this.nodes = [];
    this.bodies = this.data.texts.map((text, number) => this.shell(text, number));
    this.list.replaceChildren(...this.bodies.map((body) => body.parentElement));
    const wide = this.list.clientWidth || 1000;
    let height = 0;
    this.data.texts.forEach((text, number) => {
      const guess = 31 * Math.ceil(((text.end - text.start) * 58) / wide);
      this.bodies[number].style.minHeight = `${guess}px`;
      if (height < window.innerHeight) this.fill(number);
      height += guess + 45;
    });
    this.roving = this.firstShown();
    if (this.nodes[this.roving]) this.nodes[this.roving].tabIndex = 0;
    this.observe();
  }

  shell(text, number) {
    const article = element("article", "text"), head = element("div", "head"), body = element("div", "tokens");
    const { unit, signed } = this.data, n = text.counted.toLocaleString("en");
    const mean = text.mean === null ? "no token counted" : `mean ${measured(text.mean, unit, signed)} over ${n} token${text.counted === 1 ? "" : "s"}`;
    const top = text.top === null ? "" : ` · scale to ${tick(text.top)}`;
    head.append(element("span", "title", text.title), element("span", "mean", mean + top));
    body.setAttribute("role", "group");
    body.setAttribute("aria-label", `Text ${text.title}: arrow keys move between tokens`);
    body.dataset.text = number;
    article.append(head, body);
    return body;
  }

  observe() {
    let box = this.root.getRootNode().host || this.root;
    while (box && !/auto|scroll/.test(getComputedStyle(box).overflowY)) box = box.parentElement;
    const seen = (margin, act) => new IntersectionObserver(
      (entries) => entries.forEach((entry) => act(entry)), { root: box || null, rootMargin: `${margin}px 0px` });
    const near = seen(NEAR, (entry) => entry.isIntersecting && this.fill(Number(entry.target.dataset.text)));
    const far = seen(FAR, (entry) => !entry.isIntersecting && this.empty(Number(entry.target.dataset.text)));
    this.bodies.forEach((body) => (near.observe(body), far.observe(body)));
    this.watch = { disconnect: () => (near.disconnect(), far.disconnect()) };
  }

  fill(number) {
    const body = this.bodies[number], text = this.data.texts[number];
    if (body.filled) return;
    body.filled = true;
    body.replaceChildren();
    this.drawTokens(body, number, text.start);
  }

  drawTokens(body, number, from) {
    const text = this.data.texts[number], to = Math.min(from + AT_ONCE, text.end);
    for (let row = from; row < to; row++) this.drawToken(body, text, number, row);
    if (to < text.end) requestAnimationFrame(() => body.isConnected && body.filled && this.drawTokens(body, number, to));
    else body.style.minHeight = "";
  }

  empty(number) {
    const body = this.bodies[number], text = this.data.texts[number], holds = (row) => row >= text.start && row < text.end;
    if (!body.filled || holds(this.roving) || holds(this.pinnedRow())) return;
    body.style.minHeight = `${body.offsetHeight}px`;
    body.replaceChildren();
    body.filled = false;
    for (let row = text.start; row < text.end; row++) delete this.nodes[row];
  }

  drawToken(body, text, number, row) {
    const { flags, classes, ids, groups } = this.columns, flag = flags[row], hidden = flag & (SPECIAL | TEMPLATE);
    if (flag & ANSWER && !(row > text.start && flags[row - 1] & ANSWER)) {
      body.append(document.createElement("wbr"), element("span", "answer-flag", "answer"));
    }
    const span = element("span", "token");
    span.setAttribute("role", "button");
    span.tabIndex = row === this.roving ? 0 : -1;
    span.dataset.text = number;
    span.dataset.row = row;
    if (hidden) span.classList.add("chip");
    else if (classes[row] < 0) span.classList.add("none");
    else paint(span, classes[row]);
    if (flag & FLIPPED && !hidden) span.classList.add("flip");
    if (groups[row] !== row && !hidden) span.classList.add("joined");
    const pieces = this.data.pieces[ids[row]];
    if (!hidden && pieces[0] === "") body.append(document.createElement("wbr"));
    const last = pieces[pieces.length - 1], ends = !hidden && pieces.length % 2 === 0 && last.endsWith("\n");
    // the break that ends a token stands behind it, or the token's box would begin again on the next line
    write(span, ends ? [...pieces.slice(0, -1), last.slice(0, -1)] : pieces, !hidden);
    this.nodes[row] = span;
    body.append(span);
    if (ends) body.append(document.createElement("br"));
  }

  // --- pointer and keyboard ----------------------------------------------------------------------------

  listen() {
    this.list.onpointerover = (event) => event.pointerType !== "touch" && this.hover(this.tokenOf(event));
    this.list.onpointerout = (event) => !this.list.contains(event.relatedTarget) && this.hoverCard.hide();
    this.list.onclick = (event) => this.click(this.tokenOf(event));
    this.list.addEventListener("focusout", () => this.hoverCard.hide());
    this.list.addEventListener("focusin", (event) => this.focused(this.tokenOf(event)));
    this.root.onkeydown = (event) => this.keyed(event);
    this.onScroll = () => this.place();
    document.addEventListener("scroll", this.onScroll, true);
    window.addEventListener("resize", this.onScroll);
    // wherever the focus is: a row of a table may have pinned the token
    this.onEscape = (event) => event.key === "Escape" && this.escape();
    document.addEventListener("keydown", this.onEscape);
  }

  escape() {
    this.hoverCard.hide();
    if (this.pinned) this.pin(null);
  }

  place() {
    this.pinCard.place();
    this.hoverCard.place();
  }

  tokenOf(event) {
    return event.target.closest ? event.target.closest(".token") : null;
  }

  where(token) {
    return [this.data.texts[Number(token.dataset.text)], Number(token.dataset.row)];
  }

  hover(token) {
    if (!token || token === this.pinnedToken()) return this.hoverCard.hide();
    this.hoverCard.show(token, this, ...this.where(token));
  }

  focused(token) {
    if (!token) return;
    if (this.nodes[this.roving]) this.nodes[this.roving].tabIndex = -1;
    this.roving = Number(token.dataset.row);
    token.tabIndex = 0;
    this.live.textContent = this.spoken(token);
    if (token.matches(":focus-visible")) this.hover(token);
  }

  click(token) {
    if (!token) return;
    const [text, row] = this.where(token), at = row - text.start;
    const same = this.pinned && this.pinned[0] === text.id && this.pinned[1] === at;
    this.pin(same ? null : [text.id, at]);
    this.hoverCard.hide();
    token.focus({ preventScroll: true });
  }

  pin(place) {
    this.showPin(place);
    this.sent = place;
    this.tell("pin", place ?? []);
  }

  keyed(event) {
    const token = this.tokenOf(event);
    if (!token) return;
    if (event.key === "Enter" || event.key === " ") this.click(token);
    else if (!this.move(token, event.key)) return;
    event.preventDefault();
  }

  shown(row) {
    return this.root.classList.contains("show-hidden") || !(this.columns.flags[row] & (SPECIAL | TEMPLATE));
  }

  firstShown() {
    return this.step(-1, 1, this.columns.ids.length);
  }

  step(row, direction, end = -1) {
    const stop = direction > 0 ? (end < 0 ? this.columns.ids.length : end) : -1;
    for (let next = row + direction; next !== stop; next += direction) if (this.shown(next)) return next;
    return -1;
  }

  node(row) {
    if (row < 0) return null;
    if (!this.nodes[row]) this.fill(this.data.texts.findIndex((text) => row < text.end));
    return this.nodes[row];
  }

  move(token, key) {
    const [text, row] = this.where(token);
    const next = {
      ArrowRight: () => this.node(this.step(row, 1)),
      ArrowLeft: () => this.node(this.step(row, -1)),
      Home: () => this.node(this.step(text.start - 1, 1)),
      End: () => this.node(this.step(text.end, -1)),
      ArrowDown: () => this.nearest(row, token, 1),
      ArrowUp: () => this.nearest(row, token, -1),
    }[key];
    if (!next) return false;
    next()?.focus();
    return true;
  }

  nearest(row, token, direction) {
    const from = token.getClientRects()[0], middle = (from.left + from.right) / 2;
    let line = null, best = null, distance = Infinity;
    for (let next = this.step(row, direction); next >= 0; next = this.step(next, direction)) {
      const other = this.node(next), box = other?.getClientRects()[0];
      if (!box || direction * (box.top - from.top) < 4) continue;
      if (line === null) line = box.top;
      if (Math.abs(box.top - line) > 4) break;
      const off = Math.abs((box.left + box.right) / 2 - middle);
      if (off < distance) [best, distance] = [other, off];
    }
    return best;
  }

  // --- the pin -----------------------------------------------------------------------------------------

  pinnedRow() {
    const number = this.pinned ? this.textOf.get(this.pinned[0]) : undefined;
    if (number === undefined) return -1;
    const { start, end } = this.data.texts[number], row = start + this.pinned[1];
    return row < end ? row : -1;
  }

  pinnedToken() {
    return this.node(this.pinnedRow());
  }

  showPin(place) {
    this.list.querySelectorAll(".token.pinned").forEach((token) => {
      token.classList.remove("pinned");
      token.removeAttribute("aria-pressed");
    });
    this.pinned = place;
    const token = this.pinnedToken();
    if (!token) return this.pinCard.hide();
    if (token.matches(".chip")) this.root.classList.add("show-hidden"); // opened from elsewhere: it has to be seen
    this.sayToggle?.();
    token.classList.add("pinned");
    token.setAttribute("aria-pressed", "true");
    this.pinCard.show(token, this, ...this.where(token));
  }

  spoken(token) {
    const [text, row] = this.where(token), name = this.data.pieces[this.columns.ids[row]].join("");
    const value = this.columns[this.data.measure] ? this.columns[this.data.measure][row] : NaN;
    const words = Number.isNaN(value) ? "not predicted" : `${measured(value, this.data.unit, this.data.signed)}`;
    return `${name}, position ${row - text.start}, ${words}`;
  }
}
