"""Present mode: the report's own page, laid over the dashboard in a frame that may run its scripts and nothing else.

One finding a screen, arrow keys, light and dark, figures alive: analysis/report/report.js does all of it, here as in
the exported file.
"""

import streamlit as st

from pages.components import address

PRESENTING = "presenting"  # in the session and in the address
AT = "presented"  # the finding on the screen, from 0; the browser keeps it in the address, for a refresh
_CSS = """
iframe {
  position: fixed; inset: 0; width: 100vw; height: 100vh; border: 0; z-index: 1000000;
  background: var(--st-background-color);
}
"""
_JS = """
export default function ({ data, parentElement, setTriggerValue }) {
  let frame = parentElement.querySelector("iframe");
  if (!frame) {
    frame = document.createElement("iframe");
    frame.title = "Presentation";
    frame.setAttribute("sandbox", "allow-scripts allow-downloads allow-modals");
    frame.allow = "fullscreen";
    frame.addEventListener("load", () => frame.focus());
    parentElement.append(frame);
    const at = Number(new URL(location.href).searchParams.get(data.at)) || 0;
    frame.srcdoc = data.page.replace('data-start="present"', `data-start="present" data-at="${Math.floor(at)}"`);
  }
  const ended = (event) => {
    if (event.source !== frame.contentWindow) return;
    if (event.data === "palimpsest-present-end") setTriggerValue("ended", true);
    else if (Number.isInteger(event.data?.palimpsestAt)) {
      const url = new URL(location.href);
      url.searchParams.set(data.at, event.data.palimpsestAt);
      history.replaceState(history.state, "", url);
    }
  };
  window.addEventListener("message", ended);
  return () => window.removeEventListener("message", ended);
}
"""
_COMPONENT = st.components.v2.component("palimpsest_present", html="<div></div>", css=_CSS, js=_JS)


def hold() -> None:
    """Take from the address whether findings are presented, and write it there: a refresh goes on."""
    address.hold(address.switch(PRESENTING, False))


def begin() -> None:
    """Start presenting; a callback."""
    st.session_state[PRESENTING] = True


def end() -> None:
    """Back to the page; a callback."""
    st.session_state[PRESENTING] = False


def stage(page: str) -> None:
    """Show this HTML page over everything until Esc ends it."""
    _COMPONENT(key="stage", data={"page": page, "at": AT}, on_ended_change=end)
