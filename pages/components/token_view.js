// The reading view: text whose tokens are coloured by how far two models disagree when predicting them.
// Token text reaches the page through textContent only. Pointer and focus show, click or Enter pins, Esc clears.

const SPECIAL = 1, TEMPLATE = 2, ANSWER = 4, FLIPPED = 8;
const views = new WeakMap();

export default function (component) {
  const root = component.parentElement.querySelector(".view");
  let view = views.get(root);
  if (!view) views.set(root, (view = new View(root)));
  view.update(component.data, component.setTriggerValue);
  return () => view.close();
}

function element(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

function nats(value) {
  if (value === null || value === undefined) return "–";
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size < 0.001) return value.toExponential(1);
  return value.toFixed(size < 0.1 ? 4 : size < 10 ? 3 : 1);
}

function tick(value) {
  if (value === 0) return "0";
  return String(Number(value.toPrecision(2)));
}

function share(probability) {
  const percent = 100 * probability;
  if (percent >= 99.95 && percent < 100) return ">99.9%";
  return percent < 0.05 ? "<0.1%" : percent.toFixed(1) + "%";
}

class View {
  constructor(root) {
    this.root = root;
    this.legend = root.querySelector(".legend");
    this.list = root.querySelector(".texts");
    this.live = root.querySelector(".live");
    this.hoverCard = root.querySelector(".card.hover");
    this.pinCard = root.querySelector(".card.pin");
    this.pinned = null;
    this.listen();
  }

  update(data, tell) {
    this.tell = tell;
    this.theme();
    if (data.key !== this.key) {
      this.data = data;
      this.key = data.key;
      this.drawLegend();
      this.drawTexts();
    }
    const wanted = data.pinned ?? null;
    if (this.sent === undefined || JSON.stringify(wanted) === JSON.stringify(this.sent)) {
      const asked = this.sent === undefined && JSON.stringify(wanted) !== JSON.stringify(this.pinned);
      this.sent = undefined;
      this.showPin(wanted);
      if (asked) this.pinnedToken()?.scrollIntoView({ block: "center", behavior: "smooth" });
    }
  }

  close() {
    document.removeEventListener("scroll", this.onScroll, true);
    window.removeEventListener("resize", this.onScroll);
    document.removeEventListener("keydown", this.onEscape);
    views.delete(this.root);
  }

  // --- theme -------------------------------------------------------------------------------------------

  theme() {
    const probe = this.root.appendChild(element("i"));
    probe.style.color = "var(--st-background-color)";
    const [red, green, blue] = (getComputedStyle(probe).color.match(/[\d.]+/g) || [255, 255, 255]).map(Number);
    probe.remove();
    this.paper = 0.2126 * red + 0.7152 * green + 0.0722 * blue < 128 ? "dark" : "light";
    const dark = this.paper === "dark";
    const style = this.root.style;
    style.setProperty("--muted", dark ? "#A9B1BC" : "#5B6470");
    style.setProperty("--flip", dark ? "#FFD166" : "#B25000");
    style.setProperty("--ring", dark ? "#7CC4F5" : "#0072B2");
    if (this.data) this.paint();
  }

  paint() {
    const colours = this.data.colours[this.paper], inks = this.data.inks[this.paper];
    colours.forEach((colour, at) => {
      this.root.style.setProperty(`--c${at}`, colour);
      this.root.style.setProperty(`--i${at}`, inks[at]);
    });
  }

  colour(node, level) {
    if (level < 0) return;
    node.style.background = `var(--c${level})`;
    node.style.color = `var(--i${level})`;
  }

  // --- legend ------------------------------------------------------------------------------------------

  drawLegend() {
    const { scale, title, hidden } = this.data;
    this.paint();
    const bar = element("div", "scale");
    bar.append(element("div", "scale-title", `${title} · nats`), this.swatches(scale), this.ticks(scale));
    const keys = element("div", "keys");
    keys.append(this.key_("first choice changed", "flip"));
    if (scale.clipped) keys.append(element("span", "key", `${scale.clipped} above the scale, in its last colour`));
    const count = hidden.special + hidden.template;
    if (count) keys.append(this.toggle(count));
    this.legend.replaceChildren(bar, keys);
  }

  swatches(scale) {
    const strip = element("div", "swatches");
    for (let at = 0; at + 1 < scale.edges.length; at++) {
      const swatch = element("div", "swatch");
      this.colour(swatch, at);
      swatch.title = `${tick(scale.edges[at])} to ${tick(scale.edges[at + 1])} nats`;
      strip.append(swatch);
    }
    return strip;
  }

  ticks(scale) {
    const row = element("div", "ticks");
    const last = scale.edges.length - 1;
    for (let at = 0; at <= last; at += 3) {
      const mark = element("span", "tick", tick(scale.edges[at]) + (at === last && scale.clipped ? "+" : ""));
      mark.style.left = `${(100 * at) / last}%`;
      row.append(mark);
    }
    return row;
  }

  key_(words, kind) {
    const key = element("span", "key");
    const sample = element("span", "sample", "abc");
    sample.style.boxShadow = "inset 0 -2px 0 var(--flip)";
    key.append(sample, words);
    return key;
  }

  toggle(count) {
    const button = element("button", "toggle");
    button.type = "button";
    const say = () => {
      const shown = this.root.classList.contains("show-hidden");
      button.setAttribute("aria-pressed", String(shown));
      button.textContent = `${shown ? "Hide" : "Show"} ${count} special and template token${count === 1 ? "" : "s"}`;
    };
    button.onclick = () => {
      this.root.classList.toggle("show-hidden");
      say();
      this.place();
    };
    say();
    return button;
  }

  // --- texts -------------------------------------------------------------------------------------------

  drawTexts() {
    this.hide(this.hoverCard);
    this.list.replaceChildren(...this.data.texts.map((text, at) => this.drawText(text, at)));
    const first = this.list.querySelector(".token:not(.chip)");
    if (first) first.tabIndex = 0;
  }

  drawText(text, number) {
    const article = element("article", "text");
    const head = element("div", "head");
    head.append(element("span", "title", text.title));
    const mean = text.mean === null ? "no token counted" : `mean ${nats(text.mean)} nats over ${text.counted} tokens`;
    head.append(element("span", "mean", mean));
    const body = element("div", "tokens");
    body.setAttribute("role", "group");
    body.setAttribute("aria-label", `Text ${text.title}: arrow keys move between tokens`);
    text.ids.forEach((_, at) => this.drawToken(body, text, number, at));
    article.append(head, body);
    return article;
  }

  drawToken(body, text, number, at) {
    const flags = text.flags[at], hidden = flags & (SPECIAL | TEMPLATE);
    if (flags & ANSWER && !(at && text.flags[at - 1] & ANSWER)) {
      body.append(document.createElement("wbr"), element("span", "answer-flag", "answer"));
    }
    const span = element("span", "token");
    span.setAttribute("role", "button");
    span.tabIndex = -1;
    span.dataset.text = number;
    span.dataset.at = at;
    if (hidden) span.classList.add("chip");
    else if (text.classes[at] < 0) span.classList.add("none");
    else this.colour(span, text.classes[at]);
    if (flags & FLIPPED && !hidden) span.classList.add("flip");
    const pieces = this.data.pieces[text.ids[at]];
    if (!hidden && pieces[0] === "") body.append(document.createElement("wbr"));
    const last = pieces[pieces.length - 1], ends = !hidden && pieces.length % 2 === 0 && last.endsWith("\n");
    // the break that ends a token stands behind it, or the token's box would begin again on the next line
    this.write(span, ends ? [...pieces.slice(0, -1), last.slice(0, -1)] : pieces, !hidden);
    body.append(span);
    if (ends) body.append(document.createElement("br"));
  }

  write(node, pieces, breaks) {
    pieces.forEach((piece, at) => {
      if (!piece) return;
      if (at % 2 === 0) return void node.append(piece);
      const newline = piece.includes("\n");
      const mark = element("span", /^[0-9A-Z]{2}/.test(piece) || piece.startsWith("U+") ? "mark bytes" : "mark");
      mark.textContent = newline && !breaks ? piece.replaceAll("\n", "") : piece;
      node.append(mark);
    });
  }

  // --- pointer and keyboard ----------------------------------------------------------------------------

  listen() {
    this.list.onpointerover = (event) => event.pointerType !== "touch" && this.hover(this.tokenOf(event));
    this.list.onpointerout = (event) => !this.list.contains(event.relatedTarget) && this.hide(this.hoverCard);
    this.list.onclick = (event) => this.click(this.tokenOf(event));
    this.list.addEventListener("focusout", () => this.hide(this.hoverCard));
    this.list.addEventListener("focusin", (event) => this.focused(this.tokenOf(event)));
    this.root.onkeydown = (event) => this.keyed(event);
    this.onScroll = () => this.place();
    document.addEventListener("scroll", this.onScroll, true);
    window.addEventListener("resize", this.onScroll);
    // wherever the focus is: a row of the table may have pinned the token
    this.onEscape = (event) => event.key === "Escape" && this.escape();
    document.addEventListener("keydown", this.onEscape);
  }

  escape() {
    this.hide(this.hoverCard);
    if (this.pinned) this.pin(null);
  }

  tokenOf(event) {
    return event.target.closest ? event.target.closest(".token") : null;
  }

  where(token) {
    return [Number(token.dataset.text), Number(token.dataset.at)];
  }

  hover(token) {
    if (!token || token === this.pinnedToken()) return this.hide(this.hoverCard);
    this.fill(this.hoverCard, token);
    this.show(this.hoverCard, token);
  }

  focused(token) {
    if (!token) return;
    for (const other of this.list.querySelectorAll('[tabindex="0"]')) other.tabIndex = -1;
    token.tabIndex = 0;
    this.live.textContent = this.spoken(token);
    if (token.matches(":focus-visible")) this.hover(token);
  }

  click(token) {
    if (!token) return;
    const [text, at] = this.where(token);
    const same = this.pinned && this.pinned[0] === this.data.texts[text].id && this.pinned[1] === at;
    this.pin(same ? null : [this.data.texts[text].id, at]);
    this.hide(this.hoverCard);
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

  move(token, key) {
    const shown = [...this.list.querySelectorAll(".token")].filter((other) => other.getClientRects().length);
    const at = shown.indexOf(token);
    const inText = shown.filter((other) => other.dataset.text === token.dataset.text);
    const next = {
      ArrowRight: () => shown[at + 1],
      ArrowLeft: () => shown[at - 1],
      Home: () => inText[0],
      End: () => inText[inText.length - 1],
      ArrowDown: () => this.nearest(shown.slice(at + 1), token, 1),
      ArrowUp: () => this.nearest(shown.slice(0, at).reverse(), token, -1),
    }[key];
    if (!next) return false;
    next()?.focus();
    return true;
  }

  nearest(candidates, token, direction) {
    const from = token.getClientRects()[0], middle = (from.left + from.right) / 2;
    let line = null, best = null, distance = Infinity;
    for (const other of candidates) {
      const box = other.getClientRects()[0];
      if (direction * (box.top - from.top) < 4) continue;
      if (line === null) line = box.top;
      if (Math.abs(box.top - line) > 4) break;
      const off = Math.abs((box.left + box.right) / 2 - middle);
      if (off < distance) [best, distance] = [other, off];
    }
    return best;
  }

  // --- cards -------------------------------------------------------------------------------------------

  pinnedToken() {
    if (!this.pinned) return null;
    const number = this.data.texts.findIndex((text) => text.id === this.pinned[0]);
    return this.list.querySelector(`.token[data-text="${number}"][data-at="${this.pinned[1]}"]`);
  }

  showPin(place) {
    this.pinnedToken()?.classList.remove("pinned");
    this.list.querySelectorAll('[aria-pressed="true"]').forEach((token) => token.removeAttribute("aria-pressed"));
    this.pinned = place;
    const token = this.pinnedToken();
    if (!token) return this.hide(this.pinCard);
    token.classList.add("pinned");
    token.setAttribute("aria-pressed", "true");
    this.fill(this.pinCard, token);
    this.show(this.pinCard, token);
  }

  show(card, token) {
    if (!card.matches(":popover-open")) card.showPopover();
    card.token = token;
    this.place();
  }

  hide(card) {
    if (card.matches(":popover-open")) card.hidePopover();
    card.token = null;
  }

  place() {
    for (const card of [this.pinCard, this.hoverCard]) if (card.token) this.placeCard(card);
  }

  placeCard(card) {
    const boxes = card.token.getClientRects();
    const inSight = boxes.length && boxes[0].bottom > 0 && boxes[0].top < window.innerHeight;
    card.style.visibility = inSight ? "visible" : "hidden";
    if (!inSight) return;
    const box = boxes[0], below = boxes[boxes.length - 1].bottom + 8;
    const left = Math.max(8, Math.min(box.left, document.documentElement.clientWidth - card.offsetWidth - 8));
    const fits = below + card.offsetHeight < window.innerHeight;
    const above = box.top - card.offsetHeight - 8;
    card.style.left = `${left}px`;
    card.style.top = `${fits || above < 0 ? below : above}px`;
  }

  fill(card, token) {
    const [number, at] = this.where(token), text = this.data.texts[number];
    const parts = [this.cardHead(card, text, at)];
    if (text.whole[at]) parts.push(element("div", "note", `Bytes of “${text.whole[at]}”, cut by the tokenizer.`));
    if (text.full[at] === null) {
      parts.push(element("div", "note", "The first token: nothing comes before it, so nothing predicts it."));
    } else {
      parts.push(this.cardValues(text, at), this.sides(text, at), this.foot(text, at));
    }
    card.replaceChildren(...parts);
  }

  cardHead(card, text, at) {
    const head = element("div", "card-head"), chip = element("span", "card-token");
    this.write(chip, this.data.pieces[text.ids[at]], false);
    this.colour(chip, text.classes[at]);
    const part = text.flags[at] & ANSWER ? "answer" : "prompt";
    head.append(chip, element("span", "card-facts", `id ${text.ids[at]} · position ${at} · ${part}`));
    if (card === this.pinCard) {
      const close = element("button", "close", "✕");
      close.type = "button";
      close.setAttribute("aria-label", "Unpin (Esc)");
      close.onclick = () => this.pin(null);
      head.append(close);
    }
    return head;
  }

  cardValues(text, at) {
    const row = element("div", "values");
    const order = this.data.measure === "full" ? ["full", "top"] : ["top", "full"];
    order.forEach((measure, rank) => {
      row.append(this.value(`${nats(text[measure][at])} nats`, `KL, ${this.data.measures[measure]}`, rank > 0));
    });
    const [base, tuned] = text.logprobs[at];
    const change = `${share(Math.exp(base))} → ${share(Math.exp(tuned))}`;
    row.append(this.value(change, `this token, base → ${this.data.state}`, true));
    return row;
  }

  value(number, words, minor) {
    const box = element("div", minor ? "value minor" : "value");
    box.append(element("b", "", number), element("span", "", words));
    return box;
  }

  sides(text, at) {
    const grid = element("div", "sides");
    const accent = this.data.state === "restored" ? "var(--st-green-color)" : "var(--st-orange-color)";
    grid.append(
      this.side("base", "var(--st-blue-color)", text.base[at], text.tuned[at], text.ids[at], false),
      this.side(this.data.state, accent, text.tuned[at], text.base[at], text.ids[at], true),
    );
    return grid;
  }

  side(name, colour, choices, others, actual, moves) {
    const side = element("div", "side");
    side.style.setProperty("--side", colour);
    side.append(element("div", "side-head", `${name} expected`));
    choices.forEach(([id, probability], rank) => {
      const row = element("div", id === actual ? "choice actual" : "choice"), bar = element("span", "bar");
      bar.style.width = `${100 * probability}%`;
      const word = element("span", "name");
      this.write(word, this.data.pieces[id], false);
      row.append(bar, word, element("span", "share", share(probability)));
      if (moves) row.append(element("span", "move", this.rankMove(others, id, rank)));
      side.append(row);
    });
    return side;
  }

  rankMove(others, id, rank) {
    const before = others.findIndex(([other]) => other === id);
    if (before < 0) return "new";
    return before === rank ? "=" : before > rank ? `▲${before - rank}` : `▼${rank - before}`;
  }

  foot(text, at) {
    const listed = [...text.base[at], ...text.tuned[at]].some(([id]) => id === text.ids[at]);
    const words = listed ? "Underlined: the token that came." : "The token that came is in neither list.";
    const flip = text.flags[at] & FLIPPED ? " The first choice changed." : "";
    return element("div", "foot", words + flip);
  }

  spoken(token) {
    const [number, at] = this.where(token), text = this.data.texts[number];
    const name = this.data.pieces[text.ids[at]].join("");
    return `${name}, position ${at}, ${text.full[at] === null ? "not predicted" : nats(text[this.data.measure][at]) + " nats"}`;
  }
}
