"""Builds one wheel in an isolated environment: the part that runs the package's build code, in a process of its own.

    python -m wenv_resolver.building.worker JOB

JOB is a JSON file: `source`, the unpacked distribution; `output`, the folder for the wheel; `settings`, the build backend's
configuration settings (PEP 517); `environment`, variables for the backend; `headers`, folders of other packages' headers that
take the place of the host's ([package folder in site-packages, folder] each); `programs`, folders that come first on PATH;
`result`, the file for the wheel's name.  With
`asks`, no wheel is built: the backend is asked for its metadata, and `result` is the file for the path of METADATA.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

#: How a line of the log begins that says what is being done.
STEP = "wenv: now "


def main(job: Path) -> None:
    """Do the job; the exit status and what was printed tell how it went."""
    from build import BuildBackendException, BuildException, ProjectBuilder
    from build.env import DefaultIsolatedEnv

    order = json.loads(job.read_text("utf-8"))
    threading.Thread(target=end_with_parent, daemon=True).start()

    def run(cmd: Sequence[str], cwd: str | None = None, extra_environ: Mapping[str, str] | None = None) -> None:
        variables = {**os.environ, **(extra_environ or {}), **order["environment"]}
        variables["PATH"] = os.pathsep.join([*order.get("programs", ()), variables.get("PATH", os.defpath)])
        subprocess.run(cmd, cwd=cwd, env=variables, check=True, stdin=subprocess.DEVNULL)

    try:
        with DefaultIsolatedEnv(installer="pip") as environment:
            order["environment"]["WENV_BUILD_PYTHON"] = environment.python_executable
            builder = ProjectBuilder.from_isolated_env(environment, order["source"], runner=run)
            step("installing what its build needs")
            environment.install(builder.build_system_requires)
            step("asking what its build needs")
            needed = builder.get_requires_for_build("wheel", order["settings"])
            step("installing what its build needs")
            environment.install(needed)
            for folder, replacement in order["headers"]:
                for installed in Path(environment.path).glob(f"**/site-packages/{folder}"):
                    shutil.rmtree(installed)
                    shutil.copytree(replacement, installed)
            if order.get("asks"):
                step("asking what the wheel needs")
                described = builder.metadata_path(order["output"])
                Path(order["result"]).write_text(str(Path(described, "METADATA")), "utf-8")
                return
            step("building it")
            made = builder.build("wheel", order["output"], order["settings"])
    except (BuildException, BuildBackendException) as error:
        sys.exit(str(error))
    except subprocess.CalledProcessError as error:
        said = [each.decode("utf-8", "replace") if isinstance(each, bytes) else each for each in (error.output, error.stderr)]
        sys.exit("\n".join(filter(None, said)))
    Path(order["result"]).write_text(Path(made).name, "utf-8")


def step(words: str) -> None:
    """Leave a line in the log from which the host knows what is being done."""
    print(STEP + words, flush=True)


def end_with_parent() -> None:
    """End this process and all that it started once the other end of standard input is closed: wenv is gone."""
    os.read(0, 1)  # not sys.stdin: the interpreter could not end while a thread holds it
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
