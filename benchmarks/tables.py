"""Makes the tables of docs/development/benchmarks.md out of ``results.json``.

python benchmarks/tables.py     # writes them into docs/development/benchmarks.md
"""

import json
import statistics
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
RESULTS, PAGE = HERE / "results.json", HERE.parent / "docs" / "development" / "benchmarks.md"
BEGIN, END = "<!-- benchmarks/tables.py -->\n", "<!-- end -->\n"
#: The column that ratios refer to.
REFERENCE = "wenv"
IN_PROCESS = {
    "fresh": "a new sandbox, one statement, and its end, ms",
    "reset": "back to the pristine state, ms",
    "call": "a call into a living session, ms",
    "idle": "memory of a further idle session, MB",
}


def rendered(results: dict[str, Any]) -> str:
    """All tables as Markdown, with a sentence on how they were made."""
    where = f"{results['machine']}, {results['host']}, {results['when'][:10]}"
    lines = [
        f"Median of {results['runs']} processes in ms, in brackets times wenv's; {where}.",
        "",
        *_processes(results["processes"], REFERENCE),
        "",
        "The scientific runtime, against a native CPython of the same machine with the same packages:",
        "",
        *_processes(results["scientific"], REFERENCE),
        "",
        "One file, run by `wasmtime run`, which keeps what it has compiled; in brackets times the packed file's. python-wasi",
        "is a CPython of the npm registry with the packages in a folder:",
        "",
        *_processes(results["packed"], "packed"),
        "",
        f"The packed files hold {_sizes(results['sizes'])}.",
        "",
        "Sandboxes inside one process, medians:",
        "",
        *_in_process(results["in_process"]),
    ]
    return "\n".join(lines) + "\n"


def _sizes(sizes: dict[str, int]) -> str:
    return ", ".join(f"{size / 1e6:.1f} MB ({name})" for name, size in sizes.items())


def _processes(measured: list[dict[str, Any]], reference: str) -> list[str]:
    figures = {(each["peer"], each["row"]): statistics.median(each["seconds"]) * 1000 for each in measured}
    peers, rows = list(dict.fromkeys(peer for peer, _ in figures)), list(dict.fromkeys(row for _, row in figures))
    lines = [f"| | {' | '.join(peers)} |", f"| --- |{' ---: |' * len(peers)}"]
    for row in rows:
        cells = []
        for peer in peers:
            value = figures.get((peer, row))
            ratio = "" if value is None or peer == reference else f" ({value / figures[reference, row]:.2f})"
            cells.append("" if value is None else f"{value:.0f}{ratio}")
        lines.append(f"| {row} | {' | '.join(cells)} |")
    return lines


def _in_process(measured: dict[str, Any]) -> list[str]:
    lines = [f"| | {' | '.join(measured)} |", f"| --- |{' ---: |' * len(measured)}"]
    for key, label in IN_PROCESS.items():
        scale = 1e-6 if key == "idle" else 1000
        cells = [f"{each[key] * scale:.3g}" if key in each else "" for each in measured.values()]
        lines.append(f"| {label} | {' | '.join(cells)} |")
    return lines


def write_page() -> None:
    """Replace the tables in docs/development/benchmarks.md."""
    before, _, rest = PAGE.read_text("utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    PAGE.write_text(f"{before}{BEGIN}\n{rendered(json.loads(RESULTS.read_text()))}\n{END}{after}", "utf-8", newline="\n")


if __name__ == "__main__":
    write_page()
