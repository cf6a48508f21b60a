"""Renders a page with Flask and Jinja2, without a server.

wenv create flask
wenv pack --slim --entry examples/packed/page.py examples/packed/templates
wasmtime run page.wasm "Ada <Lovelace>"
"""

import sys

from flask import Flask, render_template

app = Flask(__name__)


@app.route("/hello/<name>")
def hello(name: str) -> str:
    """The page."""
    return render_template("hello.html", name=name)


response = app.test_client().get("/hello/" + (sys.argv[1] if len(sys.argv) > 1 else "you"))
print(response.text)
sys.exit(response.status_code != 200)
