"""Builds a small site from a folder of Markdown pages.  Usage: build.py PAGES OUTPUT"""

import sys
from html import escape
from pathlib import Path

from markdown_it import MarkdownIt
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_by_name

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title><style>{style}</style></head>
<body>
{body}</body></html>
"""


def coloured(code: str, language: str, _: str) -> str:
    return str(highlight(code, get_lexer_by_name(language or "text"), HtmlFormatter(nowrap=True)))


def main(pages: str, output: str) -> None:
    markdown = MarkdownIt("commonmark", {"highlight": coloured}).enable("table")
    target = Path(output)
    target.mkdir(exist_ok=True)
    for page in sorted(Path(pages).glob("*.md")):
        text = page.read_text("utf-8")
        body = markdown.render(text).replace('.md">', '.html">')
        title = text.partition("\n")[0].lstrip("# ")
        written = PAGE.format(title=escape(title), style=HtmlFormatter().get_style_defs(".language-python"), body=body)
        (target / f"{page.stem}.html").write_text(written, "utf-8")
        print(f"{page.name} -> {page.stem}.html ({title}, {body.count('<span')} coloured words)")


if __name__ == "__main__":
    main(*sys.argv[1:])
