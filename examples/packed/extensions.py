"""Uses packages with extension modules, which are linked into the component.

wenv create --runtime default regex msgpack numpy
wenv pack --entry examples/packed/extensions.py
wasmtime run extensions.wasm
"""

import msgpack
import numpy
import regex

values = numpy.linspace(0, 1, 5)
numpy.save("/tmp/values.npy", values)
again = numpy.load("/tmp/values.npy")
print("numpy:", again.sum(), float(numpy.linalg.det(numpy.array([[2.0, 1.0], [1.0, 3.0]])).round(6)))
print("msgpack:", msgpack.unpackb(msgpack.packb({"values": values.tolist()}))["values"])
print("regex:", regex.findall(r"\p{Lu}\p{Ll}+", "Ada Lovelace, Émilie du Châtelet"))
