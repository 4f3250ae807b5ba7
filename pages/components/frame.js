// The frame's tools: copy the link, words, guided path, keys; and Back that goes back.
// All texts are written with textContent.

const REMEMBERED = "palimpsest-guide";
const PENDING = 1200; // milliseconds a "g" waits for its letter
const frames = new WeakMap();
let live = null; // one set of keys for the document, whichever mount is the newest
let shownStep = null; // the step scrolled to: a run of the page draws the same one again, and must not move the page

export default function (component) {
  const root = component.parentElement.querySelector(".frame");
  let frame = frames.get(root);
  if (!frame) frames.set(root, (frame = new Frame(root)));
  frame.update(component.data, component.setTriggerValue);
  return () => frame.close();
}

function element(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

// Streamlit gives every change of the address a step of the history. Where the page merely completes its own address
// (all that was there stays as it was), Back would only lead to the same view: such a step replaces the last one.
function completing(url) {
  const next = new URL(url, location.href), now = new URL(location.href);
  if (next.pathname !== now.pathname) return false;
  return [...now.searchParams].every(([name, value]) => next.searchParams.get(name) === value);
}

// What one action of a person changes is one step of Back, in however many parts the page tells it: a filter on a later
// page of a table tells the filter and then the table's first page. "message": what is done within a frame.
const ACTIONS = ["pointerdown", "pointerup", "click", "keydown", "input", "change", "drop", "message", "popstate"];
let told = null; // the path whose step the last action has already got; null once a person has acted since
let shed = false; // whether that step only let go of what is the page's own

function sameAction(url) {
  return told === new URL(url, location.href).pathname && told === location.pathname;
}

// A page that is left lets go of its own part of the address first: a step of its own, to a view that was never there.
function letsGo(url) {
  const next = new URL(url, location.href), now = new URL(location.href);
  if (next.pathname !== now.pathname || next.searchParams.size >= now.searchParams.size) return false;
  return [...next.searchParams].every(([name, value]) => now.searchParams.get(name) === value);
}

function leavesFor(url) {
  return shed && told === location.pathname && new URL(url, location.href).pathname !== told;
}

// Vega writes the whole address into what refers to a gradient or a clipping within its figure: after the address has
// changed, a colour legend would lose its colours. What is drawn already is made to refer without an address.
function repairReferences() {
  for (const name of ["fill", "stroke", "clip-path"]) {
    for (const drawn of document.querySelectorAll(`.stVegaLiteChart svg [${name}^="url(http"]`)) {
      drawn.setAttribute(name, drawn.getAttribute(name).replace(/^url\([^#]*#/, "url(#"));
    }
  }
}

if (!window.palimpsestHistory) {
  window.palimpsestHistory = true;
  const push = history.pushState.bind(history), replace = history.replaceState.bind(history);
  history.replaceState = (state, unused, url) => {
    replace(state, unused, url);
    repairReferences();
  };
  history.pushState = (state, unused, url) => {
    if (url && (completing(url) || sameAction(url))) return history.replaceState(state, unused, url);
    const letting = Boolean(url) && letsGo(url);
    if (url && leavesFor(url)) history.replaceState(state, unused, url);
    else push(state, unused, url);
    told = location.pathname;
    shed = letting;
    repairReferences();
  };
  // Streamlit tells its own window of every change of the address: that message is nobody's action.
  const acted = (event) => { if (event.source !== window) told = null; };
  for (const action of ACTIONS) window.addEventListener(action, acted, { capture: true });
  window.addEventListener("popstate", repairReferences);
}

class Frame {
  constructor(root) {
    this.root = root;
    this.sheet = root.querySelector(".sheet");
    this.card = root.querySelector(".step");
    this.said = root.querySelector(".said");
    this.step = null;
    root.querySelector(".copy").onclick = () => this.copy();
    root.querySelector(".words").onclick = () => this.showWords();
    root.querySelector(".guide").onclick = () => this.guide(0);
    root.querySelector(".keys").onclick = () => this.showKeys();
    this.sheet.onclick = (event) => { if (event.target === this.sheet) this.sheet.close(); };
    this.onKey = (event) => this.keyed(event);
    document.addEventListener("keydown", this.onKey);
    this.watchPaper();
    live?.close();
    live = this;
  }

  update(data, tell) {
    this.data = data;
    this.tell = tell;
    const held = this.remembered();
    if (held && Number.isInteger(held.at)) this.guide(Math.min(held.at, data.steps.length - 1), true);
    else if (data.guided && !held) this.guide(0);
  }

  close() {
    document.removeEventListener("keydown", this.onKey);
    this.paperChanges?.disconnect();
    this.unmark();
    if (live === this) live = null;
  }

  // Figures are drawn for light or dark paper by the page's run: another paper needs another run.
  watchPaper() {
    const app = document.querySelector(".stApp");
    if (!app) return;
    let paper = getComputedStyle(app).colorScheme;
    this.paperChanges = new MutationObserver(() => {
      const now = getComputedStyle(app).colorScheme;
      if (now !== paper) this.tell("go", `${now} paper`);
      paper = now;
    });
    this.paperChanges.observe(app, { attributes: true, attributeFilter: ["class"] });
  }

  // --- the link --------------------------------------------------------------------------------------------

  async copy() {
    try {
      await navigator.clipboard.writeText(location.href);
      this.say("Link copied: it opens this view in any browser on this store.");
    } catch {
      this.showLink();
    }
  }

  say(words) {
    this.said.textContent = words;
    clearTimeout(this.silence);
    this.silence = setTimeout(() => { this.said.textContent = ""; }, 3500);
  }

  showLink() {
    const body = this.open("Copy this link");
    const field = element("input");
    field.value = location.href;
    field.readOnly = true;
    field.setAttribute("aria-label", "Link to this view");
    body.append(element("p", "quiet", "This browser does not let a page copy: press Ctrl+C or ⌘C."), field);
    field.select();
  }

  // --- what opens over the page ----------------------------------------------------------------------------

  open(title) {
    const head = element("header"), close = element("button", "close", "Close");
    const name = element("h2", "", title);
    name.id = "sheet-head";
    close.onclick = () => this.sheet.close();
    head.append(name, close);
    const body = element("div", "body");
    this.sheet.replaceChildren(head, body);
    if (!this.sheet.open) this.sheet.showModal();
    return body;
  }

  showWords() {
    const body = this.open("Words");
    const search = element("input");
    search.placeholder = "Find a term";
    search.setAttribute("aria-label", "Find a term");
    const list = element("dl");
    const fill = () => {
      const wanted = search.value.toLowerCase();
      const found = this.data.terms.filter((term) => `${term.name} ${term.words}`.toLowerCase().includes(wanted));
      list.replaceChildren(...found.flatMap((term) => [
        element("dt", "", term.name),
        element("dd", "", term.words),
        element("dd", "source", `Source: ${term.source}`),
      ]));
    };
    search.oninput = fill;
    fill();
    body.append(search, list);
    search.focus();
  }

  showKeys() {
    const body = this.open("Keys");
    const rows = (title, pairs) => {
      body.append(element("h3", "", title));
      for (const [keys, does] of pairs) {
        const row = element("div", "row"), at = element("span");
        keys.split(" ").forEach((key, index) => at.append(index ? " " : "", element("kbd", "", key)));
        row.append(element("span", "", does), at);
        body.append(row);
      }
    };
    rows("Go to", this.data.pages.filter((page) => page.letter).map((page) => [`g ${page.letter}`, page.name]));
    rows("On this view", [
      ["y", "Copy its link"],
      ["/", "Search, where the page has a search"],
      ["k", "The slider, on Restore: then ← → move it, Home and End its ends"],
      ["p", "Pin the first figure, where the page has one"],
      ["[", "Show or hide the sidebar"],
    ]);
    for (const group of this.data.keys) rows(group.where, group.keys);
    rows("Help", [["?", "These keys"], ["w", "What the terms mean"], ["h", "The guided path"], ["Esc", "Close"]]);
    rows("Everywhere", [
      ["Tab", "The next control; Shift Tab the one before"],
      ["Enter", "Press it, open it, or choose the row"],
    ]);
    body.append(element("p", "quiet",
      "What a click in a figure does has a control beside it: dots are stops of the slider, tiles are the chips, cells " +
      "are the menu of cells. Single letters do nothing while you type into a field."));
  }

  // --- the guided path -------------------------------------------------------------------------------------

  remembered() {
    try { return JSON.parse(localStorage.getItem(REMEMBERED)); } catch { return null; }
  }

  remember(value) {
    try { localStorage.setItem(REMEMBERED, JSON.stringify(value)); } catch { /* a private window forgets */ }
  }

  guide(number, again = false) {
    const steps = this.data.steps, step = steps[number];
    this.step = number;
    this.remember({ at: number });
    if (step.page !== this.data.page) {
      shownStep = null;
      this.card.hidden = true;  // a person who goes elsewhere is left alone; coming back, the path goes on
      this.unmark();
      if (!again) this.go(step.page);
      return;
    }
    if (!again) shownStep = null;
    if (shownStep !== number || this.card.hidden) this.draw(step, number, steps.length);
    this.mark(step.at, number);
  }

  draw(step, number, count) {
    const doing = element("div", "doing");
    doing.append(element("span", "quiet", `${number + 1} of ${count}`));
    const button = (label, strong, act) => {
      const made = element("button", strong ? "strong" : "", label);
      made.onclick = act;
      doing.append(made);
    };
    button("Close", false, () => this.end());
    if (number > 0) button("Back", false, () => this.guide(number - 1));
    if (number + 1 < count) button("Next", true, () => this.guide(number + 1));
    else button("Done", true, () => this.end());
    this.card.replaceChildren(element("h2", "", step.head), element("p", "", step.words), doing);
    this.card.hidden = false;
  }

  mark(key, number) {
    this.unmark();
    if (!key) {
      shownStep = number;
      return;
    }
    const find = (left) => {
      const target = document.querySelector(`.st-key-${CSS.escape(key)}`);
      if (target) {
        target.classList.add("palimpsest-looked-at");
        if (shownStep !== number) target.scrollIntoView({ block: "center", behavior: "smooth" });
        shownStep = number;
      } else if (left > 0) this.looking = setTimeout(() => find(left - 1), 300);
    };
    find(60);
  }

  unmark() {
    clearTimeout(this.looking);
    document.querySelectorAll(".palimpsest-looked-at").forEach((each) => each.classList.remove("palimpsest-looked-at"));
  }

  end() {
    this.step = shownStep = null;
    this.remember({ done: true });
    this.card.hidden = true;
    this.unmark();
  }

  // --- keys ------------------------------------------------------------------------------------------------

  keyed(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    const at = event.composedPath()[0];
    if (at.isContentEditable || ["INPUT", "TEXTAREA", "SELECT"].includes(at.tagName) && at.type !== "range") return;
    if (this.sheet.open) return;
    if (event.key === "Escape" && this.step !== null && !this.card.hidden) return this.end();
    const waited = this.g && Date.now() - this.g < PENDING;
    this.g = 0;
    if (waited) {
      const page = this.data.pages.find((each) => each.letter === event.key);
      if (page) { event.preventDefault(); this.go(page.path); }
      return;
    }
    const acts = {
      g: () => { this.g = Date.now(); },
      "?": () => this.showKeys(),
      w: () => this.showWords(),
      h: () => this.guide(0),
      y: () => this.copy(),
      "/": () => this.focus(".stMain input[aria-label^='Search']"),
      k: () => this.focus(".st-key-k [role=slider], .st-key-k input[type=range]"),
      p: () => this.focus(".stMain [class*='st-key-pin-'] button")?.click(),
      "[": () => document.querySelector(
        "[data-testid=stSidebarCollapseButton] button, [data-testid=stExpandSidebarButton]")?.click(),
    };
    if (Object.hasOwn(acts, event.key)) {
      event.preventDefault();
      acts[event.key]();
    }
  }

  // What opens a dialog has the focus as it is pressed: it gets it back when the dialog is gone.
  focus(selector) {
    const found = document.querySelector(selector);
    found?.focus();
    return found;
  }

  go(path) {
    const link = document.querySelector(`[data-testid=stSidebarNavLink][href$="/${path}"]`);
    if (link) link.click();
    else this.tell("go", path);
  }
}
