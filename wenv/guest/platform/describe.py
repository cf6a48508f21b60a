"""What this interpreter is, for choosing wheels: the resolver's target, read where it is true."""

import os
import platform
import sys
import sysconfig
from typing import TypedDict


class Description(TypedDict):
    """Marker values (PEP 508) and what wheel tags are made of."""

    markers: dict[str, str]
    platform: str
    abi: str


def describe(_: object) -> Description:
    """Describe the running interpreter."""
    version = sys.implementation.version
    implementation_version = f"{version.major}.{version.minor}.{version.micro}"
    if version.releaselevel != "final":
        implementation_version += version.releaselevel[0] + str(version.serial)
    markers = {
        "implementation_name": sys.implementation.name,
        "implementation_version": implementation_version,
        "os_name": os.name,
        "platform_machine": platform.machine(),
        "platform_python_implementation": platform.python_implementation(),
        "platform_release": platform.release(),
        "platform_system": platform.system(),
        "platform_version": platform.version(),
        "python_full_version": platform.python_version(),
        "python_version": ".".join(platform.python_version_tuple()[:2]),
        "sys_platform": sys.platform,
    }
    return {
        "markers": markers,
        "platform": sysconfig.get_platform().replace(".", "_").replace("-", "_"),
        "abi": f"cp{version.major}{version.minor}",
    }
