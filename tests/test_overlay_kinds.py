"""Every kind of edit, each with what it touches, what it leaves alone and what it refuses."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from trees import PLATFORM, records, tree_of

from pipeline import overlay
from pipeline.config import ImageSettings
from pipeline.errors import InputError
from pipeline.graph import derive
from pipeline.overlay import Overlay
from pipeline.tree import Image, Overlaid, Tree

Files = Mapping[str, str | bytes]


def read(text: str, name: str = "o", **beside: str) -> Overlay:
    def read_beside(_: str, path: str) -> Overlaid:
        if path not in beside:
            raise InputError.of("cannot be read: no such file or directory", path)
        return Overlaid(beside[path].encode())

    return overlay.read_overlay(text, name, f"overlays/{name}.toml", read_beside)


def applied(files: Files, *texts: str, **settings: object) -> Tree:
    """The tree of these files after overlays."""

    def read_file(_: str, path: str) -> Overlaid:
        data = files[path]
        return Overlaid(data.encode() if isinstance(data, str) else data, path.endswith(".sh"))

    tree = tree_of(dict(files), **settings)
    overlays = [read(text, f"o{number}") for number, text in enumerate(texts, 1)]
    return overlay.apply(overlays, tree, read=read_file)[0]


def image(files: Files, *texts: str, **settings: object) -> Image:
    """The image `a` of these files after overlays."""
    return applied(files, *texts, **settings).images["a"]


def text(dockerfile: str, *texts: str) -> str:
    """A Dockerfile after overlays."""
    return image({"a/Dockerfile": dockerfile}, *texts).dockerfile.text


def refused(files: Files | str, *texts: str, **settings: object) -> list[str]:
    """What is said of overlays that do not fit."""
    with pytest.raises(InputError) as caught:
        applied({"a/Dockerfile": files} if isinstance(files, str) else files, *texts, **settings)
    return [str(problem) for problem in caught.value.problems]


def misread(text: str) -> list[str]:
    """What is said of an overlay file."""
    with pytest.raises(InputError) as caught:
        read(text)
    return [str(problem).removeprefix("overlays/o.toml:") for problem in caught.value.problems]


# [[arg]]

ARG = '[[arg]]\nname = "A"\nvalue = "2"\n'


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("FROM x\nARG A=1\n", "FROM x\nARG A=2\n"),
        ("FROM x\nARG A\n", "FROM x\nARG A=2\n"),
        ('FROM x\nARG A="1" B=3\n', 'FROM x\nARG A="2" B=3\n'),
        ("FROM x\nARG A='1'\r\nRUN a", "FROM x\nARG A='2'\r\nRUN a"),
        ("FROM x\nARG B=1 \\\n    # A=1\n    A=1\n", "FROM x\nARG B=1 \\\n    # A=1\n    A=2\n"),
        ("FROM x\nARG A=\n", "FROM x\nARG A=2\n"),
        ("FROM x\nARG A=2\n", "FROM x\nARG A=2\n"),
        ("ARG A=1\nFROM x\nARG A\n", "ARG A=2\nFROM x\nARG A\n"),
        ("FROM x AS b\nARG A=1\nFROM b\nARG A=5\n", "FROM x AS b\nARG A=2\nFROM b\nARG A=2\n"),
        ("FROM x\nONBUILD ARG A=1\nARG A=3\n", "FROM x\nONBUILD ARG A=1\nARG A=2\n"),
    ],
)
def test_an_arg_gets_another_default_wherever_it_has_one(before: str, after: str) -> None:
    assert text(before, ARG) == after


def test_an_arg_is_edited_in_one_stage_or_from_one_value_only() -> None:
    before = "FROM x AS b\nARG A=1\nFROM b\nARG A=5\n"
    assert text(before, f'{ARG}stage = "b"\n') == before.replace("A=1", "A=2")
    assert text(before, f'{ARG}stage = "1"\n') == before.replace("A=5", "A=2")
    assert text(before, f'{ARG}from = "5"\n') == before.replace("A=5", "A=2")


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("a b", 'A="a b"'),
        ('say "x"', 'A="say \\"x\\""'),
        ("back\\slash", 'A="back\\\\slash"'),
        ("$B/c", "A=$B/c"),
        ("a \\$B", 'A="a \\$B"'),
        ("a;b", 'A="a;b"'),
        ("", 'A=""'),
        ("it's", 'A="it\'s"'),
    ],
)
def test_a_value_is_quoted_as_it_needs(value: str, written: str) -> None:
    edit = f"[[arg]]\nname = 'A'\nvalue = '''{value}'''\n"
    assert text("FROM x\nARG A=1\n", edit) == f"FROM x\nARG {written}\n"


def test_an_arg_that_stacks_toml_gives_is_no_place_for_a_default() -> None:
    settings = ImageSettings("stacks.toml:4", args=(("A", "7"),))
    (found,) = refused({"a/Dockerfile": "FROM x\nARG A=1\n"}, ARG, images=(("a", settings),))
    assert found.startswith("overlays/o1.toml:1: arg A = 2: the build arg that stacks.toml gives 'a' counts")


def test_an_arg_that_is_not_there_is_drift_that_names_the_nearest() -> None:
    assert refused("FROM x\nARG NB_UDI=1\n", '[[arg]]\nname = "NB_UID"\nvalue = "2"\n') == [
        "overlays/o1.toml:1: arg NB_UID = 2: expected at least once, found nowhere\n"
        "  hint: did you mean 'NB_UDI'?"
    ]
    assert (
        "hint: its default is 1 in images/a/Dockerfile:2"
        in refused("FROM x\nARG A=1\n", f'{ARG}from = "3"')[0]
    )
    assert "has no stage 'b', but build, 1" in refused("FROM x AS build\nFROM x\n", f'{ARG}stage = "b"')[0]


# [[env]]

ENV = '[[env]]\nimage = "a"\nname = "A"\nvalue = "2"\n'


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("FROM x\nENV A=1\n", "FROM x\nENV A=2\n"),
        ("FROM x\nENV A 1 and more\nRUN b\n", "FROM x\nENV A 2\nRUN b\n"),
        ("FROM x\nENV B=1 \\\r\n    A='1'\r\n", "FROM x\nENV B=1 \\\r\n    A='2'\r\n"),
        ("FROM x\nRUN b", "FROM x\nENV A=2\nRUN b"),
        ("FROM x", "FROM x\nENV A=2"),
        ("FROM x\r\nRUN b\r\n", "FROM x\r\nENV A=2\r\nRUN b\r\n"),
        ("FROM x\nARG C=1\nRUN b\n", "FROM x\nARG C=1\nENV A=2\nRUN b\n"),
        ("FROM x AS one\nENV A=1\nFROM x\nRUN b\n", "FROM x AS one\nENV A=1\nFROM x\nENV A=2\nRUN b\n"),
    ],
)
def test_a_variable_is_set_where_the_final_stage_sets_it_or_at_its_beginning(before: str, after: str) -> None:
    assert text(before, ENV) == after


def test_a_variable_is_set_in_the_stage_that_is_named_and_from_the_value_that_is_named() -> None:
    before = "FROM x AS one\nENV A=1\nFROM x\nENV A=1\n"
    assert text(before, f'{ENV}stage = "one"\n') == before.replace("A=1", "A=2", 1)
    assert text(before, f'{ENV}from = "1"\n') == before[:-2] + "2\n"
    (found,) = refused(before, f'{ENV}from = "3*"\n')
    assert found.endswith(
        "expected at least once, found nowhere\n  hint: its value is 1 in images/a/Dockerfile:4"
    )


def test_the_target_of_stacks_toml_is_the_final_stage() -> None:
    settings = ImageSettings("stacks.toml:4", target="one")
    found = image({"a/Dockerfile": "FROM x AS one\nFROM x\n"}, ENV, images=(("a", settings),))
    assert found.dockerfile.text == "FROM x AS one\nENV A=2\nFROM x\n"


# [[append]]


def append(instructions: str, more: str = "") -> str:
    return f"[[append]]\nimage = 'a'\ninstructions = '''\n{instructions}'''\n{more}\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("FROM x\nRUN b\n", "FROM x\nRUN b\nRUN c\n"),
        ("FROM x\nRUN b", "FROM x\nRUN b\nRUN c"),
        ("FROM x\r\nRUN b\r\n\r\n# end\r\n", "FROM x\r\nRUN b\r\nRUN c\r\n\r\n# end\r\n"),
        ("FROM x\nRUN <<E\nb\nE\n", "FROM x\nRUN <<E\nb\nE\nRUN c\n"),
        ("FROM x AS b\nRUN b\n\n# two\nFROM b\n", "FROM x AS b\nRUN b\n\n# two\nFROM b\nRUN c\n"),
        ("FROM x\nRUN b && \\\n  c\n", "FROM x\nRUN b && \\\n  c\nRUN c\n"),
    ],
)
def test_instructions_follow_the_last_one_of_the_final_stage(before: str, after: str) -> None:
    assert text(before, append("RUN c\n")) == after


def test_instructions_may_stand_before_the_final_user_or_in_another_stage() -> None:
    before = "FROM x AS b\nRUN b\nFROM b\nUSER root\nRUN d\nUSER $NB_UID\n# end\n"
    assert text(before, append("RUN c\nRUN d", 'at = "before-user"')) == before.replace(
        "USER $", "RUN c\nRUN d\nUSER $"
    )
    assert text(before, append("RUN c", 'stage = "b"')) == before.replace("RUN b\n", "RUN b\nRUN c\n")
    (found,) = refused("FROM x\n", append("RUN c", 'at = "before-user"'))
    assert found.endswith('found nowhere\n  hint: there is no USER in the stage: at = "end"')


def test_several_of_one_overlay_come_in_its_order_and_variables_before_them() -> None:
    three = append("RUN c") + append("RUN b") + ENV
    assert text("FROM x\n", three) == "FROM x\nENV A=2\nRUN c\nRUN b\n"
    assert text("FROM x\n", three.replace("RUN b", "RUN d")) == "FROM x\nENV A=2\nRUN c\nRUN d\n"


def test_nothing_is_added_behind_a_line_that_goes_on() -> None:
    (found,) = refused("FROM x\nRUN b \\\n", append("RUN c"))
    assert "images/a/Dockerfile:2 does not end here" in found


@pytest.mark.parametrize(
    ("instructions", "said"),
    [
        ("FROM y\n", "a FROM would begin another stage"),
        ("RUNN c\n", "not instructions of a Dockerfile: "),
        ("RUN c \\\n", "the last line is continued"),
        ("# nothing\n", "there is no instruction in it"),
        ("RUN <<E\nopen\n", "not instructions of a Dockerfile: "),
        ("", "'instructions' is empty"),
    ],
)
def test_what_is_appended_must_be_whole_instructions(instructions: str, said: str) -> None:
    (found,) = misread(append(instructions))
    assert found.startswith(("3: ", "4: "))
    assert said in found


def test_appended_lines_are_continued_as_the_file_does() -> None:
    backtick = "# escape=`\nFROM x\n"
    assert text(backtick, append("RUN a `\n && b")) == f"{backtick}RUN a `\n && b\n"
    for before, said in ((backtick, "\\"), ("FROM x\n", "`")):
        (found,) = refused(before, append(f"RUN a {said}\n && b"))
        assert found.startswith("overlays/o1.toml:1: append RUN a ")
        assert "unknown instruction '&&'" in found


def test_a_place_that_there_is_none_of_is_refused() -> None:
    (found,) = misread(append("RUN c", 'at = "before-usr"'))
    assert found == "5: there is no place 'before-usr'\n  hint: did you mean 'before-user'?"


# [[replace]]


def test_a_literal_text_is_replaced_wherever_it_stands() -> None:
    edit = '[[replace]]\nfrom = "a+b"\nto = "c"\nexpect = 2\n'
    assert text("FROM x\n# a+b\nRUN echo a+b aab\n", edit) == "FROM x\n# c\nRUN echo c aab\n"


def test_a_text_of_several_lines_fits_either_line_break_and_takes_that_of_the_file() -> None:
    edit = "[[replace]]\nfrom = '''RUN a\nRUN b'''\nto = '''RUN c\nRUN d'''\n"
    assert text("FROM x\r\nRUN a\r\nRUN b\r\n", edit) == "FROM x\r\nRUN c\r\nRUN d\r\n"
    assert text("FROM x\nRUN a\nRUN b", edit) == "FROM x\nRUN c\nRUN d"


def test_a_text_is_replaced_in_one_stage_only() -> None:
    edit = '[[replace]]\nfrom = "echo"\nto = "true"\nstage = "b"\n'
    before = "FROM x AS b\nRUN echo\nFROM b\nRUN echo\n"
    assert text(before, edit) == before.replace("echo", "true", 1)


def test_what_is_a_part_of_the_new_text_already_stays() -> None:
    edit = '[[replace]]\nfrom = "tensorflow"\nto = "tensorflow-gpu"\n'
    before = "FROM x\nRUN pip install tensorflow-gpu tensorflow\n"
    assert text(before, edit) == "FROM x\nRUN pip install tensorflow-gpu tensorflow-gpu\n"
    (found,) = refused("FROM x\nRUN pip install tensorflow-gpu\n", edit)
    assert found.endswith("hint: images/a/Dockerfile:2 says 'tensorflow-gpu' already")


def test_a_replacement_that_makes_new_places_is_refused() -> None:
    (found,) = refused("FROM x\nRUN aab\n", '[[replace]]\nfrom = "ab"\nto = "b"\n')
    assert found.endswith(
        "what it leaves in images/a/Dockerfile matches again\n  hint: take in more of what stands around it"
    )


def test_a_replacement_that_breaks_the_dockerfile_names_the_edit() -> None:
    (found,) = refused("FROM x\nRUN b\n", '[[replace]]\nfrom = "RUN b"\nto = "RUNN b"\n')
    assert found.startswith("images/a/Dockerfile:2: ")
    (found,) = refused("FROM x\nRUN b\n", '[[replace]]\nfrom = "FROM x"\nto = ""\n')
    assert "overlays/o1.toml:1" in found or "FROM" in found


def test_lines_that_look_alike_are_shown() -> None:
    (found,) = refused(
        "FROM x\nRUN echo hello  world\n", '[[replace]]\nfrom = "RUN echo hello world"\nto = ""\n'
    )
    assert found.endswith("hint: nearest: 'RUN echo hello  world' in images/a/Dockerfile:2")


# [[file]]


def added(path: str, more: str = "", content: str = "hello\n") -> str:
    return f"[[file]]\nimage = \"a\"\npath = \"{path}\"\ncontent = '''\n{content}'''\n{more}\n"


def files_of(found: Tree, name: str = "a") -> dict[str, str]:
    """What of the context the image's key holds."""
    record = records(derive(found, PLATFORM))[name]
    return {state.path: f"{state.kind}{' x' if state.executable else ''}" for state in record.files}


def test_a_file_is_put_into_the_context_and_so_into_the_key() -> None:
    files = {"a/Dockerfile": "FROM debian:12\nCOPY etc /etc/\n"}
    before = records(derive(tree_of(dict(files)), PLATFORM))["a"]
    after = applied(files, added("etc/app/rc", "executable = true"))
    assert files_of(after) == {"etc": "dir", "etc/app": "dir", "etc/app/rc": "file x"}
    assert after.images["a"].overlaid["etc/app/rc"] == Overlaid(b"hello\n", True)
    keys = {records(derive(tree, PLATFORM))["a"].key for tree in (
        after,
        applied(files, added("etc/app/rc")),
        applied(files, added("etc/app/rc", content="other\n")),
        applied(files, added("etc/app/rc2", "executable = true")),
    )}  # fmt: skip
    assert len(keys | {before.key}) == 5


def test_a_file_comes_from_beside_the_overlay() -> None:
    edit = '[[file]]\nimage = "a"\npath = "rc"\nsource = "rc"\n'
    (found,) = read(edit, rc="beside").edits
    assert isinstance(found, overlay.FileEdit)
    assert found.content == b"beside"
    assert misread(edit.replace('source = "rc"', 'source = "rd"')) == [
        "4: 'rd' cannot be read: no such file or directory"
    ]
    (outside,) = misread(edit.replace('source = "rc"', 'source = "../rc"'))
    assert "'../rc' must lie beside the overlay or below" in outside


def test_a_file_that_upstream_has_is_only_replaced_on_purpose() -> None:
    files = {"a/Dockerfile": "FROM debian:12\nCOPY rc /\n", "a/rc": "upstream\n"}
    (found,) = refused(files, added("rc"))
    assert found == (
        "overlays/o1.toml:1: file rc: expected at least once, found nowhere\n"
        "  hint: upstream has such a file (a): replace = true takes its place"
    )
    assert image(files, added("rc", "replace = true")).overlaid == {"rc": Overlaid(b"hello\n")}
    (found,) = refused(files, added("rd", "replace = true"))
    assert found.endswith("hint: did you mean 'rc'?") or "there is no such file" in found


def test_a_file_never_lies_where_something_else_does() -> None:
    files = {"a/Dockerfile": "FROM debian:12\nCOPY . /\n", "a/sub/x": "", "a/plain": "", "a/link -> sub": ""}
    for path, said in [
        ("sub", "a dir lies there"),
        ("link", "a link lies there"),
        ("plain/x", "'plain' is no folder"),
        ("link/x", "'link' is no folder"),
        ("Dockerfile", "this is the Dockerfile of 'a'"),
    ]:
        (found,) = refused(files, added(path))
        assert said in found, path


@pytest.mark.parametrize("path", ["/etc/passwd", "../x", "a/../../x", "a//b", "."])
def test_a_file_stays_inside_the_context(path: str) -> None:
    (found,) = misread(added(path))
    assert found.startswith("3: ")
    assert "must stay inside the context" in found


def test_an_ignore_file_that_is_added_counts() -> None:
    files = {"a/Dockerfile": "FROM debian:12\nCOPY . /\n", "a/x": "", "a/y": ""}
    assert set(files_of(applied(files, added(".dockerignore", content="x\n")))) == {
        ".dockerignore",
        "Dockerfile",
        "y",
    }
    own = applied(
        files, added("Dockerfile.dockerignore", content="y\n"), added(".dockerignore", content="x\n")
    )
    assert "x" in files_of(own)
    assert "y" not in files_of(own)


def test_a_file_that_no_instruction_reads_is_found_out() -> None:
    files = {"a/Dockerfile": "FROM debian:12\nCOPY rc /\n", "a/rc": ""}
    tree = tree_of(dict(files))
    edits = read(added("other") + added("rd", 'expect = "any"'))
    after, matches = overlay.apply([edits], tree)
    readable = {node.image.name: frozenset(node.files) for node in derive(after, PLATFORM)}
    assert [str(problem) for problem in overlay.unread(matches, readable)] == [
        "overlays/o.toml:1: file other: no instruction of 'a' reads it\n"
        "  hint: add the COPY with [[append]]; or .dockerignore leaves it out"
    ]


# [[variant]]

STACK = {
    "a/Dockerfile": "FROM debian:12\nCOPY rc /\n",
    "a/rc": "",
    "a/cuda/Dockerfile": "FROM debian:12\nCOPY lib.sh /\nARG A=1\n",
    "a/cuda/lib.sh": "",
    "a/cuda/.dockerignore": "secret\n",
    "b/Dockerfile": "FROM a\n",
    "other/z.Dockerfile": "FROM debian:11\n",
}
VARIANT = '[[variant]]\nimage = "a"\nfrom = "cuda"\n'


@pytest.mark.parametrize("settings", [{}, {"exclude": ("a/cuda",)}], ids=["an image of its own", "left out"])
def test_another_folder_s_dockerfile_comes_with_its_context(settings: dict[str, object]) -> None:
    found = applied(STACK, VARIANT, **settings)
    taken = found.images["a"]
    assert (taken.path, taken.context, taken.where) == (
        "a/cuda/Dockerfile",
        "a/cuda",
        "images/a/cuda/Dockerfile",
    )
    assert taken.ignore.excludes("secret")
    assert set(files_of(found)) == {"lib.sh"}
    assert "a/cuda" not in found.images
    assert derive(found, PLATFORM).nodes["b"].parent_names == ("a",)


def test_further_edits_are_of_the_dockerfile_that_is_taken() -> None:
    assert "ARG A=2" in image(STACK, VARIANT + ARG).dockerfile.text
    assert "ARG A=2" in image(STACK, ARG, VARIANT).dockerfile.text


def test_a_folder_may_be_one_of_the_tree_and_a_dockerfile_may_be_named() -> None:
    assert image(STACK, VARIANT.replace('"cuda"', '"a/cuda"')).path == "a/cuda/Dockerfile"
    assert image(STACK, VARIANT.replace('"cuda"', '"other/z.Dockerfile"')).path == "other/z.Dockerfile"


def test_references_to_the_folder_s_image_mean_the_image_that_took_it() -> None:
    files = {**STACK, "c/Dockerfile": "FROM lab/a:cuda\n"}
    found = applied(files, VARIANT, refs=("lab/{image}:{tag}",))
    assert derive(found, PLATFORM).nodes["c"].parent_names == ("a",)


def test_a_folder_that_is_not_there_is_drift_that_names_those_there_are() -> None:
    (found,) = refused(STACK, VARIANT.replace('"cuda"', '"rocm"'))
    assert found == (
        "overlays/o1.toml:1: variant rocm: expected at least once, found nowhere\n"
        "  hint: the folders there are: a/cuda"
    )
    assert "did you mean 'cuda'?" in refused(STACK, VARIANT.replace('"cuda"', '"cuda12"'))[0]


# [[package]] in requirement files

REQUIREMENTS: Files = {
    "a/Dockerfile": "FROM debian:12\nCOPY requirements.txt dev /r/\nRUN pip install -r /r/requirements.txt",
    "a/requirements.txt": "# n\r\nnumpy==1.26  # pin\r\n-r dev/more.txt\r\nTensorFlow>=2; python_version>'3'",
    "a/dev/more.txt": b"tensorflow[x]\n\xff\n",
    "a/unread.txt": "tensorflow\n",
}
PIP = '[[package]]\nmanager = "pip"\nfrom = "tensorflow"\nto = "tensorflow-gpu"\n'


def test_requirement_files_that_an_install_reads_are_edited_with_what_they_include() -> None:
    found = image(REQUIREMENTS, f"{PIP}expect = 2\n")
    assert found.dockerfile.text == REQUIREMENTS["a/Dockerfile"]
    before = str(REQUIREMENTS["a/requirements.txt"])
    assert {path: file.content for path, file in found.overlaid.items()} == {
        "requirements.txt": before.replace("TensorFlow", "tensorflow-gpu").encode(),
        "dev/more.txt": b"tensorflow-gpu[x]\n\xff\n",
    }


def test_an_edited_requirement_file_changes_the_key() -> None:
    before, after = (
        records(derive(tree, PLATFORM))["a"]
        for tree in (tree_of(dict(REQUIREMENTS)), applied(REQUIREMENTS, PIP))
    )
    assert before.key != after.key
    assert {state.path for state in before.files} == {state.path for state in after.files}


@pytest.mark.parametrize(
    ("run", "reached"),
    [
        ("COPY requirements.txt /r.txt\nRUN pip install -r /r.txt", False),
        (
            "RUN --mount=type=bind,source=requirements.txt,target=/r/requirements.txt \\\n"
            " pip install -r /r/requirements.txt",
            True,
        ),
        ("COPY . /src\nWORKDIR /src\nRUN pip install -r ./requirements.txt", True),
        ("RUN pip install -r requirements.txt", False),
        ("COPY requirements.txt /\nRUN conda install --file /requirements.txt", False),
    ],
)
def test_only_files_that_the_build_can_read_are_meant(run: str, reached: bool) -> None:
    files = {"a/Dockerfile": f"FROM debian:12\n{run}\n", "a/requirements.txt": "tensorflow\n"}
    found = image(files, f'{PIP}expect = "any"\n')
    assert bool(found.overlaid) is reached


def test_drift_shows_the_requirements_of_files_too() -> None:
    files = {**REQUIREMENTS, "a/requirements.txt": "tensorflow-cpu\n"}
    assert "tensorflow-cpu (pip) in requirements.txt:1 of a's context" in refused(files, PIP)[0]


def test_a_requirement_from_a_variable_leads_to_the_variant_folder() -> None:
    files = {
        "tensorflow-notebook/Dockerfile": 'FROM debian:12\nRUN pip install \\\n "tensorflow${TF_POSTFIX}"\n',
        "tensorflow-notebook/cuda/Dockerfile": "FROM debian:12\n",
    }
    assert refused(files, f'{PIP}image = "tensorflow-notebook"\n') == [
        "overlays/o1.toml:1: pip package tensorflow → tensorflow-gpu: expected at least once, found nowhere\n"
        '  hint: nearest: "tensorflow${TF_POSTFIX}" (pip) in images/tensorflow-notebook/Dockerfile:3 is '
        "built from a variable; use the variant folder 'tensorflow-notebook/cuda' or [[replace]]"
    ]


def test_a_package_is_swapped_in_one_stage_only() -> None:
    before = "FROM x AS b\nRUN pip install tensorflow\nFROM b\nRUN pip install tensorflow\n"
    assert text(before, f'{PIP}stage = "b"\n') == before.replace("tensorflow", "tensorflow-gpu", 1)


# conflicts and expectations


def test_two_overlays_that_edit_one_place_are_shown_both() -> None:
    first = '[[root]]\nfrom = "x"\nto = "y"\n'
    second = first.replace('"y"', '"z"')
    found = refused("FROM x\n", first, f"description = ''\n{second}")
    assert found == [
        "overlays/o2.toml:2: root x → z: edits images/a/Dockerfile:1, "
        "and so does root x → y at overlays/o1.toml:1\n"
        "  hint: leave one of them out, or make one edit of them"
    ]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (ARG, '[[replace]]\nfrom = "A=1"\nto = "A=3"\n'),
        (append("RUN c"), append("RUN d")),
        (added("rc"), added("rc", content="other\n")),
        (added("rc"), added("rc/d")),
        (ENV, ENV.replace('"A"', '"B"')),
    ],
    ids=["text", "additions", "files", "file and folder", "variables"],
)
def test_overlays_at_odds_are_refused_in_either_order(first: str, second: str) -> None:
    dockerfile = "FROM x\nARG A=1\nCOPY . /\n"
    there, back = refused(dockerfile, first, second), refused(dockerfile, second, first)
    assert len(there) == len(back) == 1
    assert "and so does" in there[0]
    assert "and so does" in back[0]


def test_one_overlay_that_adds_a_variable_twice_is_at_odds_with_itself() -> None:
    other = ENV.replace('"A"', '"B"')
    (found,) = refused("FROM x\n", ENV + other + ENV.replace('"2"', '"3"'))
    assert found.startswith("overlays/o1.toml:9: env A = 3: edits images/a/Dockerfile:1")
    assert "and so does env A = 2 at overlays/o1.toml:1" in found


def test_one_overlay_given_twice_is_an_error() -> None:
    same = read(ARG)
    with pytest.raises(InputError, match="the overlay 'o' is given twice"):
        overlay.apply([same, same], tree_of({"a/Dockerfile": "FROM x\nARG A=1\n"}))


def test_any_number_of_matches_may_be_expected() -> None:
    assert text("FROM x\n", f'{ARG}expect = "any"\n') == "FROM x\n"
    assert text("FROM x\nARG A=1\n", f'{ARG}expect = "any"\n') == "FROM x\nARG A=2\n"


def test_every_problem_of_every_kind_is_reported_at_once() -> None:
    assert misread(
        """[[arg]]
name = "1A"
value = "a\\nb"
[[env]]
nam = "A"
value = ""
[[append]]
instructions = "RUN a"
[[replace]]
from = "a"
to = "a"
[[file]]
image = "a"
path = "x"
[[variant]]
image = "a"
from = "../cuda"
expect = 1.5
[[replace]]
from = 7
"""
    ) == [
        "2: '1A' is no name of a variable\n  hint: use letters, digits and '_'",
        "3: 'value' holds a line break or a control character\n  hint: give it in one line",
        "4: 'name' is missing\n  hint: the variable: name = \"NB_UID\"",
        "4: 'image' is missing\n  hint: the images it is for, as globs: image = \"base-notebook\"",
        "5: unknown setting 'nam'\n  hint: did you mean 'name'?",
        "7: 'image' is missing\n  hint: the images it is for, as globs: image = \"base-notebook\"",
        "11: 'from' and 'to' are the same",
        "12: either 'content' or 'source' must say what is in it\n"
        '  hint: source = "pip.conf" is a file beside the overlay',
        "17: '../cuda' must stay inside the tree\n  hint: write it like from = \"cuda\"",
        "18: 'expect' must be a whole number or \"any\", not a number",
        "19: 'to' is missing\n  hint: the text to put in; to = \"\" takes it out",
        "20: 'from' must be a string, not a whole number",
    ]
