"use strict";
// Draws the figures of a report, moves their sliders, and shows one finding a screen. Everything it needs is in the page.
(() => {
  const held = JSON.parse(document.getElementById("figures").textContent);
  const find = (selector, inside = document) => Array.from(inside.querySelectorAll(selector));
  const findings = find(".finding");
  const views = {};
  const LABELS = { light: "Dark", dark: "Light" };

  // ---- drawing
  const options = { ast: true, actions: false, renderer: "svg", defaultStyle: false, tooltip: { disableDefaultStyle: true } };

  const begun = new Map();

  function draw(place) {
    if (!begun.has(place)) begun.set(place, drawNow(place).catch((error) => refuse(place, error)));
    return begun.get(place);
  }

  function refuse(place, error) { // one figure that fails does not take the others with it
    console.error(error);
    place.textContent = "This figure could not be drawn: " + error.message + ". Its values are beneath.";
    place.classList.add("drawn");
  }

  async function drawNow(place) {
    const figure = held[place.dataset.figure];
    if (figure.kind === "zoomable") await drawZoomable(place, figure.spec);
    else {
      views[place.dataset.figure] = (await vegaEmbed(place, narrowed(figure.spec, place.clientWidth), options)).view;
      place.dataset.high = place.querySelector("svg.marks").getAttribute("height");
    }
    place.classList.add("drawn");
    const slider = place.closest(".finding").querySelector(".slider input");
    if (slider) moveTo(slider);
    fit(place.closest(".finding"));
  }

  // On a phone: titles in lines that fit, and legends in as many columns as there is room for.
  function narrowed(spec, width) {
    if (width > 620 || !spec.title) return spec;
    const lines = (text, letter) => [].concat(text || []).flatMap((line) => wrap(line, Math.floor(width / letter)));
    const title = { ...spec.title, text: lines(spec.title.text, 8.4), subtitle: lines(spec.title.subtitle, 6.2), anchor: "start" };
    const legend = { ...spec.config.legend, columns: Math.max(1, Math.floor(width / 170)), labelLimit: width - 60 };
    return { ...spec, title, config: { ...spec.config, legend } };
  }

  function wrap(text, most) {
    return text.split(" ").reduce((lines, word) => {
      const last = lines[lines.length - 1];
      if (last !== undefined && (last + " " + word).length <= most) lines[lines.length - 1] = last + " " + word;
      else lines.push(word);
      return lines;
    }, []);
  }

  function ink(name) {
    return getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();
  }

  function plotlyInk() {
    return {
      "font.color": ink("text"), "title.font.color": ink("text"),
      "xaxis.gridcolor": ink("grid"), "yaxis.gridcolor": ink("grid"), "xaxis.linecolor": ink("faint"), "yaxis.linecolor": ink("faint"),
    };
  }

  function drawZoomable(place, spec) {
    const settings = { displaylogo: false, responsive: true, modeBarButtonsToRemove: ["autoScale2d"] };
    const layout = { ...spec.layout, autosize: true, height: spec.layout.height || 460 };
    if (place.clientWidth < 620) layout.title = { ...layout.title, subtitle: { text: "" } };
    return Plotly.newPlot(place, spec.data, layout, settings).then(() => Plotly.relayout(place, plotlyInk()));
  }

  async function drawAll() {
    const seen = new IntersectionObserver((entries) => entries.forEach((entry) => {
      if (entry.isIntersecting) draw(entry.target);
    }), { rootMargin: "600px" });
    find(".chart").forEach((place) => seen.observe(place));
    await drawRest();
  }

  async function drawRest() { // one by one, so that a print holds them all; what is hidden has no width to be drawn in
    for (const place of find(".chart")) {
      await new Promise((next) => setTimeout(next, 30));
      if (presenting()) return;
      await draw(place);
    }
    document.documentElement.dataset.drawn = "all";
  }

  // ---- light and dark: as the page was made, as the reader's system has it, or as the reader chose
  const system = matchMedia("(prefers-color-scheme: dark)");
  let chosen = Boolean(document.documentElement.dataset.paper);

  function paper() {
    return document.documentElement.dataset.paper || (system.matches ? "dark" : "light");
  }

  system.addEventListener("change", () => { if (!chosen) turn(system.matches ? "dark" : "light"); });

  function turn(to) {
    document.documentElement.dataset.paper = to;
    find("[data-do=paper]").forEach((button) => { button.textContent = LABELS[to]; });
    find(".js-plotly-plot").forEach((place) => Plotly.relayout(place, plotlyInk()));
  }

  // A print is on white paper: plotly's ink stands in the figure, not in the style sheet, and is turned with it.
  let printed = null;
  window.addEventListener("beforeprint", () => { printed = paper(); turn("light"); });
  window.addEventListener("afterprint", () => { if (printed) turn(printed); printed = null; });

  // ---- the slider over stops that were evaluated
  function moveTo(slider) {
    const place = slider.closest(".finding").querySelector(".chart");
    const stop = held[place.dataset.figure].stops[Number(slider.value)];
    slider.setAttribute("aria-valuetext", stop.percent + "% restored");
    slider.closest(".slider").querySelector("output").textContent = "k = " + stop.percent + "%";
    const view = views[place.dataset.figure];
    if (view) view.signal("stop_at", stop.percent).runAsync();
    slider.closest(".slider").querySelector(".reading").replaceChildren(tableOf(stop.heads, stop.rows));
  }

  function tableOf(heads, rows) {
    const table = document.createElement("table");
    const add = (parent, kind, text) => {
      const cell = document.createElement(kind);
      cell.textContent = text;
      if (kind === "th") cell.scope = "col";
      parent.append(cell);
    };
    const head = table.createTHead().insertRow();
    heads.forEach((text) => add(head, "th", text));
    const body = table.createTBody();
    rows.forEach((row) => { const line = body.insertRow(); row.forEach((text) => add(line, "td", text)); });
    return table;
  }

  // ---- the values behind a figure, and its files
  const MOST_ROWS = 200;

  function values(figure) { // every set of rows the figure is drawn from, the largest first
    const sets = Object.values((figure.drawn || figure.spec).datasets || {}).filter((rows) => rows.length);
    return sets.sort((one, other) => other.length - one.length);
  }

  function headsOf(rows) {
    return Array.from(new Set(rows.flatMap((row) => Object.keys(row))));
  }

  function showValues(details) {
    const box = details.querySelector(".scroll");
    if (!details.open || box.childElementCount) return;
    const text = (value) => (value === null || value === undefined ? "–" : typeof value === "number" ? String(+value.toPrecision(5)) : String(value));
    values(held[details.dataset.figure]).forEach((rows) => {
      const heads = headsOf(rows), shown = rows.slice(0, MOST_ROWS);
      const told = document.createElement("p");
      told.className = "more";
      told.textContent = shown.length < rows.length
        ? `${MOST_ROWS} of ${rows.length} rows; the CSV holds all`
        : `${rows.length} ${rows.length === 1 ? "row" : "rows"}`;
      box.append(told, tableOf(heads, shown.map((row) => heads.map((head) => text(row[head])))));
    });
  }

  function save(name, text, kind) {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type: kind }));
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  }

  async function saveSvg(id) {
    await draw(find(".chart").find((place) => place.dataset.figure === id));
    const svg = await views[id].toSVG();
    save(id + ".svg", svg.replace(/var\(--(\w+)\)/g, (_, name) => ink(name)), "image/svg+xml");
  }

  // As tables.csv_text: a text that a spreadsheet would take for a formula begins with a quote, numbers stay numbers.
  const FORMULA = /^[=+\-@\t\r]/, NUMBER = /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i;

  function cell(value) {
    if (value === null || value === undefined) return "";
    const written = typeof value === "object" ? JSON.stringify(value) : String(value);
    const text = typeof value === "string" && FORMULA.test(value) && !NUMBER.test(value) ? "'" + written : written;
    return /[",\n\r]/.test(text) ? '"' + text.replaceAll('"', '""') + '"' : text;
  }

  function saveCsv(id) {
    values(held[id]).forEach((rows, number) => {
      const heads = headsOf(rows), name = number ? `${id}-${number + 1}.csv` : id + ".csv";
      save(name, [heads, ...rows.map((row) => heads.map((head) => row[head]))].map((row) => row.map(cell).join(",")).join("\n") + "\n", "text/csv");
    });
  }

  // ---- one finding a screen
  let at = Number(document.documentElement.dataset.at) || 0;

  function presenting() {
    return document.body.classList.contains("presenting");
  }

  function show(number) {
    at = Math.min(Math.max(0, number), findings.length - 1);
    findings.forEach((each, place) => { each.classList.toggle("shown", place === at); each.classList.remove("ahead"); });
    find(".bar .place").forEach((place) => { place.textContent = at + 1 + " of " + findings.length; });
    const shown = findings[at];
    if (!shown) return;
    if (document.documentElement.dataset.inside) window.parent.postMessage({ palimpsestAt: at }, "*");
    shown.scrollTop = 0;
    find(".chart", shown).forEach(draw);
    fit(shown);
    whenIdle(() => drawAhead(at));
  }

  // The findings a key away are drawn while nothing else is to do: behind the one that is shown, as large as it, unseen.
  // A browser that draws nothing may tell of no idle time at all: then a moment later, as where it never does.
  const whenIdle = (act) =>
    window.requestIdleCallback ? requestIdleCallback(act, { timeout: 250 }) : setTimeout(act, 100);

  async function drawAhead(from) {
    for (const number of [from + 1, from - 1]) {
      const next = findings[number];
      if (!next || at !== from || !presenting()) continue;
      next.classList.add("ahead");
      await Promise.all(find(".chart", next).map(draw));
      fit(next);
      await new Promise((then) => whenIdle(then));
    }
  }

  function present(on) {
    document.body.classList.toggle("presenting", on);
    if (on) {
      const top = findings.findIndex((each) => each.getBoundingClientRect().bottom > 80);
      show(window.scrollY < 40 ? at : Math.max(0, top));
      window.focus();
    } else {
      findings.forEach((each) => each.classList.remove("ahead"));
      unfit();
      if (findings[at]) findings[at].scrollIntoView({ block: "start" });
      if (document.fullscreenElement) document.exitFullscreen();
      drawRest();
    }
    if (!on && document.documentElement.dataset.inside) window.parent.postMessage("palimpsest-present-end", "*");
  }

  // A figure grows with the screen, once for each size of it. Where the room beneath a long sentence is low, a figure of
  // one free height gets lower rather than its type small.
  const TYPE_WIDTH = 900; // pixels across the screen for which the type is as large as on the page

  function fit(shown = findings[at]) {
    if (!presenting() || !shown || !shown.clientHeight) return;
    const chart = shown.querySelector(".chart");
    const screen = innerWidth + "x" + innerHeight;
    if (!chart || !chart.classList.contains("drawn") || shown.dataset.fitted === screen) return;
    shown.dataset.fitted = screen;
    chart.style.zoom = "";
    const style = getComputedStyle(shown);
    const room = shown.clientHeight - parseFloat(style.paddingTop) - parseFloat(style.paddingBottom) - 16;
    const left = room - Math.max(0, heightOf(shown) - chart.offsetHeight);
    if (Array.isArray(chart.data)) {
      Plotly.relayout(chart, { width: chart.clientWidth, height: Math.max(320, left), "font.size": 17 });
      return;
    }
    const across = chart.clientWidth, large = Math.min(2, Math.max(1, across / TYPE_WIDTH)), own = freeHeight(chart);
    const over = Math.max(0, wholeHeight(chart) - left / large); // of its pixels, at a large type
    const height = own && Math.max(own / 2, own - over), whole = wholeHeight(chart) - own + height;
    setHeight(chart, height);
    chart.style.zoom = Math.min(2, Math.max(0.7, Math.min(left / whole, Math.max(1, across / 560))));
    follow(chart);
  }

  // Its own plot drawn as wide as its place is now, and no other's.
  function follow(chart) {
    const view = views[chart.dataset.figure];
    if (view && held[chart.dataset.figure].spec.width === "container") view.width(view.container().clientWidth).runAsync();
  }

  // The height a figure was made with, where it is one number for one plot: else nothing.
  function freeHeight(chart) {
    const { height, width } = held[chart.dataset.figure].spec;
    return width === "container" && typeof height === "number" ? height : 0;
  }

  function setHeight(chart, height) {
    const view = views[chart.dataset.figure];
    if (height && view && view.height() !== height) view.height(height).runAsync();
  }

  // As high as it was drawn at first, with its title and legend: fitted since, its image follows another width.
  function wholeHeight(chart) {
    return Number(chart.dataset.high) || chart.offsetHeight;
  }

  function heightOf(shown) {
    const seen = Array.from(shown.children).filter((child) => child.offsetHeight);
    return seen.reduce((sum, child) => {
      const style = getComputedStyle(child);
      return sum + child.offsetHeight + parseFloat(style.marginTop) + parseFloat(style.marginBottom);
    }, 0);
  }

  function unfit() {
    findings.forEach((each) => delete each.dataset.fitted);
    find(".chart").forEach((place) => {
      place.style.zoom = "";
      setHeight(place, freeHeight(place));
      const height = (held[place.dataset.figure].spec.layout || {}).height || 460;
      if (Array.isArray(place.data)) Plotly.relayout(place, { width: null, autosize: true, height, "font.size": 12 });
    });
    window.dispatchEvent(new Event("resize"));
  }

  // Whether this key moves within a finding that is taller than the screen, and has not come to its end yet.
  const SCROLLS = { ArrowDown: 0.15, PageDown: 0.85, " ": 0.85, ArrowUp: -0.15, PageUp: -0.85 };

  function scrolled(key) {
    const shown = findings[at], by = SCROLLS[key];
    if (!by || !shown) return false;
    const left = by > 0 ? shown.scrollHeight - shown.clientHeight - shown.scrollTop : shown.scrollTop;
    if (left < 2) return false;
    shown.scrollBy({ top: by * shown.clientHeight });
    return true;
  }

  // ---- hands
  const sheet = document.querySelector("dialog.keys");
  const hands = {
    present: () => present(true),
    end: () => present(false),
    before: () => show(at - 1),
    after: () => show(at + 1),
    paper: () => { chosen = true; turn(paper() === "dark" ? "light" : "dark"); },
    print: () => print(),
    keys: () => (sheet.open ? sheet.close() : sheet.showModal()),
    full: () => (document.fullscreenElement ? document.exitFullscreen() : document.documentElement.requestFullscreen()),
    svg: (button) => saveSvg(button.dataset.figure),
    csv: (button) => saveCsv(button.dataset.figure),
  };
  const KEYS = {
    ArrowRight: "after", ArrowDown: "after", PageDown: "after", " ": "after", ArrowLeft: "before", ArrowUp: "before", PageUp: "before",
    Escape: "end", f: "full",
  };
  const EVERYWHERE = { d: "paper", "?": "keys" };

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-do]");
    if (button) hands[button.dataset.do](button);
    else if (event.target === sheet) sheet.close(); // beside it
  });
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (EVERYWHERE[event.key] && findings.length) {
      event.preventDefault();
      hands[EVERYWHERE[event.key]]();
      return;
    }
    if (sheet && sheet.open) return; // Esc closes it and not what is behind it
    if (!presenting()) {
      if (event.key === "p" && findings.length) present(true);
      return;
    }
    const own = event.target.closest("input, button, summary");
    if (own && (event.key === " " || event.key === "Enter" || (own.tagName === "INPUT" && event.key.startsWith("Arrow")))) return;
    if (event.target.closest(".scroll") && event.key.startsWith("Arrow")) return; // a wide table moves itself
    if (event.key === "Home") show(0);
    else if (event.key === "End") show(findings.length - 1);
    else if (!KEYS[event.key] && !SCROLLS[event.key]) return;
    else if (!scrolled(event.key)) hands[KEYS[event.key]]();
    event.preventDefault();
  });
  document.addEventListener("input", (event) => { if (event.target.closest(".slider")) moveTo(event.target); });
  document.addEventListener("toggle", (event) => { if (event.target.matches("details.values")) showValues(event.target); }, true);
  let width = innerWidth, height = innerHeight;
  window.addEventListener("resize", () => {
    if (innerWidth !== width || innerHeight !== height) { width = innerWidth; height = innerHeight; fit(); }
  });
  let touched = null;
  document.addEventListener("touchstart", (event) => { touched = event.target.closest("input, .scroll") ? null : event.touches[0].clientX; }, { passive: true });
  document.addEventListener("touchend", (event) => {
    if (touched === null || !presenting()) return;
    const moved = event.changedTouches[0].clientX - touched;
    if (Math.abs(moved) > 60) show(at + (moved < 0 ? 1 : -1));
  });

  turn(paper());
  if (document.documentElement.dataset.start === "present" && findings.length) present(true);
  drawAll();
})();
