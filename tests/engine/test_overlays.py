"""What overlays put into images: built by the real engine, and nothing of it in the tree."""

from __future__ import annotations

import pytest

from engine.workshop import ROOT, TOML, Workshop, fingerprint

pytestmark = pytest.mark.engine

OVERLAY = """[[file]]
image = "one"
path = "new/sub/hello.sh"
executable = true
content = '''
#!/bin/sh
echo "hello $GREETED"
'''

[[file]]
image = "one"
path = "etc/upstream"
replace = true
content = "ours"

[[env]]
image = "one"
name = "GREETED"
value = "whole world"

[[append]]
image = "one"
instructions = '''
COPY new etc /all/
RUN /all/sub/hello.sh > /all/said
'''

[[package]]
manager = "pip"
from = "left"
to = "right"

[[variant]]
image = "two"
from = "other"
"""


def test_files_variables_and_instructions_of_an_overlay_are_in_the_image(workshop: Workshop) -> None:
    workshop.toml(f'{TOML}\n[variant.cpu]\n[variant.gpu]\noverlays = ["gpu"]\n')
    (workshop.root / "overlays").mkdir()
    path = workshop.root / "overlays/gpu.toml"
    path.write_text(OVERLAY)
    # nothing is really installed: `pip` is only what shows the file that it was given
    dockerfile = (
        f"FROM {ROOT}\nCOPY etc/upstream requirements.txt /\n"
        "RUN printf '#!/bin/sh\\ncat $3 > /installed\\n' > /bin/pip && chmod +x /bin/pip\n"
        f"RUN pip install -r /requirements.txt # {workshop.nonce}\n"
    )
    folder = workshop.image("one", dockerfile, {"etc/upstream": "theirs", "requirements.txt": "left==1\n"})
    two = workshop.image("two", "FROM scratch\nCOPY a /a\n", {"a": "plain"})
    (two / "other").mkdir()
    label = (two / "Dockerfile").read_text().splitlines()[-1]
    (two / "other/Dockerfile").write_text(f"FROM scratch\nCOPY b /a\n{label}\n")
    (two / "other/b").write_text(f"other {workshop.nonce}")
    workshop.more('[tree.notebooks.images."two"]\npath = "two"\n')
    before = fingerprint(workshop.images)

    workshop.run("--variant", "gpu", "one", "two")
    assert fingerprint(workshop.images) == before
    assert workshop.text("one", "/all/said", "gpu") == "hello whole world\n"
    assert workshop.text("one", "/upstream", "gpu") == "ours"
    assert workshop.text("one", "/all/upstream", "gpu") == "ours"
    assert workshop.text("one", "/installed", "gpu") == "right==1\n"
    assert workshop.text("two", "/a", "gpu") == f"other {workshop.nonce}"
    (member, _), *_ = workshop.members(workshop.local("one", "gpu"), "/all/sub/hello.sh").values()
    assert member.mode & 0o777 == 0o755
    environment = workshop.api.inspect_image(workshop.local("one", "gpu"))["Config"]["Env"]
    assert "GREETED=whole world" in environment

    assert workshop.actions("gpu", images=("one", "two")) == {"one": "reuse", "two": "reuse"}
    path.write_text(OVERLAY.replace('echo "hello', 'echo "bye'))
    assert workshop.actions("gpu", images=("one", "two")) == {"one": "build", "two": "reuse"}
    workshop.run("--variant", "gpu", "one")
    assert workshop.text("one", "/all/said", "gpu") == "bye whole world\n"
    assert (folder / "etc/upstream").read_text() == "theirs"
