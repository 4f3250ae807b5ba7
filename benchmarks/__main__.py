"""Runs every benchmark, or those named: python -m benchmarks [interaction weights ...]. Each prints a table."""

import importlib
import pkgutil
import sys

import benchmarks


def main() -> None:
    """One after the other, so that none disturbs another."""
    found = sorted(
        module.name for module in pkgutil.iter_modules(benchmarks.__path__) if not module.name.startswith("_")
    )
    named = sys.argv[1:]
    sys.argv = sys.argv[:1]  # each reads its own options
    for name in named or found:
        print(f"\n== {name}", flush=True)
        importlib.import_module(f"benchmarks.{name}").main()


if __name__ == "__main__":
    main()
