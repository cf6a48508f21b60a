"""A backend of matplotlib's: `show` writes each figure to a file that the host has named, and draws it in the terminal where
that can show pictures.

matplotlib is imported when it asks for the canvas: this module is in memory before anybody knows whether it will.
"""

import base64
import os
import sys
from typing import Any

#: The guest folder for pictures, and the variable that holds its path on the host.
FOLDER, VARIABLE = "/wenv/plots", "WENV_PLOTS"
#: Bytes of base64 in one message to the terminal (kitty's documentation allows so many).
CHUNK = 4096
KITTY_TERMS, KITTY_PROGRAMS = ("xterm-kitty", "xterm-ghostty"), ("WezTerm", "ghostty", "kitty")
SIXEL_TERMS = ("foot", "mlterm", "contour", "yaft")
#: Colours of a picture in sixels, and rows of pixels in one line of them.
COLOURS, BAND = 255, 6


def __getattr__(name: str) -> Any:
    if name not in ("FigureCanvas", "FigureManager"):
        raise AttributeError(name)
    from matplotlib.backend_bases import FigureManagerBase  # type: ignore[import-not-found]
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # type: ignore[import-not-found]

    class FigureCanvas(FigureCanvasAgg):  # type: ignore[misc]
        """What a figure is drawn on."""

    globals().update(FigureCanvas=FigureCanvas, FigureManager=FigureManagerBase)
    return globals()[name]


def show(*_: object, **__: object) -> None:
    """Write all open figures to files, show them, and close them."""
    from matplotlib._pylab_helpers import Gcf  # type: ignore[import-not-found]

    for manager in Gcf.get_all_fig_managers():
        name = _free_name()
        path = f"{FOLDER}/{name}"
        manager.canvas.figure.savefig(path, format="png")
        sys.stdout.flush()
        if picture := _drawn(path):
            sys.stdout.write(picture + "\n")
            sys.stdout.flush()
        print(f"plot: {os.environ.get(VARIABLE, FOLDER)}/{name}", file=sys.stderr)
    Gcf.destroy_all()


def _free_name() -> str:
    number = 1 + max((int(name[5:-4]) for name in os.listdir(FOLDER) if name[5:-4].isdecimal()), default=0)
    return f"plot-{number:03}.png"


def _drawn(path: str) -> str:
    """What makes the terminal show a picture; empty if it cannot."""
    term, program = os.environ.get("TERM", ""), os.environ.get("TERM_PROGRAM", "")
    if not sys.stdout.isatty():
        return ""
    with open(path, "rb") as file:
        data = file.read()
    if term in KITTY_TERMS or program in KITTY_PROGRAMS:
        return _kitty(data)
    return _sixel(path) if term.startswith(SIXEL_TERMS) else ""


def _kitty(data: bytes) -> str:
    """The picture in kitty's graphics protocol."""
    text = base64.standard_b64encode(data).decode()
    chunks = [text[start : start + CHUNK] for start in range(0, len(text), CHUNK)]
    first, last = "a=T,f=100,", len(chunks) - 1
    return "".join(f"\x1b_G{first if i == 0 else ''}m={int(i < last)};{chunk}\x1b\\" for i, chunk in enumerate(chunks))


def _sixel(path: str) -> str:
    """The picture in sixels: bands of six rows, and in each the pixels of one colour after the other."""
    import numpy  # type: ignore[import-not-found]
    from PIL import Image  # type: ignore[import-not-found]

    picture = Image.open(path).convert("RGB").quantize(COLOURS)
    pixels, palette = numpy.asarray(picture), picture.getpalette()
    parts = [f'\x1bPq"1;1;{pixels.shape[1]};{pixels.shape[0]}']
    for number in range(len(palette) // 3):
        red, green, blue = (round(part * 100 / 255) for part in palette[3 * number : 3 * number + 3])
        parts.append(f"#{number};2;{red};{green};{blue}")
    for top in range(0, pixels.shape[0], BAND):
        rows = pixels[top : top + BAND]
        bits = (1 << numpy.arange(len(rows)))[:, None]
        for colour in numpy.unique(rows):
            codes = ((rows == colour) * bits).sum(axis=0) + 63
            parts.append(f"#{colour}{_packed(codes.tolist())}$")
        parts.append("-")
    return "".join(parts) + "\x1b\\"


def _packed(codes: list[int]) -> str:
    """Characters, with runs of the same one written as their number."""
    result, start = [], 0
    for end in range(1, len(codes) + 1):
        if end == len(codes) or codes[end] != codes[start]:
            count, character = end - start, chr(codes[start])
            result.append(f"!{count}{character}" if count > 3 else character * count)
            start = end
    return "".join(result)
