"""A Debian package and an index of it, made of nothing but bytes."""

from __future__ import annotations

import hashlib
import io
import tarfile

CONTROL = """\
Package: {name}
Version: 1.0
Architecture: all
Maintainer: Somebody <somebody@example.org>
Description: a package of a test
"""


def repository(name: str, size: int = 1 << 16) -> dict[str, bytes]:
    """The files of a flat repository with one package of so many bytes, for `deb [trusted=yes] URL ./`."""
    package = deb(name, size)
    digest = hashlib.sha256(package).hexdigest()
    index = f"{CONTROL.format(name=name)}Filename: ./{name}.deb\nSize: {len(package)}\nSHA256: {digest}\n\n"
    return {f"/./{name}.deb": package, f"/{name}.deb": package, "/./Packages": index.encode()}


def deb(name: str, size: int) -> bytes:
    """A package that installs one file."""
    control = _tar({"./control": CONTROL.format(name=name).encode()})
    data = _tar({f"./usr/share/{name}": b"x" * size})
    members = {"debian-binary": b"2.0\n", "control.tar": control, "data.tar": data}
    archive = b"!<arch>\n"
    for member, content in members.items():
        archive += f"{member:<16}{0:<12}{0:<6}{0:<6}{100644:<8}{len(content):<10}`\n".encode()
        archive += content + b"\n" * (len(content) % 2)
    return archive


def _tar(files: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for path, content in files.items():
            info = tarfile.TarInfo(path)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return stream.getvalue()
