"""Putting another name in the place of a package's, and what is said when there is none."""

import pytest

from pipeline.installs import (
    RequirementFile,
    candidates,
    find_includes,
    find_installs,
    find_requirements,
    matching,
    same_name,
    swap,
    valid_name,
)


def edited(text: str, name: str, to: str, manager: str = "pip") -> str:
    return swap(text, matching(find_installs(text).requirements, manager, name), to)


def test_only_the_name_is_replaced() -> None:
    text = "RUN pip install --quiet \\\r\n    'tensorflow==2.1.0' && \\\r\n    echo tensorflow"
    assert edited(text, "tensorflow", "tensorflow-gpu") == text.replace("'tensorflow=", "'tensorflow-gpu=")


def test_names_that_only_begin_alike_stay() -> None:
    text = "RUN pip install tensorflow-hub tensorflow_gpu tensorflow-gpu tensorflow.x"
    assert edited(text, "tensorflow", "zzz") == text


def test_other_managers_stay() -> None:
    text = "RUN mamba install tensorflow && apt-get install tensorflow && pip install tensorflow"
    assert edited(text, "tensorflow", "zzz") == text[: -len("tensorflow")] + "zzz"


def test_every_place_is_replaced() -> None:
    text = "RUN pip install a b a && bash -c \"pip install 'a>1'\" && conda install a"
    assert edited(text, "A", "longer") == (
        "RUN pip install longer b longer && bash -c \"pip install 'longer>1'\" && conda install a"
    )


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("RUN pip install tensorflow", "RUN pip install 'tensorflow[and-cuda]'"),
        ("RUN pip install tensorflow==2.16 b", "RUN pip install 'tensorflow[and-cuda]==2.16' b"),
        ("RUN pip install 'tensorflow==2.16'", "RUN pip install 'tensorflow[and-cuda]==2.16'"),
        ('RUN pip install "tensorflow==$V"', 'RUN pip install "tensorflow[and-cuda]==$V"'),
        ("RUN pip install tensorflow==$V", "RUN pip install 'tensorflow[and-cuda]'==$V"),
        ("RUN pip install tensorflow\\<3", "RUN pip install 'tensorflow[and-cuda]'\\<3"),
        ("RUN pip install tensorflow'<3'", "RUN pip install 'tensorflow[and-cuda]''<3'"),
        ('RUN ["pip", "install", "tensorflow"]', 'RUN ["pip", "install", "tensorflow[and-cuda]"]'),
        ('RUN bash -c "pip install tensorflow"', "RUN bash -c \"pip install 'tensorflow[and-cuda]'\""),
        ("RUN bash -c 'pip install tensorflow'", "RUN bash -c 'pip install \"tensorflow[and-cuda]\"'"),
        (
            'RUN ["sh", "-c", "pip install tensorflow"]',
            'RUN ["sh", "-c", "pip install \'tensorflow[and-cuda]\'"]',
        ),
        ("RUN <<E\npip install tensorflow\nE", "RUN <<E\npip install 'tensorflow[and-cuda]'\nE"),
    ],
)
def test_new_brackets_are_quoted_where_a_shell_would_read_them_as_a_pattern(before: str, after: str) -> None:
    assert edited(before, "tensorflow", "tensorflow[and-cuda]") == after
    assert edited(after, "tensorflow", "tensorflow[and-cuda]") == after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("'tensorflow[a]==2'", "'tensorflow[and-cuda,a]==2'"),
        ("tensorflow[a,b]", "tensorflow[and-cuda,a,b]"),
        ("'tensorflow[And_Cuda]'", "'tensorflow[And_Cuda]'"),
        ("'tensorflow []'", "'tensorflow [and-cuda]'"),
        ("tensorflow\\[a\\]", "tensorflow\\[and-cuda,a\\]"),
        ('tensorflow"[a]"', 'tensorflow"[and-cuda,a]"'),
    ],
)
def test_extras_join_those_that_are_there(before: str, after: str) -> None:
    assert (
        edited(f"RUN pip install {before}", "tensorflow", "tensorflow[and-cuda]")
        == f"RUN pip install {after}"
    )


def test_extras_that_are_there_stay_with_a_plain_name() -> None:
    assert edited("RUN pip install 'a[x]>1'", "a", "b") == "RUN pip install 'b[x]>1'"


def test_what_cannot_be_replaced_is_refused() -> None:
    text = "RUN pip install a @b"
    (url,) = find_installs('RUN pip install "a @ https://host/a.whl"').requirements
    with pytest.raises(ValueError, match="cannot be replaced"):
        swap(text, [url], "b")
    (moved,) = find_installs("RUN pip  install a").requirements
    with pytest.raises(ValueError, match="cannot be replaced"):
        swap(text, [moved], "b")
    (plain, *_) = find_installs(text).requirements
    with pytest.raises(ValueError, match='"b; rm" is not a valid pip name'):
        swap(text, [plain], "b; rm")


# names


def test_pip_names_are_compared_as_pep_503_says() -> None:
    assert same_name("pip", "Zope.Interface", "zope-_interface")
    assert not same_name("pip", "tensorflow", "tensorflow-gpu")


def test_conda_names_differ_by_dashes_but_not_by_case() -> None:
    assert same_name("conda", "TensorFlow", "tensorflow")
    assert not same_name("conda", "a-b", "a_b")


def test_apt_names_are_compared_letter_by_letter() -> None:
    assert same_name("apt", "g++", "g++")
    assert not same_name("apt", "Git", "git")


@pytest.mark.parametrize(
    ("manager", "name"),
    [
        ("pip", "tensorflow-gpu"),
        ("pip", "tensorflow[and-cuda]"),
        ("pip", "a[b,c.d]"),
        ("conda", "_libgcc_mutex"),
        ("apt", "g++"),
        ("apt", "libstdc++6"),
    ],
)
def test_a_name_is_valid(manager: str, name: str) -> None:
    assert valid_name(manager, name)


@pytest.mark.parametrize(
    ("manager", "name"),
    [
        ("pip", ""),
        ("pip", "a b"),
        ("pip", "a;b"),
        ("pip", "$(a)"),
        ("pip", "a'"),
        ("pip", "-a"),
        ("pip", "a-"),
        ("pip", "a==1"),
        ("pip", "a[b c]"),
        ("pip", "a[]"),
        ("pip", "a[b"),
        ("pip", "a\n"),
        ("pip", "ä"),
        ("pip", "a.whl"),
        ("conda", "a[b]"),
        ("conda", "a::b"),
        ("conda", "-a"),
        ("apt", "A"),
        ("apt", "a_b"),
        ("apt", "git-"),
        ("apt", "git+"),
        ("gem", "a"),
    ],
)
def test_a_name_that_could_mean_anything_else_is_not_valid(manager: str, name: str) -> None:
    assert not valid_name(manager, name)


def test_extras_are_no_part_of_a_name_that_is_looked_for() -> None:
    assert not valid_name("pip", "tensorflow[and-cuda]", extras=False)


# what a missed edit may have meant


def suggested(text: str, manager: str = "pip", name: str = "tensorflow") -> list[str]:
    return [f"{each.manager} {each.word}" for each in candidates(text, manager, name)]


def test_a_name_that_a_variable_ends_is_a_candidate() -> None:
    text = 'RUN P= && [[ $(uname -m) = x86_64 ]] && P="-cpu"; pip install "tensorflow${P}" jupyter'
    assert suggested(text) == ['pip "tensorflow${P}"']
    assert suggested("RUN pip install TensorFlow$P", name="tensorFlow") == ["pip TensorFlow$P"]


def test_a_name_that_a_variable_may_make_up_is_a_candidate() -> None:
    text = 'RUN pip install "tensorflow${P}" $X jupyter$X'
    assert suggested(text, name="tensorflow-cpu") == ['pip "tensorflow${P}"']
    assert suggested("RUN apt-get install libnvinfer*", "apt", "libnvinfer8") == ["apt libnvinfer*"]


def test_the_package_from_another_manager_is_a_candidate() -> None:
    assert suggested("RUN mamba install 'tensorflow=2.4' h5py") == ["conda 'tensorflow=2.4'"]
    assert suggested("RUN mamba install zope_interface", name="zope.interface") == ["conda zope_interface"]


def test_names_that_begin_or_are_spelt_alike_are_candidates() -> None:
    text = "RUN pip install TensorFlow-io-gcs-filesystem TENSORFOW keras"
    assert suggested(text) == ["pip TENSORFOW", "pip TensorFlow-io-gcs-filesystem"]
    assert suggested("RUN pip install tensorfow", name="TensorFlow") == ["pip tensorfow"]


def test_candidates_come_most_likely_first() -> None:
    text = (
        "RUN pip install tensorflow-hub $X tensorflow$X 'tensorflow@https://h/t' ; conda install tensorflow"
    )
    assert suggested(text) == [
        "pip 'tensorflow@https://h/t'",
        "pip tensorflow$X",
        "conda tensorflow",
        "pip tensorflow-hub",
    ]


def test_a_match_is_no_candidate() -> None:
    assert suggested("RUN pip install TensorFlow") == []


# files of requirements


def test_a_requirements_file_has_requirements_and_much_else() -> None:
    text = (
        "\ufefffirst\r\n"
        "--index-url https://host/tensorflow\r\n"
        "-e git+https://host/a#egg=tensorflow\r\n"
        "-c tensorflow.txt\r\n"
        "./tensorflow\r\n"
        "https://host/tensorflow.whl\r\n"
        "  tensorflow[a] == 2.1 ; python_version > '3' # tensorflow\r\n"
        "keras==2.3 \\\r\n    --hash=sha256:0123 \\\r\n    --hash=sha256:4567\r\n"
        "numpy@https://host/numpy.whl\r\n"
        "x-${Y}\r\n"
        "last"
    )
    found = find_requirements(text)
    assert [(each.name, each.rest, each.line, each.dynamic) for each in found] == [
        ("first", "", 0, False),
        ("tensorflow", "[a] == 2.1 ; python_version > '3'", 6, False),
        ("keras", "==2.3", 7, False),
        ("numpy", "@https://host/numpy.whl", 10, True),
        ("", "x-${Y}", 11, True),
        ("last", "", 12, False),
    ]
    assert all(text[each.start : each.end] == each.name for each in found if each.name)


def test_a_swap_in_a_requirements_file_touches_the_name_alone() -> None:
    text = "tensorflow-hub\r\nTensorFlow==2.1  # tensorflow"
    found = matching(find_requirements(text), "pip", "tensorflow")
    assert swap(text, found, "tensorflow-gpu") == "tensorflow-hub\r\ntensorflow-gpu==2.1  # tensorflow"
    assert swap(text, found, "tensorflow[x]") == "tensorflow-hub\r\ntensorflow[x]==2.1  # tensorflow"


def test_a_comment_ends_a_continued_requirement() -> None:
    assert [each.name for each in find_requirements("a==1 \\\n# b \\\nc")] == ["a", "c"]


def test_a_list_of_conda_packages_is_read_as_conda_reads_it() -> None:
    text = "# platform: linux-64\nconda-forge::tensorflow=2.4\nnumpy >=1.2\n@EXPLICIT\nhttps://host/x.conda\n"
    found = find_requirements(text, manager="conda")
    assert [(each.manager, each.name, each.rest) for each in found] == [
        ("conda", "tensorflow", "=2.4"),
        ("conda", "numpy", " >=1.2"),
    ]


def test_a_requirements_file_may_include_others() -> None:
    text = "a\n-r base.txt\n--requirement=more.txt # c\n-c no.txt\n-rlast.txt"
    assert find_includes(text) == (
        RequirementFile("pip", "base.txt", 1),
        RequirementFile("pip", "more.txt", 2),
        RequirementFile("pip", "last.txt", 4),
    )
