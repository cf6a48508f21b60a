"""Writes temporary files and reads them again, although no folder is granted: a zip archive, a database, a log.

wenv create
wenv pack --entry examples/packed/scratch.py
wasmtime run scratch.wasm
"""

import logging
import shutil
import sqlite3
import tempfile
import zipfile
from pathlib import Path

with tempfile.TemporaryDirectory() as name:
    folder = Path(name)
    (folder / "in" / "deep").mkdir(parents=True)
    for number in range(3):
        (folder / "in" / "deep" / f"{number}.txt").write_text(f"number {number}\n" * 1000)
    packed = Path(shutil.make_archive(str(folder / "all"), "zip", folder / "in"))
    with zipfile.ZipFile(packed) as archive:
        print("archive:", sorted(archive.namelist())[-1], packed.stat().st_size < 3000)

    with sqlite3.connect(folder / "notes.db") as database:
        database.execute("create table notes (text)")
        database.executemany("insert into notes values (?)", [("one",), ("two",)])
    database.close()
    print("database:", sqlite3.connect(folder / "notes.db").execute("select count(*) from notes").fetchone()[0])

    logging.basicConfig(filename=folder / "run.log", level=logging.INFO, format="%(levelname)s %(message)s")
    logging.info("written")
    print("log:", (folder / "run.log").read_text().strip())

with tempfile.NamedTemporaryFile("w+") as file:
    file.write("temporary")
    file.seek(0)
    print("file:", file.read(), Path(file.name).exists())
print("left:", Path(file.name).exists(), list(Path(tempfile.gettempdir()).iterdir()))
