"""Which words of a RUN instruction are packages to install, and where their names stand."""

import pytest

from pipeline.installs import find_installs


def names(text: str) -> list[str]:
    """`manager:name` of each requirement that can be replaced, `manager?word` of each that cannot."""
    found = find_installs(text).requirements
    return [f"{each.manager}{'?' + each.word if each.dynamic else ':' + each.name}" for each in found]


@pytest.mark.parametrize(
    "command",
    [
        "pip install x",
        "pip3 install x",
        "pip3.11 install x",
        "pip-3.9 install x",
        "pip${V} install x",
        "pip.exe install x",
        "/opt/conda/bin/pip install x",
        "${CONDA_DIR}/bin/pip install x",
        '"${CONDA_DIR}/bin/pip" install x',
        "p'i'p install x",
        "python -m pip install x",
        "python3.11 -Im pip install x",
        "python3 -W ignore -mpip install x",
        "$PYTHON -m pip install x",
        "uv pip install --system x",
        "python -m uv pip install x",
        "pip -q --proxy=p install x",
        "pip --cache-dir d install x",
    ],
)
def test_every_way_to_call_pip_counts(command: str) -> None:
    assert names(f"RUN {command}") == ["pip:x"]


@pytest.mark.parametrize(
    ("command", "found"),
    [
        ("conda install -y x", "conda:x"),
        ("mamba install x", "conda:x"),
        ("micromamba install x", "conda:x"),
        ("conda create -n env x", "conda:x"),
        ("mamba env create --name env x", "conda:x"),
        ("conda update x", "conda:x"),
        ("/opt/conda/bin/mamba install x", "conda:x"),
        ("apt-get install x", "apt:x"),
        ("apt install x", "apt:x"),
        ("aptitude install x", "apt:x"),
        ("apt-get -y -o Acquire::Retries=3 install x", "apt:x"),
        ("apt-get satisfy 'x (>= 1.0)'", "apt:x"),
    ],
)
def test_conda_and_apt_have_their_own_commands(command: str, found: str) -> None:
    assert names(f"RUN {command}") == [found]


@pytest.mark.parametrize(
    "command",
    [
        "sudo pip install x",
        "sudo -EH -u user pip install x",
        "sudo -- pip install x",
        "env A=b C=d pip install x",
        "env -u A pip install x",
        "A=b C='d e' pip install x",
        "sudo env A=b nice -n 10 timeout -k 5 60 pip install x",
        "exec pip install x",
        "time pip install x",
        "nohup pip install x",
        "command pip install x",
        "gosu user pip install x",
        "conda run -n env --no-capture-output pip install x",
        "conda run pip install x",
        "micromamba run -n base python -m pip install x",
        "echo y | xargs -n 1 pip install x",
        "eval pip install x",
        "runuser -u user -- pip install x",
    ],
)
def test_a_command_in_front_of_the_command_is_looked_through(command: str) -> None:
    assert names(f"RUN {command}") == ["pip:x"]


@pytest.mark.parametrize(
    "script",
    [
        "true && pip install x",
        "false || pip install x",
        "cd /tmp; pip install x",
        "sleep 1 & pip install x",
        "yes | pip install x |& tee log",
        "! pip install x",
        "set -eux; if true; then pip install x; fi",
        "if pip install x; then :; else :; fi",
        "if false; then :; elif true; then :; else pip install x; fi",
        "[[ $(uname -m) == x86_64 ]] && pip install x",
        "for i in 1 2 3; do pip install x && break; done",
        "for ((i = 1 << 2; i < 9; i++)); do pip install x; done",
        "while ! pip install x; do sleep 1; done",
        "until pip install x; do sleep 1; done",
        'case "$A" in a|b) pip install x;; *) ;; esac',
        "case $A in (a) pip install x ;; esac",
        "(pip install x)",
        "((pip install x); true)",
        "{ pip install x; }",
        "f() { pip install x; }; f",
        "function f { pip install x; }; f",
        "echo $(pip install x)",
        'echo "a $(pip install x) b"',
        "echo `pip install x`",
        'A="`pip install x`"',
        "A=$((pip install x) | tail -1)",
        "diff <(pip install x) <(true)",
        'A="$(case $B in b) pip install x ;; esac)"',
        'A="$(case $(uname -m) in x86_64) echo amd64 ;; esac)" && pip install x',
        'A=${B:-"}"} && pip install x',
        "A=${B:-'}'} && pip install x",
        "echo `(true` && pip install x",
        "A=(a b c) && pip install x",
        "echo $((1 << 2)) && pip install x",
        "((1 << 2)) && pip install x",
        "echo 'it''s' \"\\\"\" \\' && pip install x",
        "echo $'it\\'s' && pip install x",
        'echo "$\'" && pip install x',
        'pip install $"x"',
        "echo a#b && pip install x",
        "echo <<<word && pip install x",
        "pip install x >/dev/null 2>&1",
        "pip >log install 2>&1 x",
        "pip install &>log x",
        "pip install x>=2",
        "pip install x # and not y",
    ],
)
def test_an_install_command_counts_wherever_it_stands_in_the_script(script: str) -> None:
    assert names(f"RUN {script}") == ["pip:x"]


@pytest.mark.parametrize(
    "script",
    [
        'bash -c "pip install x"',
        "bash -c 'pip install x'",
        "bash -euxo pipefail -c 'pip install x'",
        "/bin/sh -lc 'pip install x' name",
        "sudo -u user bash -c 'pip install x'",
        "su -c 'pip install x' user",
        "su - user -c 'pip install x'",
        "eval 'pip install x'",
        'bash -c "pip install \\"x\\""',
    ],
)
def test_a_quoted_script_that_a_shell_is_called_with_counts(script: str) -> None:
    assert names(f"RUN {script}") == ["pip:x"]


@pytest.mark.parametrize(
    "script",
    [
        "echo pip install x",
        'echo "pip install x"',
        "echo 'a\npip install x'",
        "true # pip install x",
        "# pip install x",
        "pip download x",
        "pip uninstall -y x",
        "pip wheel x",
        "pip --version",
        "pip",
        "npm install x",
        "jupyter labextension install x",
        "conda remove x",
        "conda config --add channels x",
        "conda env create user/x",
        "apt-get remove x",
        "apt-get update",
        "apt-cache search x",
        "pipx install x",
        "xpip install x",
        "python pip install x",
        "python -c 'pip' install x",
        "A=(pip install x)",
        "case x in pip) ;; esac",
        "bash script.sh pip install x",
        "cat <<< 'pip install x'",
        '"if" pip install x',
    ],
)
def test_what_only_looks_like_an_install_command_does_not_count(script: str) -> None:
    assert names(f"RUN {script}") == []


def test_no_other_instruction_installs() -> None:
    assert names("CMD pip install x") == []
    assert names("RUNS pip install x") == []
    assert names("# RUN pip install x") == []


def test_the_keyword_may_have_any_case_flags_and_an_onbuild() -> None:
    assert names("onbuild run --mount=type=cache,target=/c --network=host pip install x") == ["pip:x"]


@pytest.mark.parametrize(
    "words",
    [
        "--index-url no x",
        "-i no --extra-index-url no x",
        "-ino -c no x --target no",
        "-qUt no x",
        "--no-binary no --prefix=no x --upgrade",
        "-e no x",
        "x -r no",
        "-- x",
    ],
)
def test_the_value_of_a_pip_option_is_no_package(words: str) -> None:
    assert names(f"RUN pip install {words}") == ["pip:x"]


def test_the_value_of_a_conda_or_apt_option_is_no_package() -> None:
    assert names("RUN conda install -yc no -n no -p no --channel=no --channel no x") == ["conda:x"]
    assert names("RUN apt-get install -t no -o No::No=1 --no-install-recommends x -y") == ["apt:x"]


@pytest.mark.parametrize(
    "word",
    [
        ".",
        "./x",
        "./$X",
        "../x",
        "/tmp/x.whl",
        "x/y",
        "'.[all]'",
        "x-1.0-py3-none-any.whl",
        "x.tar.gz",
        "https://host/x.tar.gz",
        "git+https://host/x#egg=x",
        "file:///x",
        "''",
    ],
)
def test_a_path_or_url_is_no_pip_package(word: str) -> None:
    assert names(f"RUN pip install {word} y") == ["pip:y"]


@pytest.mark.parametrize("word", ["/tmp/x.conda", "/tmp/$X", "./x.tar.bz2", "https://host/x.conda"])
def test_a_path_or_url_is_no_conda_package(word: str) -> None:
    assert names(f"RUN conda install {word} y") == ["conda:y"]


def test_a_path_or_a_removal_is_no_apt_package() -> None:
    assert names("RUN apt-get install ./x.deb /tmp/x.deb x- x:amd64- y") == ["apt:y"]


@pytest.mark.parametrize(
    ("word", "name", "rest"),
    [
        ("tensorflow", "tensorflow", ""),
        ("tensorflow==2.1.0", "tensorflow", "==2.1.0"),
        ("'tensorflow==2.1.0'", "tensorflow", "==2.1.0"),
        ('"tensorflow>=2.1,<3"', "tensorflow", ">=2.1,<3"),
        ("tensorflow\\<3", "tensorflow", "<3"),
        ('tensorflow"<3"', "tensorflow", "<3"),
        ("'tensorflow[and-cuda]~=2.14'", "tensorflow", "[and-cuda]~=2.14"),
        ("\"tensorflow ; python_version > '3'\"", "tensorflow", " ; python_version > '3'"),
        ("'tensorflow (>=2)'", "tensorflow", " (>=2)"),
        ("tensorflow==${V}", "tensorflow", "==${V}"),
        ('"tensorflow==$(cat v)"', "tensorflow", "==$(cat v)"),
        ("tensorflow-hub", "tensorflow-hub", ""),
        ("tensorflow_gpu!=2", "tensorflow_gpu", "!=2"),
        ("zope.interface", "zope.interface", ""),
    ],
)
def test_a_pip_word_is_a_name_and_the_rest(word: str, name: str, rest: str) -> None:
    text = f"RUN pip install {word}"
    (found,) = find_installs(text).requirements
    assert (found.name, found.rest, found.word, found.dynamic) == (name, rest, word, False)
    assert text[found.start : found.end] == name


@pytest.mark.parametrize(
    ("manager", "word", "name", "rest"),
    [
        ("conda", "tensorflow=2.1.0=py37_0", "tensorflow", "=2.1.0=py37_0"),
        ("conda", "conda-forge::tensorflow=2.4", "tensorflow", "=2.4"),
        ("conda", "'conda-forge/linux-64::tensorflow[version=2.4]'", "tensorflow", "[version=2.4]"),
        ("conda", "'tensorflow >=2'", "tensorflow", " >=2"),
        ("conda", "_libgcc_mutex", "_libgcc_mutex", ""),
        ("apt", "libcudnn8=8.1.0-1+cuda11.2", "libcudnn8", "=8.1.0-1+cuda11.2"),
        ("apt", "libc6:amd64", "libc6", ":amd64"),
        ("apt", "git/bookworm", "git", "/bookworm"),
        ("apt", "git+", "git", "+"),
        ("apt", "g++", "g++", ""),
        ("apt", "g++-12", "g++-12", ""),
    ],
)
def test_a_conda_or_apt_word_is_a_name_and_the_rest(manager: str, word: str, name: str, rest: str) -> None:
    text = f"RUN {'apt-get' if manager == 'apt' else manager} install {word}"
    (found,) = find_installs(text).requirements
    assert (found.manager, found.name, found.rest, found.word) == (manager, name, rest, word)
    assert text[found.start : found.end] == name


def test_an_apt_dependency_string_holds_several_packages() -> None:
    assert names("RUN apt-get satisfy 'a (>= 1), b | c' d") == ["apt:a", "apt:b", "apt:c", "apt:d"]


@pytest.mark.parametrize(
    "word",
    [
        "tensorflow${POSTFIX}",
        '"tensorflow$POSTFIX==2"',
        "tensorflow-$(uname -m)",
        "tensorflow`suffix`",
        "tensorflow$((1 + 1))",
        "$PACKAGES",
        '"${PACKAGES[@]}"',
        "tensorflow{,-hub}",
        "'tensor'flow",
        "tensor\\\nflow",
        "'tensorflow @ https://host/x.whl'",
        "tensorflow@https://host/x.whl",
    ],
)
def test_a_name_that_cannot_be_replaced_is_listed_as_dynamic(word: str) -> None:
    assert names(f"RUN pip install {word}") == [f"pip?{word}"]


def test_a_dynamic_requirement_says_what_is_known_of_it() -> None:
    text = 'RUN pip install "tensorflow${POSTFIX}==2" "keras @ https://host/k.whl"'
    variable, url = find_installs(text).requirements
    assert (variable.name, variable.rest) == ("", "tensorflow${POSTFIX}==2")
    assert text[variable.start : variable.end] == "tensorflow${POSTFIX}==2"
    assert (url.name, url.rest) == ("keras", " @ https://host/k.whl")


def test_scripts_quoted_inside_quoted_scripts_are_dynamic() -> None:
    assert names("RUN su -c \"bash -c 'pip install x'\"") == ["pip?x"]
    assert names("RUN bash -c pip\\ install\\ x") == ["pip?x"]
