"""The program of `network.py` in pyeryx, which allows this host its own network: ``eryx_network.py PORT MEGABYTES``."""

import ssl
import sys
from pathlib import Path

import eryx  # type: ignore[import-not-found]

port, megabytes = sys.argv[1:]
network = eryx.NetConfig(allowed_hosts=["localhost"])
network = network.allow_localhost() or network
network = network.with_root_cert(ssl.PEM_cert_to_DER_cert(Path("authority.pem").read_text())) or network
code = Path("program.py").read_text().replace('cafile="authority.pem"', "")  # it has no files of the host's
said = eryx.Session(network=network).execute(f"import sys\nsys.argv = ['', {port!r}, {megabytes!r}]\n{code}").stdout
print(said.decode() if isinstance(said, bytes) else said)
