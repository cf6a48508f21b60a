"""Counts words: arguments, standard input, a file beside the program, and files of packages and of folders that were granted.

wenv create certifi
wenv pack --entry examples/packed/report.py examples/packed/stopwords.txt
echo "the quick brown fox" | wasmtime run report.wasm --upper
wasmtime run --dir . report.wasm README.md
"""

import argparse
import importlib.metadata
import importlib.resources
import sys
from collections import Counter
from pathlib import Path

import certifi

parser = argparse.ArgumentParser(prog="report")
parser.add_argument("files", nargs="*", type=Path, help="what to read; standard input if nothing is named")
parser.add_argument("--upper", action="store_true", help="print words in capitals")
arguments = parser.parse_args()

stopwords = set(Path(__file__).with_name("stopwords.txt").read_text("utf-8").split())
text = "\n".join(path.read_text("utf-8") for path in arguments.files) if arguments.files else sys.stdin.read()
words = Counter(word for word in text.lower().split() if word.isalpha() and word not in stopwords)
for word, count in sorted(words.items(), key=lambda item: (-item[1], item[0]))[:5]:
    print(f"{word.upper() if arguments.upper else word}: {count}")

with open(Path(certifi.__file__).with_name("cacert.pem"), encoding="ascii") as file:  # noqa: PTH123 - as many programs do
    certificates = file.read().count("BEGIN CERTIFICATE")
same = importlib.resources.files("certifi").joinpath("cacert.pem").read_text("ascii").count("BEGIN CERTIFICATE")
print(f"certifi {importlib.metadata.version('certifi')} has more than 100 certificates: {certificates == same > 100}")
