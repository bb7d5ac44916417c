"""Jupyter as people meet it: the server starts and answers, and a notebook runs in each kernel."""

import glob
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from typing import Any, Dict, List, Optional, Tuple

from telling import failed, run

STARTING = 90.0
KERNEL = 90
# by the kernel's language: what prints 42, and is nothing that the text of the cell itself holds
CELLS = {
    "python": "print(6 * 7)",
    "r": "cat(6 * 7)",
    "julia": "print(6 * 7)",
    "bash": "echo $((6 * 7))",
    "ruby": "puts 6 * 7",
    "javascript": "console.log(6 * 7)",
    "typescript": "console.log(6 * 7)",
    "scala": "println(6 * 7)",
    "octave": "disp(6 * 7)",
    "sos": "print(6 * 7)",
}
ANSWER = "42"
SERVERS = ("jupyter", "notebook", "lab")


def command(order: Dict[str, Any]) -> List[str]:
    """How the image starts its server; where it starts something else, Jupyter itself."""
    line = [*order.get("entrypoint", []), *order.get("command", [])]
    if any(word in part for part in line for word in SERVERS):
        return line
    return [
        "jupyter",
        "server" if shutil.which("jupyter-server") else "notebook",
        "--no-browser",
        "--ip=127.0.0.1",
    ]


def runtime() -> str:
    """Where servers write down their address."""
    found = subprocess.run(["jupyter", "--runtime-dir"], stdout=subprocess.PIPE, check=True)
    return found.stdout.decode().strip()


def server(folder: str, process: Any) -> Dict[str, Any]:
    """What the server has written down of itself, once it has."""
    until = time.monotonic() + STARTING
    while time.monotonic() < until:
        if process.poll() is not None:
            raise failed("the server ended with {} instead of starting".format(process.returncode))
        for path in glob.glob(os.path.join(folder, "jpserver-*.json")) + glob.glob(
            os.path.join(folder, "nbserver-*.json")
        ):
            try:
                with open(path, encoding="utf-8") as file:
                    return dict(json.load(file))
            except ValueError:  # it is being written
                pass
        time.sleep(0.1)
    raise failed("the server did not start within {:.0f} s".format(STARTING))


def answers(found: Dict[str, Any]) -> str:
    """Ask the server how it is; gives its version."""
    scheme = "https" if found.get("secure") else "http"
    address = "{}://127.0.0.1:{}{}api".format(scheme, found["port"], found.get("base_url", "/"))
    request = urllib.request.Request(
        address, headers={"Authorization": "token {}".format(found.get("token", ""))}
    )
    context = None
    if scheme == "https":
        import ssl

        # its certificate is its own, and it is this very container that is asked
        context = ssl._create_unverified_context()
    until = time.monotonic() + STARTING
    while True:
        try:
            with urllib.request.urlopen(request, timeout=10, context=context) as answer:
                return str(json.loads(answer.read().decode())["version"])
        except urllib.error.HTTPError as error:
            raise failed("the server answers {} at {}".format(error.code, address)) from None
        except OSError as error:
            if time.monotonic() > until:
                raise failed("the server does not answer at {}: {}".format(address, error)) from None
            time.sleep(0.1)


def healthy(test: List[str]) -> None:
    """Run the image's own health check, where it has one."""
    if not test or test[0] == "NONE":
        return
    line = ["/bin/sh", "-c", test[1]] if test[0] == "CMD-SHELL" else test[1:]
    found = subprocess.run(line, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)
    if found.returncode:
        said = found.stdout.decode("utf-8", "replace").strip().splitlines() or [""]
        raise failed("the image's health check ends with {}: {}".format(found.returncode, said[-1]))
    print("the image's health check passes")


def serve(order: Dict[str, Any]) -> None:
    """Start the server as the image does, and ask it for its health."""
    folder = runtime()
    before = set(os.listdir(folder)) if os.path.isdir(folder) else set()
    for name in before:
        if name.startswith(("jpserver-", "nbserver-")):
            os.unlink(os.path.join(folder, name))
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            command(order), stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True
        )
        try:
            found = server(folder, process)
            print("the server answers: version {}".format(answers(found)))
            healthy(order.get("health", []))
        except BaseException:
            log.seek(0)
            print("\n".join(log.read().decode("utf-8", "replace").splitlines()[-15:]))
            raise
        finally:
            stop(process)


def stop(process: Any) -> None:
    """End the server, and all that it has started."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
            process.wait(timeout=5)
        except (ProcessLookupError, subprocess.TimeoutExpired):
            continue
        return


def kernels() -> List[Tuple[str, str]]:
    """Every installed kernel and its language."""
    from jupyter_client.kernelspec import KernelSpecManager

    found = KernelSpecManager().get_all_specs()
    return sorted((name, str(about["spec"].get("language", "")).lower()) for name, about in found.items())


def execute(name: str, language: str) -> None:
    """Run a notebook of one cell in a kernel, and look at what it printed."""
    import nbclient
    import nbformat

    cell = nbformat.v4.new_code_cell(CELLS.get(language, "6 * 7"))
    metadata = {"kernelspec": {"name": name, "display_name": name, "language": language}}
    book = nbformat.v4.new_notebook(cells=[cell], metadata=metadata)
    try:
        nbclient.NotebookClient(book, kernel_name=name, timeout=KERNEL, startup_timeout=KERNEL).execute()
    except Exception as error:
        words = str(error).strip().splitlines() or [""]
        text = "a notebook fails in the kernel {}: {}: {}"
        raise failed(text.format(name, type(error).__name__, words[-1])) from None
    said = json.dumps([dict(output) for output in cell.outputs])
    if ANSWER not in said:
        raise failed("a notebook in the kernel {} says {} instead of {}".format(name, said, ANSWER))
    print("a notebook runs in the kernel {}".format(name))


def probe(order: Dict[str, Any]) -> Optional[Dict[str, Any]]:
    """The server, then every kernel."""
    if shutil.which("jupyter") is None:
        raise failed("the image has no jupyter on its PATH")
    print("as user {}".format(os.getuid()))
    serve(order)
    found = kernels()
    if not found:
        raise failed("the image has no kernel")
    for name, language in found:
        execute(name, language)
    return None


if __name__ == "__main__":
    run(probe)
