"""A chromium for the browser tests: the one named, one installed, or (with --install) one brought in; loud if none.

Order: PALIMPSEST_BROWSER, Debian's and others' chromium or chrome on the PATH, macOS's applications, Playwright's own.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
MAC = tuple(
    Path(home) / f"Applications/{name}.app/Contents/MacOS/{name}"
    for home in ("/", Path.home())
    for name in ("Chromium", "Google Chrome")
)


def find_browser() -> str | None:
    """Path of a browser that exists, or None."""
    named = os.environ.get("PALIMPSEST_BROWSER")
    if named:
        return named if Path(named).exists() else None
    on_path = next(filter(None, map(shutil.which, NAMES)), None)
    in_applications = next((str(path) for path in MAC if path.exists()), None)
    return on_path or in_applications or _playwrights_own()


def _playwrights_own() -> str | None:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        path = playwright.chromium.executable_path
    return path if Path(path).exists() else None


def install_browser() -> None:
    """Debian's chromium through apt where this user may, else Playwright's download."""
    apt = shutil.which("apt-get")
    may = [] if os.geteuid() == 0 else ["sudo", "-n"]
    if apt and subprocess.run([*may, "true"], check=False).returncode == 0:
        subprocess.run([*may, apt, "update", "-q"], check=False)
        if subprocess.run([*may, apt, "install", "-y", "-q", "chromium"], check=False).returncode == 0:
            return
    subprocess.run([sys.executable, "-m", "playwright", "install", "chromium"], check=False)


def main() -> int:
    """Exit 0 with the path printed, 1 with the way out."""
    found = find_browser()
    if found is None and "--install" in sys.argv:
        print("==> No browser found; installing one for the browser tests", flush=True)
        install_browser()
        found = find_browser()
    if found is None:
        print("No chromium or chrome found for the browser tests. Install one, or set PALIMPSEST_BROWSER to its path.")
        return 1
    print(f"Browser for the tests: {found}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
