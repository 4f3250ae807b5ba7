"""What the headers of a pair say, as tables. Knows check reports only."""

from collections.abc import Mapping

import pandas as pd

from analysis.records import CheckReport

LEVEL_ORDER = ("error", "warning", "info")
SHOWN_TENSORS = 4


def findings_table(report: CheckReport, icons: Mapping[str, str] | None = None) -> pd.DataFrame:
    """One row a finding, errors first: level, what it says, the tensors it is about (the first few, and how many)."""
    ordered = sorted(report.findings, key=lambda finding: LEVEL_ORDER.index(finding.level))
    return pd.DataFrame(
        [
            {
                "level": f"{(icons or {}).get(finding.level, '')} {finding.level}".strip(),
                "finding": finding.message,
                "tensors": _tensors(finding.tensors),
                "code": finding.code,
            }
            for finding in ordered
        ],
        columns=["level", "finding", "tensors", "code"],
    )


def region_table(report: CheckReport) -> pd.DataFrame:
    """Parameters of each region, largest first, and their share of all that is compared (0-1)."""
    rows = sorted(report.region_parameters.items(), key=lambda item: -item[1])
    total = report.parameters or 1
    return pd.DataFrame([{"region": name, "parameters": n, "share": n / total} for name, n in rows])


def _tensors(names: tuple[str, ...]) -> str:
    more = len(names) - SHOWN_TENSORS
    return ", ".join(names[:SHOWN_TENSORS]) + (f" and {more} more" if more > 0 else "")
