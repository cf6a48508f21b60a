"""Makes the host's Python answer for the target while build code of a package runs in it; imported as ``sitecustomize``.

What build systems ask about the machine that they build for comes from sysconfig, which CPython lets one redirect
(``_PYTHON_SYSCONFIGDATA_NAME``), and from `platform`, which is answered here.  ``sys.platform`` and ``os.name`` stay the
host's: build code also works on the host with them.
"""

import os
import platform

if "WENV_TARGET_VERSION" in os.environ:
    _version, _machine = os.environ["WENV_TARGET_VERSION"], os.environ["WENV_TARGET_MACHINE"]
    platform.python_version = lambda: _version
    platform.python_version_tuple = lambda: tuple(_version.split("."))  # type: ignore[assignment,return-value]
    platform.machine = lambda: _machine
    platform.processor = lambda: ""
