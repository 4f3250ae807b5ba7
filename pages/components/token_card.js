// The card of one token: its place, its measures, and what both models expected instead, side by side.

class Card {
  constructor(node, close) {
    this.node = node;
    this.close = close;
    this.token = null;
  }

  show(token, view, text, row) {
    this.fill(view, text, row);
    if (!this.node.matches(":popover-open")) this.node.showPopover();
    this.token = token;
    this.place();
  }

  hide() {
    if (this.node.matches(":popover-open")) this.node.hidePopover();
    this.token = null;
  }

  place() {
    if (!this.token) return;
    const card = this.node, boxes = this.token.isConnected ? this.token.getClientRects() : [];
    const inSight = boxes.length && boxes[0].bottom > 0 && boxes[0].top < window.innerHeight;
    card.style.visibility = inSight ? "visible" : "hidden";
    if (!inSight) return;
    const box = boxes[0], below = boxes[boxes.length - 1].bottom + 8, above = box.top - card.offsetHeight - 8;
    const left = Math.max(8, Math.min(box.left, document.documentElement.clientWidth - card.offsetWidth - 8));
    const fits = below + card.offsetHeight < window.innerHeight;
    card.style.left = `${left}px`;
    card.style.top = `${fits || above < 0 ? Math.min(below, Math.max(8, window.innerHeight - card.offsetHeight - 8)) : above}px`;
  }

  fill(view, text, row) {
    const { data, columns } = view, parts = [this.head(data, columns, text, row)];
    if (data.whole[row]) parts.push(element("div", "note", `Bytes of “${data.whole[row]}”, cut by the tokenizer.`));
    if (Number.isNaN(columns.kl_full_nats[row])) {
      parts.push(element("div", "note", "The first token: nothing comes before it, so nothing predicts it."));
    } else {
      if (columns.flags[row] & (SPECIAL | TEMPLATE)) {
        parts.push(element("div", "note", "A special or template token: outside the scale and every average."));
      }
      parts.push(this.values(data, columns, text, row), this.sides(data, columns, row), this.foot(data, columns, row));
    }
    this.node.replaceChildren(...parts);
  }

  head(data, columns, text, row) {
    const head = element("div", "card-head"), chip = element("span", "card-token");
    write(chip, data.pieces[columns.ids[row]], false);
    paint(chip, columns.classes[row]);
    const part = columns.flags[row] & ANSWER ? "answer" : "prompt";
    head.append(chip, element("span", "card-facts", `id ${columns.ids[row]} · position ${row - text.start} · ${part}`));
    if (this.close) {
      const close = element("button", "close", "✕");
      close.type = "button";
      close.setAttribute("aria-label", "Unpin (Esc)");
      close.onclick = this.close;
      head.append(close);
    }
    return head;
  }

  values(data, columns, text, row) {
    const box = element("div", "values"), chosen = data.measure;
    const own = columns[chosen] ? columns[chosen][row] : columns.value[row];
    box.append(this.value(measured(own, data.unit, data.signed), data.title, false));
    if (data.grain !== "token" && !(columns.flags[row] & (SPECIAL | TEMPLATE))) {
      box.append(this.value(measured(columns.value[row], data.unit, data.signed), `mean of its ${data.grain}: the colour`, true));
    }
    const change = `${share(Math.exp(columns.base_logprob[row]))} → ${share(Math.exp(columns.tuned_logprob[row]))}`;
    box.append(this.value(change, `this token, ${data.states[0]} → ${data.states[1]}`, true));
    if (columns.base_rank[row]) {
      const ranks = `${places(columns.base_rank[row])} → ${places(columns.tuned_rank[row])}`;
      box.append(this.value(ranks, "its rank (1: first choice)", true));
    }
    for (const { label, unit, column } of data.card) {
      if (column !== chosen) box.append(this.value(measured(columns[column][row], unit, column.includes("change")), label, true));
    }
    return box;
  }

  value(number, words, minor) {
    const box = element("div", minor ? "value minor" : "value");
    box.append(element("b", "", number), element("span", "", words));
    return box;
  }

  sides(data, columns, row) {
    const grid = element("div", "sides");
    data.states.forEach((state, side) => {
      const colour = { base: "blue", tuned: "orange", restored: "green" }[state] || "gray";
      grid.append(this.side(data, columns, row, state, side ? "tuned" : "base", `var(--st-${colour}-color)`));
    });
    return grid;
  }

  side(data, columns, row, state, prefix, colour) {
    const side = element("div", "side"), ids = columns[`${prefix}_ids`], first = row * 5;
    side.style.setProperty("--side", colour);
    side.append(element("div", "side-head", `${state} expected`));
    for (let rank = 0; rank < 5 && ids[first + rank] >= 0; rank++) {
      const id = ids[first + rank], probability = columns[`${prefix}_shares`][first + rank];
      const line = element("div", id === columns.ids[row] ? "choice actual" : "choice"), bar = element("span", "bar");
      bar.style.width = `${100 * probability}%`;
      const word = element("span", "name");
      write(word, data.pieces[id], false);
      line.append(bar, word, element("span", "share", share(probability)));
      if (prefix === "tuned") line.append(this.move(data, columns[`${prefix}_others`][first + rank], rank + 1));
      side.append(line);
    }
    return side;
  }

  move(data, other, rank) {
    const words = !other ? "" : other === rank ? "=" : other > rank ? `▲${places(other - rank)}` : `▼${places(rank - other)}`;
    const mark = element("span", "move", words);
    if (other) mark.title = `rank ${rank} here, ${other} in ${data.states[0]}`;
    return mark;
  }

  foot(data, columns, row) {
    const first = row * 5, id = columns.ids[row];
    const listed = [0, 1, 2, 3, 4].some((n) => columns.base_ids[first + n] === id || columns.tuned_ids[first + n] === id);
    const words = listed ? "Underlined: the token that came." : "The token that came is in neither list.";
    const flip = columns.flags[row] & FLIPPED ? " The first choice changed." : "";
    return element("div", "foot", `${words}${flip} ▲▼ places gained or lost against ${data.states[0]}.`);
  }
}
