"""Builds one wheel in an isolated environment: the part that runs the package's build code, in a process of its own.

    python -m resolver.building.worker JOB

JOB is a JSON file: `source`, the unpacked distribution; `output`, the folder for the wheel; `settings`, the build backend's
configuration settings (PEP 517); `environment`, variables for the backend; `headers`, folders of other packages' headers that
take the place of the host's ([package folder in site-packages, folder] each); `result`, the file for the wheel's name.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path


def main(job: Path) -> None:
    """Do the job; the exit status and what was printed tell how it went."""
    from build import BuildException, ProjectBuilder
    from build.env import DefaultIsolatedEnv

    order = json.loads(job.read_text("utf-8"))

    def run(cmd: Sequence[str], cwd: str | None = None, extra_environ: Mapping[str, str] | None = None) -> None:
        subprocess.run(cmd, cwd=cwd, env={**os.environ, **(extra_environ or {}), **order["environment"]}, check=True)

    try:
        with DefaultIsolatedEnv(installer="pip") as environment:
            order["environment"]["WENV_BUILD_PYTHON"] = environment.python_executable
            builder = ProjectBuilder.from_isolated_env(environment, order["source"], runner=run)
            environment.install(builder.build_system_requires)
            environment.install(builder.get_requires_for_build("wheel", order["settings"]))
            for folder, replacement in order["headers"]:
                for installed in Path(environment.path).glob(f"**/site-packages/{folder}"):
                    shutil.rmtree(installed)
                    shutil.copytree(replacement, installed)
            made = builder.build("wheel", order["output"], order["settings"])
    except (BuildException, subprocess.CalledProcessError) as error:
        sys.exit(str(error))
    Path(order["result"]).write_text(Path(made).name, "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
