"""Starting the dashboard's server on this machine and, where asked, a browser on it."""

import socket
import subprocess
import sys
import threading
import time
import webbrowser
from pathlib import Path

from analysis.command_line.terminal import say
from analysis.errors import PalimpsestError

ROOT = Path(__file__).resolve().parents[2]
PORTS_TRIED = 20


def serve_dashboard(port: int, *, open_browser: bool) -> None:
    """Serve until interrupted; where the port is taken the next free one is used and said."""
    app = ROOT / "app.py"
    if not app.exists():
        raise PalimpsestError(
            f"{app} is missing: the dashboard runs from a checkout. Clone the repository and install it with "
            "`pip install -e .` (a wheel holds the command line only).",
            code="serve",
        )
    free = _free_port(port)
    if free != port:
        say(f"Port {port} is taken; using {free}.")
    url = f"http://localhost:{free}"
    say(f"Palimpsest is at {url}  (stop it with Ctrl-C)")
    if open_browser:
        threading.Thread(target=_open_when_ready, args=(free, url), daemon=True).start()
    command = [sys.executable, "-m", "streamlit", "run", str(app), "--server.port", str(free)]
    subprocess.run(command, cwd=ROOT, check=False)  # .streamlit/config.toml is read from the working folder


def _free_port(first: int) -> int:
    for port in range(first, first + PORTS_TRIED):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                return port
    raise PalimpsestError(
        f"Ports {first} to {first + PORTS_TRIED - 1} are all taken. Choose another with --port.", code="serve"
    )


def _open_when_ready(port: int, url: str) -> None:
    for _ in range(300):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                webbrowser.open(url)
                return
        time.sleep(0.1)
