// A dialog gives the focus back to what opened it. Streamlit does so itself where that still stands; where a run of the
// page has drawn it anew meanwhile (a stop was evaluated behind the dialog), it is found again by its key.
// A part of frame.js.

const WAITED = { times: 20, milliseconds: 100 }; // the run that closes the dialog may take a while
let pressed = null; // the key of the button that was pressed last, outside of any dialog
let opener = null; // that of the dialog that is open
let waiting = null;

function openDialog() {
  return document.querySelector("body > [data-testid=stDialog]");
}

function giveBack(key, times) {
  const found = document.querySelector(`.${CSS.escape(key)} button`), at = document.activeElement;
  if (found && at === document.body) found.focus();
  if (times > 0) waiting = setTimeout(() => giveBack(key, times - 1), WAITED.milliseconds);
}

if (!window.palimpsestDialogs) {
  window.palimpsestDialogs = true;
  document.addEventListener("click", (event) => {
    if (openDialog()) return;
    const keyed = event.target.closest("button")?.closest("[class*='st-key-']");
    pressed = keyed?.className.match(/st-key-\S+/)[0] ?? null;
  }, { capture: true });
  for (const action of ["keydown", "pointerdown"]) { // a person who goes on is where they want to be
    document.addEventListener(action, () => clearTimeout(waiting), { capture: true });
  }
  new MutationObserver(() => {
    if (openDialog()) opener ??= pressed;
    else if (opener) {
      giveBack(opener, WAITED.times);
      opener = null;
    }
  }).observe(document.body, { childList: true });
}
