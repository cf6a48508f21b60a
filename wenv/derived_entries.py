"""The names under which derived entries lie in the store (`Store.derive`), and what each holds."""

#: The interpreter as WebAssembly, with extension modules and what is baked.
COMPONENTS = "components"
#: The same as code of this machine.
COMPILED = "compiled"
#: What a runtime says of itself: platform, markers.
DESCRIPTIONS = "descriptions"
#: A layer's modules, compiled, in one file: its code archive.
CODE = "code"
#: The code index of a snapshot, with links to its code archives.
IMAGES = "images"
#: Images of the memory of a scientific interpreter.
MEMORIES = "memories"
#: Metadata of the packages that a runtime holds.
METADATA = "metadata"
#: Wheels that were built here and have been tried.
CHECKS = "checks"
#: Layers as archives that a packed component holds.
PACKED = "packed"
