"""Shows a JSON file of records as a table.  Usage: table.py FILE [SORT-KEY]"""

import json
import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table


def main(path: str, key: str = "length_km") -> None:
    rivers = sorted(json.loads(Path(path).read_text()), key=lambda river: river[key], reverse=True)
    table = Table(title=f"{len(rivers)} rivers by {key}")
    table.add_column("River")
    table.add_column("Length, km", justify="right")
    table.add_column("Basin, km²", justify="right")
    table.add_column("Flows through")
    for river in rivers:
        table.add_row(river["name"], f"{river['length_km']:,}", f"{river['basin_km2']:,}", ", ".join(river["countries"]))
    Console(width=80).print(table)


if __name__ == "__main__":
    main(*sys.argv[1:])
