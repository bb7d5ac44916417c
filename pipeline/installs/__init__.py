"""The packages that a RUN instruction installs, and where exactly their names stand.

`find_installs` reads an instruction, `find_requirements` a requirements file; `matching` picks a package,
`swap` puts another name in its place, `candidates` and `nearest` say what an edit without a match may mean.

Read are the commands of sh and bash wherever they stand: lists, pipes, compound commands, functions,
substitutions, `sh -c`, `eval`, here-documents, and the exec form. Not read are the shells of Windows, scripts
that are written to a file and run later, and what a variable holds.
"""

from pipeline.installs.files import find_includes, find_requirements
from pipeline.installs.installers import candidates, find_installs
from pipeline.installs.names import MANAGERS, same_name, valid_name
from pipeline.installs.requirements import (
    Installs,
    Requirement,
    RequirementFile,
    matching,
    nearest,
    replacement,
    swap,
)

__all__ = [
    "MANAGERS",
    "Installs",
    "Requirement",
    "RequirementFile",
    "candidates",
    "find_includes",
    "find_installs",
    "find_requirements",
    "matching",
    "nearest",
    "replacement",
    "same_name",
    "swap",
    "valid_name",
]
