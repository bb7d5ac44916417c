"""What is in a built image: its packages, its layers, their sizes; and what changed between two builds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

MANAGERS = ("apt", "pip", "conda", "r")
MARK = "#stackbuild "
# what an image cannot say, because it has no shell
UNKEPT = "its manifest was not kept"
MUTE = "no shell in it: its packages are not known"

# Run in the image with `sh -c`, without a network. Each section begins with MARK and a manager's name; each
# line of it is a package's name, a tab and its version. Whatever is not there is passed over.
SCRIPT = r"""
export LC_ALL=C
if command -v dpkg-query > /dev/null 2>&1; then
    echo '#stackbuild apt'
    dpkg-query -W -f '${db:Status-Abbrev}\t${binary:Package}\t${Version}\n' 2> /dev/null |
        grep '^.i' | cut -f 2-
fi
for python in python3 python; do
    command -v "$python" > /dev/null 2>&1 || continue
    echo '#stackbuild pip'
    "$python" -c '
import importlib.metadata
for found in importlib.metadata.distributions():
    where = str(found.locate_file(""))
    name = found.metadata["Name"]
    # what apt and conda have brought is in their lists
    if name and not where.startswith("/usr/lib/python3/dist-packages") \
            and (found.read_text("INSTALLER") or "").strip() != "conda":
        print(name, found.version, sep="\t")
' 2> /dev/null
    break
done
for folder in "$CONDA_DIR" "$CONDA_PREFIX" "$MAMBA_ROOT_PREFIX" /opt/conda; do
    [ -n "$folder" ] && [ -d "$folder/conda-meta" ] || continue
    echo '#stackbuild conda'
    for file in "$folder"/conda-meta/*.json; do
        name=${file##*/}
        name=${name%.json}
        name=${name%-*}
        case $name in *-*) printf '%s\t%s\n' "${name%-*}" "${name##*-}" ;; esac
    done
    break
done
if command -v Rscript > /dev/null 2>&1; then
    echo '#stackbuild r'
    Rscript --vanilla -e 'x <- installed.packages()[, c("Package", "Version"), drop = FALSE];
        cat(sprintf("%s\t%s\n", x[, 1], x[, 2]), sep = "")' 2> /dev/null
fi
echo '#stackbuild end'
"""


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer: the instruction that made it, and its size in bytes."""

    by: str
    size: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """What one build of an image holds; `packages` are versions by manager and name, sizes are in bytes.

    `note` says why the packages are not known, where they are not.
    """

    image: str
    key: str
    image_id: str
    size: int
    layers: tuple[Layer, ...]
    packages: Mapping[str, Mapping[str, str]]
    note: str = ""

    def to_json(self) -> dict[str, Any]:
        """The manifest as plain JSON values."""
        return {
            "image": self.image,
            "key": self.key,
            "image_id": self.image_id,
            "size": self.size,
            "layers": [{"by": layer.by, "size": layer.size} for layer in self.layers],
            "packages": {manager: dict(found) for manager, found in self.packages.items()},
            "note": self.note,
        }

    @staticmethod
    def from_json(value: Mapping[str, Any]) -> Manifest:
        """The manifest that `to_json` gave; raises KeyError, TypeError or ValueError for anything else."""
        return Manifest(
            image=str(value["image"]),
            key=str(value["key"]),
            image_id=str(value["image_id"]),
            size=int(value["size"]),
            layers=tuple(Layer(str(layer["by"]), int(layer["size"])) for layer in value["layers"]),
            packages={manager: dict(found) for manager, found in value["packages"].items()},
            note=str(value["note"]),
        )


def packages(text: str) -> dict[str, dict[str, str]]:
    """What SCRIPT has printed, by manager and name; raises ValueError where its end is missing."""
    found: dict[str, dict[str, str]] = {}
    manager = ""
    for line in text.splitlines():
        if line.startswith(MARK):
            manager = line.removeprefix(MARK).strip()
            if manager == "end":
                return {name: dict(sorted(found[name].items())) for name in MANAGERS if name in found}
            found.setdefault(manager, {})
            continue
        name, tab, version = line.partition("\t")
        if tab and name.strip() and manager:
            found[manager].setdefault(name.strip(), version.strip())
    raise ValueError("the list of packages breaks off")


Sets = dict[str, dict[str, Manifest]]


def sets_to_json(found: Mapping[str, Mapping[str, Manifest]]) -> dict[str, Any]:
    """Manifests by variant and image as `{"variants": {V: {"images": {NAME: MANIFEST}}}}`."""
    return {
        "variants": {
            variant: {"images": {name: one.to_json() for name, one in by_image.items()}}
            for variant, by_image in found.items()
        }
    }


def sets_from_json(value: Any) -> Sets:
    """What `sets_to_json` gave; raises ValueError for anything else."""
    try:
        return {
            str(variant): {name: Manifest.from_json(one) for name, one in by_image["images"].items()}
            for variant, by_image in value["variants"].items()
        }
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ValueError("it holds no manifests") from error


@dataclass(frozen=True, slots=True)
class PackageChange:
    """A package that came (no `old`), went (no `new`) or moved."""

    manager: str
    name: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class ImageChange:
    """How one image differs; its old or new manifest is None where it was or is not there.

    `doubt` says why packages cannot be compared.
    """

    image: str
    old: Manifest | None
    new: Manifest | None
    packages: tuple[PackageChange, ...] = ()
    doubt: str = ""

    @property
    def growth(self) -> int:
        """By how many bytes it grew."""
        return (self.new.size if self.new else 0) - (self.old.size if self.old else 0)


def changes(old: Mapping[str, Manifest], new: Mapping[str, Manifest]) -> tuple[ImageChange, ...]:
    """What differs between two sets of manifests by image; an image that is the same build is left out."""
    found = []
    for image in sorted(old.keys() | new.keys()):
        before, after = old.get(image), new.get(image)
        if before and after and before.image_id == after.image_id:
            continue
        doubt = next((one.note for one in (before, after) if one and one.note), "")
        moved = _moved(before, after) if before and after and not doubt else ()
        found.append(ImageChange(image, before, after, moved, doubt))
    return tuple(found)


def _moved(before: Manifest, after: Manifest) -> tuple[PackageChange, ...]:
    found = []
    for manager in MANAGERS:
        was, now = before.packages.get(manager, {}), after.packages.get(manager, {})
        found += [
            PackageChange(manager, name, was.get(name, ""), now.get(name, ""))
            for name in sorted(was.keys() | now.keys())
            if was.get(name) != now.get(name)
        ]
    return tuple(found)


def together(found: Iterable[ImageChange]) -> dict[PackageChange, tuple[str, ...]]:
    """Each change once, with the images it is in: what a parent brings is in all that stands on it."""
    images: dict[PackageChange, list[str]] = {}
    for one in found:
        for change in one.packages:
            images.setdefault(change, []).append(one.image)
    order = sorted(images, key=lambda change: (MANAGERS.index(change.manager), change.name, change.new))
    return {change: tuple(images[change]) for change in order}
