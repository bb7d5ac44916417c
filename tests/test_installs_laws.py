"""What holds for every text, judged by the shell and by BuildKit's own parser where there is one."""

import os
import re
import subprocess
import time

import dockerfile
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from pipeline.installs import (
    MANAGERS,
    Requirement,
    candidates,
    find_includes,
    find_installs,
    find_requirements,
    matching,
    swap,
    valid_name,
)
from pipeline.installs.instruction import read_run

THOROUGH = "STACKBUILD_THOROUGH" in os.environ


def examples(count: int) -> settings:
    return settings(max_examples=count * 20 if THOROUGH else max(5, count // 4), deadline=None)


PIECES = [
    *"\"'\\$`;&|()<>{}#[],=@:-+ \t\n\r\0",
    *["\\\n", "\\\r\n", "# c\n", "  # c \\\n", "$(", "${", "$((", "$'", "<<", "<<-", "<<<", "<(", "2>&1"],
    *[
        "EOF",
        "\nEOF\n",
        "RUN ",
        "ONBUILD ",
        "--mount=type=cache ",
        "bash -c ",
        "eval ",
        "sudo ",
        "env ",
        "A=b ",
    ],
    *["case x in a) ", " esac", "pip install ", "conda install ", "apt-get install ", "apt-get satisfy "],
    *["python -m ", "-r ", "--index-url ", "./k", "i-", "j+", "é", "\ud800"],
]
PACKAGES = [
    *[
        " a ",
        " b==1 ",
        " 'c[x]>2' ",
        ' "d${V}" ',
        " 'e @ https://h/e' ",
        " f::g=1 ",
        " h:amd64 ",
        " tensorflow ",
    ],
    *[
        " tensorflow[y]",
        " \\\ntensorflow>=2",
        " 'tensorflow;a'",
        ' "tensorflow==$V"',
        " tensorflow=='1'",
        "\\\n",
    ],
]
scraps = st.one_of(
    st.text(max_size=30), st.lists(st.sampled_from(PIECES + PACKAGES), max_size=25).map("".join)
)
packages = st.lists(st.sampled_from([*PACKAGES, *PACKAGES, *PIECES]), min_size=1, max_size=8).map("".join)
runs = st.builds(
    "{} {}{}".format,
    st.sampled_from(
        ["RUN pip install", "RUN <<EOF\nconda install", "RUN bash -c 'pip install", "RUN apt install"]
    ),
    packages,
    st.one_of(st.just("'"), st.builds("; python -m pip install {}\nEOF\n".format, packages)),
)
texts = st.one_of(scraps, st.builds("RUN {}".format, scraps), runs)


@examples(300)
@given(texts, st.sampled_from(["\\", "`"]))
def test_any_text_can_be_read_and_spans_lie_where_they_say(text: str, escape: str) -> None:
    installs = find_installs(text, escape=escape)
    for found in installs.requirements:
        check(text, found)
    for file in installs.files:
        assert 0 <= file.line <= text.count("\n")
    for manager in MANAGERS:
        candidates(text, manager, "tensorflow", escape=escape)


@examples(100)
@given(scraps, st.sampled_from(MANAGERS))
def test_any_text_can_be_read_as_a_requirements_file(text: str, manager: str) -> None:
    find_includes(text)
    for found in find_requirements(text, manager=manager):
        check(text, found)


def check(text: str, found: Requirement) -> None:
    assert 0 <= found.start < found.end <= len(text)
    assert found.dynamic or (found.name and text[found.start : found.end] == found.name)
    assert found.word in text
    assert found.line == text.count("\n", 0, found.start)


@examples(100)
@given(runs, st.data())
def test_a_swap_changes_the_names_it_is_given_and_nothing_else(text: str, data: st.DataObject) -> None:
    before = find_installs(text).requirements
    chosen = [found for found in before if not found.dynamic and data.draw(st.booleans())]
    to = "zz-new"
    after = swap(text, chosen, to)
    again = find_installs(after).requirements
    assert [found.name for found in again] == [to if found in chosen else found.name for found in before]
    # What follows a name may be a command that installs something itself.
    assert all(a.rest == b.rest or to in a.rest for a, b in zip(again, before, strict=True))
    edges = [0, *(edge for found in chosen for edge in (found.start, found.end)), len(text)]
    assert after.split(to) == [text[a:b] for a, b in zip(edges[::2], edges[1::2], strict=True)]


@examples(100)
@given(runs, st.sampled_from(["zz", "zz[x]", "zz[y,and-cuda]"]))
def test_extras_come_with_every_swap_and_the_second_swap_changes_nothing(text: str, to: str) -> None:
    before = find_installs(text).requirements
    chosen = [found for found in before if found.manager == "pip" and not found.dynamic]
    after = swap(text, chosen, to)
    again = find_installs(after).requirements
    assert [found.dynamic for found in again] == [found.dynamic for found in before]
    swapped = matching(again, "pip", "zz")
    assert len(swapped) == len(chosen)
    assert all(extra in found.rest for found in swapped for extra in re.findall(r"[\w-]+", to)[1:])
    assert swap(after, swapped, to) == after


@examples(100)
@given(runs, st.sampled_from(["tensorflow", "a", "b"]))
def test_a_swap_for_the_same_name_is_no_change_and_a_swap_back_undoes_it(text: str, name: str) -> None:
    found = matching(find_installs(text).requirements, "pip", name)
    assert swap(text, found, name) == text
    there = swap(text, found, "zz-new")
    assert matching(find_installs(there).requirements, "pip", name) == ()
    back = matching(find_installs(there).requirements, "pip", "zz-new")
    assert swap(there, back, name) == text


@examples(100)
@given(st.sampled_from(MANAGERS), st.from_regex(r"[a-z0-9_]?[aB.+-]+[a-z](\[[a-z,-]+\])?", fullmatch=True))
def test_a_valid_name_is_read_back_as_that_name(manager: str, name: str) -> None:
    command = {"apt": "apt-get"}.get(manager, manager)
    found = find_installs(f"RUN {command} install '{name}'").requirements
    if valid_name(manager, name):
        assert [(each.name, each.name + each.rest, each.dynamic) for each in found] == [
            (name.partition("[")[0], name, False)
        ]


# BuildKit joins the lines


LINES = [
    *["a ", "\\\n", "\\ \n", "\\\\\n", "# c\n", "  # c \\\n", "\\\r\n", "\n"],
    *[" ", "\t", "'", '"', "\\", "é", "-- ", " --x=y ", " --x='a b' ", ' --x="a\\" b" ', " --x='a"],
]
ARRAYS = ['[ "a", "b" ]', '["a\\u0062\\n\\"", \\\n"c"]', '["a" "b"]', "[a]", '["a",]', "[]"]


@examples(200)
@given(st.one_of(st.sampled_from(ARRAYS), st.lists(st.sampled_from(LINES), max_size=10).map("".join)))
def test_the_lines_of_a_run_are_joined_as_buildkit_joins_them(scrap: str) -> None:
    text = f"RUN {scrap}"
    try:
        parsed = dockerfile.parse_string(f"FROM x\n{text}")
    except (dockerfile.GoParseError, ValueError):
        return
    assume(len(parsed) == 2)
    run = parsed[1]
    read = read_run(text, "\\")
    if run.json:
        assert isinstance(read, tuple)
        assert tuple(word.text for word in read) == run.value
    else:
        assert read is not None
        assert not isinstance(read, tuple)
        assert read.text.strip() == "".join(run.value).strip()


# the shell says which words a command gets


def formatted(forms: list[str], *parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.builds(lambda form, *values: form.format(*values), st.sampled_from(forms), *parts)


NAMES = st.sampled_from(["p1", "p-2", "p_3", "tensorflow", "tensorflow", "tensorflow-hub"])
WORDS = formatted(
    [
        *["{}", "{}==1", "'{}>2'", '"{}<3"', "{}\\<4", "{}'>5'", '"{}==$V"', "{}==${{V:-'6 7'}}", "{}#8"],
        *["'{}[x]'", "{}$V", "\"{}; python_version>'3'\"", "{}==\\\n9", "\"{}==`echo '1'`\""],
    ],
    NAMES,
)
INSTALLS = formatted(
    [
        *["pip install {} {}", "A=b pip install -q {} --pre {}", "'pip' install {} >/dev/null {}"],
        *["p\\ip install -i no {} {}", "pip 2>&1 install {} -r no {}"],
    ],
    WORDS,
    WORDS,
)
OTHERS = st.sampled_from(
    [
        *[
            "echo pip install no",
            "echo 'pip install no'",
            "true # pip install no\n",
            "cat <<E\npip install no\nE\n",
        ],
        *[
            "X=$(echo a)",
            "echo $((1<<2))",
            "echo a#b \\# '#'",
            'Y="$(case a in a) echo b;; esac)"',
            "! false",
        ],
        *[
            "cat <<-'E' | cat\n\tpip install no'\n\tE\n",
            "echo \"a\\\"b\" 'c'\\''d'",
            "echo ${Q:-'}'} 2>/dev/null",
        ],
    ]
)
AROUND = [
    *[
        "if true; then {}fi",
        "if false; then :; else {}fi",
        "for i in 1; do {}done",
        "while :; do {}break; done",
    ],
    *["case a in (b) :;; a) {};; esac", "({})", "{{ {}}}", "echo $( {})", 'echo "a $( {}) b"', 'Z="$( {})"'],
    *["f() {{ {}}}; f", "true | {{ {}}}", 'W="$(case a in a) {};; esac)"'],
]


def ended(script: str) -> str:
    return script if script.endswith("\n") else f"{script}\n"


def larger(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    pairs = st.builds(
        lambda a, b, operator: a + b if a.endswith("\n") else a + operator + b,
        inner,
        inner,
        st.sampled_from([" && ", "; ", ";", "\n", " &&\n"]),
    )
    return st.one_of(pairs, formatted(AROUND, inner.map(ended)))


scripts = st.recursive(st.one_of(INSTALLS, INSTALLS, OTHERS), larger, max_leaves=6)
RECORD = """
pip() {{ shift; for word; do printf '%s\\036' "$word" >&9; done; }}
exec 9>&1 >/dev/null
V=7
{}
"""


def words_of_the_shell(script: str) -> list[str]:
    """The words that `pip` gets when sh runs the script."""
    ran = subprocess.run(["sh", "-c", RECORD.format(script)], capture_output=True, text=True, check=False)
    assert "yntax" not in ran.stderr, script
    return ran.stdout.split("\036")[:-1]


def name_of(word: str) -> str:
    found = re.match(r"[\w-]*", word)
    return found[0] if found else ""


@examples(60)
@given(scripts)
def test_the_packages_are_those_that_the_shell_gives_to_pip(script: str) -> None:
    found = find_installs(f"RUN <<TOP\n{script}\nTOP\n").requirements
    # The variable's value, 7, is the last letter of a name that ends in it.
    got = [name_of(word.removesuffix("7")) for word in words_of_the_shell(script)]
    options = {"no", "-q", "-i", "-r", "--pre", "install"}
    assert {name_of(each.name or each.rest) for each in found} == {*got} - options


@examples(60)
@given(scripts, st.sampled_from(["swapped", "swapped[extra]"]))
def test_after_a_swap_the_shell_gives_pip_the_same_words_with_the_other_name(script: str, to: str) -> None:
    text = f"RUN <<TOP\n{script}\nTOP\n"
    chosen = matching(find_installs(text).requirements, "pip", "tensorflow")
    after = swap(text, chosen, to).removeprefix("RUN <<TOP\n").removesuffix("\nTOP\n")

    def renamed(word: str) -> str:
        rest = re.fullmatch(r"tensorflow(?![\w#-])(.*)", word, re.DOTALL)
        if rest is None:
            return word
        return "swapped[extra,x]" if (to, rest[1]) == ("swapped[extra]", "[x]") else to + rest[1]

    assert words_of_the_shell(after) == [renamed(word) for word in words_of_the_shell(script)]


# time


NASTY = ["$(", "((", "$((a)b)", "a ", "<<a\n", "pip install a $("]
NASTIER = [
    *[
        "`",
        "${",
        "'",
        '"',
        "\\\n",
        "# c\n",
        "a;",
        "<<a;",
        "bash <<A\n",
        "`#\n",
        "sudo ",
        "A=b ",
        "eval ",
        "x=(",
    ],
    *["case a in b) ", "python -m ", '"a",', "  ", "\r", "bash -c '", 'echo "$(', "a ; b[", "<(", "f() { "],
]


@pytest.mark.parametrize("piece", NASTY + NASTIER * THOROUGH)
def test_reading_takes_linear_time(piece: str) -> None:
    """Eight times the text may take 30 times as long, on a busy machine; quadratic would be 64."""

    def seconds(size: int) -> float:
        text = "RUN pip install " + piece * (size // len(piece))
        start = time.process_time()
        find_installs(text)
        find_requirements(text)
        return time.process_time() - start

    small = min(seconds(500) for _ in range(3))
    assert min(seconds(4_000) for _ in range(3)) < 30 * small + 0.01
