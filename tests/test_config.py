"""stacks.toml: its text in, a checked configuration out."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pipeline import config
from pipeline.config import ImageSettings, Resources, Retention, Smoke, TreeConfig, Variant
from pipeline.errors import InputError
from pipeline.patience import Patience

TREE = '[tree.notebooks]\npath = "images"\n'
IMAGE = f"{TREE}[tree.notebooks.images.a]\n"
TAGS = f"{TREE}[names]\ntags = "


def problems(text: str) -> list[str]:
    """Each problem of a stacks.toml as `line: message`."""
    with pytest.raises(InputError) as caught:
        config.parse(text, "stacks.toml")
    return [f"{p.where.removeprefix('stacks.toml:')}: {p.message}" for p in caught.value.problems]


def test_one_tree_is_all_that_must_be_said() -> None:
    found = config.parse(TREE, "stacks.toml")
    assert found.trees == (TreeConfig("notebooks", "stacks.toml:1", "images"),)
    assert (found.project, found.registry, found.platform) == ("stack", "", "linux/amd64")
    assert (found.variants, found.smokes, found.tags) == ((Variant("default"),), (), ("latest",))


def test_limits_and_patience_are_read_and_have_sensible_defaults() -> None:
    plain = config.parse(TREE, "stacks.toml")
    assert plain.limits == Resources(jobs=0, gpu=1, transfers=4, free_disk=10**9)
    assert plain.patience == Patience()
    found = config.parse(
        f"""{IMAGE}
        weight = 2
        [limits]
        jobs = 3
        gpu = 2
        transfers = 1
        free_disk = "2.5 GB"
        [retry]
        tries = 1
        retries = 0
        first_wait = "500ms"
        longest_wait = "5m"
        engine = "2m"
        answer = "20s"
        silence = "10m"
        """,
        "stacks.toml",
    )
    assert found.limits == Resources(3, 2, 1, 2_500_000_000)
    assert found.patience == Patience(1, 0, 0.5, 300.0, 120.0, 20.0, 600.0)
    assert dict(found.trees[0].images)["a"].weight == 2


def test_limits_that_are_none_are_told_together() -> None:
    limits = '[limits]\njobs = 0\ngpu = -1\nfree_disk = "lots"\n'
    assert problems(f"{IMAGE}weight = 0\n{limits}[retry]\ntries = 0\nretry = 1\n") == [
        "4: 'weight' must be at least 1",
        "6: 'jobs' must be at least 1",
        "7: 'gpu' must be at least 1",
        "8: 'lots' is no size",
        "10: 'tries' must be at least 1",
        "11: unknown setting 'retry'",
    ]


def test_everything_that_is_said_is_kept() -> None:
    found = config.parse(
        """
        [project]
        name = "research"
        registry = "registry.lab.example:5000/research/"
        platform = "linux/arm64"
        [tree.a]
        path = "images"
        include = ["examples"]
        exclude = ["legacy"]
        refs = ["jupyter/{image}", "quay.io/jupyter/{image}"]
        case = "lower"
        args = { Z = "1.10", A = "x" }
        [tree.a.images.base]
        path = "base"
        dockerfile = "Containerfile"
        context = "."
        name = "base-notebook"
        target = "final"
        refs = ["old/base"]
        args = { NB_UID = "1000" }
        [tree.b]
        path = "b"
        [variant.cpu]
        [variant.gpu]
        overlays = ["cuda-12", "extra"]
        [[smoke]]
        name = "it runs"
        run = ["true"]
        images = ["base*"]
        variants = ["gpu"]
        gpu = true
        timeout = "2m"
        [names]
        tags = ["{variant}-{date}", "{commit}"]
        """,
        "stacks.toml",
    )
    base = ImageSettings(
        "stacks.toml:13",
        path="base",
        dockerfile="Containerfile",
        context=".",
        name="base-notebook",
        target="final",
        refs=("old/base",),
        args=(("NB_UID", "1000"),),
    )
    a = TreeConfig(
        "a",
        "stacks.toml:6",
        "images",
        include=("examples",),
        exclude=("legacy",),
        refs=("jupyter/{image}", "quay.io/jupyter/{image}"),
        case="lower",
        args=(("A", "x"), ("Z", "1.10")),
        images=(("base", base),),
    )
    assert found == config.Config(
        path="stacks.toml",
        project="research",
        trees=(a, TreeConfig("b", "stacks.toml:21", "b")),
        registry="registry.lab.example:5000/research",
        platform="linux/arm64",
        variants=(
            Variant("cpu", (), "stacks.toml:23"),
            Variant("gpu", ("cuda-12", "extra"), "stacks.toml:24"),
        ),
        smokes=(
            Smoke(("true",), "stacks.toml:26", "it runs", ("base*",), ("gpu",), gpu=True, timeout=120.0),
        ),
        tags=("{variant}-{date}", "{commit}"),
    )
    assert found.variant_names == ("cpu", "gpu")


def test_all_problems_of_a_file_are_reported_at_once_each_at_its_line() -> None:
    assert problems(
        """[project]
name = "Research Lab"
registry = "https://registry.example"
platform = "amd64"
colour = "red"
[tree.notebooks]
pth = "images"
refs = ["jupyter/base"]
args = { V = 1.10 }
[tree.notebooks.images.base]
context = "../x"
[variant.gpu]
overlays = ["cuda", "cuda", "a/b"]
[[smoke]]
images = "base"
variants = ["gpv"]
timeout = "soon"
[names]
tags = ["{data}", "a b"]
[projekt]
"""
    ) == [
        "2: 'Research Lab' is no project name",
        "3: registry 'https://registry.example' has no valid registry in 'https:'",
        "4: 'amd64' is no platform",
        "5: unknown setting 'colour'",
        "6: 'path' is missing",
        "7: unknown setting 'pth'",
        "8: 'jupyter/base' does not say where the image's name goes",
        "9: 'args.V' must be a string, not a decimal number",
        "11: 'context' must stay inside the tree",
        "13: overlay 'cuda' is listed twice",
        "13: 'a/b' is no overlay name",
        "14: a probe needs 'run'",
        "15: 'images' must be a list, not a string",
        "16: no variant 'gpv'",
        "17: 'soon' is no duration",
        "19: '{data}' in tag '{data}' is not known",
        "19: 'a b' is no image tag",
        "20: unknown section 'projekt'",
    ]


def test_the_error_block_reads_well(golden: Callable[[str, str], None]) -> None:
    with pytest.raises(InputError) as caught:
        config.parse(
            '[tree.a]\npth = "x"\nargs = { V = 1.10 }\n[[smoke]]\nvariants = ["gpv"]\n', "stacks.toml"
        )
    golden("error_block.txt", str(caught.value))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ["1: no tree is declared"]),
        ("[tree]", ["1: no tree is declared"]),
        ('[project]\nnmae = "x"', ["1: no tree is declared", "2: unknown setting 'nmae'"]),
        ('[tree.a]\npath = ""', ["2: 'path' is empty"]),
        ('[tree.a]\npath = "x"\nrefs = ["a//{image}"]', ["3: 'a//{image}' is not a valid image name"]),
        (
            '[tree.a]\npath = "x"\nrefs = ["a/{image}{tag}"]',
            ["3: 'a/{image}{tag}' has its {tag} where no tag is"],
        ),
        ('[tree.a]\npath = "x"\nrefs = ["A/{image}"]', []),
        ('[tree.a]\npath = "x"\ncase = "camel"', ["3: no case rule 'camel'"]),
        (f'{IMAGE}name = "Base"', ["4: 'Base' must be lower case"]),
        (f'{IMAGE}dockerfile = "/etc/x"', ["4: 'dockerfile' must stay inside the tree"]),
        (f'{IMAGE}path = "a/../../x"', ["4: 'path' must stay inside the tree"]),
        (f'{IMAGE}path = "..a"', []),
        (f"{TREE}[variant.GPU]", ["3: 'GPU' is no variant name"]),
        (f'{TREE}[[smoke]]\nrun = ["a"]\ntimeout = "0s"', ["5: '0s' is no duration"]),
        (f'{TREE}[[smoke]]\nrun = ["a"]\ntimeout = "30d"', ["5: no probe may take longer than a week"]),
        (f'{TREE}[[smoke]]\nrun = ["a"]\ntimeout = ""', ["5: '' is no duration"]),
        (f'{TREE}[[smoke]]\nrun = ["a"]\ntimeout = 5', ["5: 'timeout' must be a string, not a whole number"]),
        (f'{TAGS}[""]', ["4: '' is no image tag"]),
        (f'{TAGS}["{{variant}}"]', ["4: '{variant}' is no image tag without its variant"]),
        (f'{TAGS}["{{variant}}.1"]', ["4: '{variant}.1' is no image tag without its variant"]),
        (f'{TAGS}["{{date}}{{"]', ["4: '{date}{' is no image tag"]),
        (f'{TAGS}["{{date!r}}"]', ["4: '{date!r}' in tag '{date!r}' is not known"]),
        (f'{TAGS}["-{{date}}"]', ["4: '-{date}' is no image tag"]),
        (f'{TREE}[project]\nregistry = "a.io/Team"', ["4: registry 'a.io/Team' must be lower case"]),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_at_its_line(text: str, expected: list[str]) -> None:
    if expected:
        assert problems(text) == expected
    else:
        config.parse(text, "stacks.toml")


@pytest.mark.parametrize(
    ("text", "seconds"), [("500ms", 0.5), ("90s", 90.0), ("1.5m", 90.0), ("1h", 3600.0), ("2 m", 120.0)]
)
def test_a_duration_is_read_in_seconds(text: str, seconds: float) -> None:
    found = config.parse(f'{TREE}[[smoke]]\nrun = ["a"]\ntimeout = "{text}"', "stacks.toml")
    assert found.smokes[0].timeout == seconds


def test_a_probe_without_a_timeout_has_two_minutes() -> None:
    assert config.parse(f'{TREE}[[smoke]]\nrun = ["a"]', "stacks.toml").smokes[0].timeout == 120.0


def test_an_unknown_variant_names_the_nearest_or_all() -> None:
    found = config.parse(f"{TREE}[variant.cpu]\n[variant.gpu]", "stacks.toml")
    assert found.variant("gpu").name == "gpu"
    with pytest.raises(InputError, match=r"no variant 'gpux' in stacks\.toml\n  hint: did you mean 'gpu'"):
        found.variant("gpux")
    with pytest.raises(InputError, match="there are: cpu, gpu"):
        found.variant("zzz")


def test_a_bare_tree_needs_no_file() -> None:
    found = config.for_tree("stack", "stack")
    assert found.trees == (TreeConfig("stack", "--tree", "stack"),)
    assert found.variant_names == ("default",)


@pytest.mark.parametrize(
    ("git", "fine"),
    [
        ("https://github.com/jupyter/docker-stacks", True),
        ("git@github.com:jupyter/docker-stacks.git", True),
        ("../docker-stacks", True),
        ("/srv/git/stacks", True),
        ("ext::sh -c touch% /tmp/x", False),
        ("--upload-pack=touch /tmp/x", False),
        ("https://me:secret@github.com/x/y", False),
        ("", False),
    ],
)
def test_a_git_address_runs_no_program_and_holds_no_secret(git: str, *, fine: bool) -> None:
    text = f'[tree.a]\ngit = "{git}"\n'
    if fine:
        (tree,) = config.parse(text, "stacks.toml").trees
        assert (tree.git, tree.path) == (git, ".")
    else:
        assert any(problem.startswith("2: ") for problem in problems(text))
        assert "secret" not in "".join(problems(text))


def test_ages_are_kept_by_image_and_the_first_glob_that_fits_counts() -> None:
    text = f"""{TREE}[fresh]
max_age = "30d"
drift = ["apt"]
[fresh.images]
base-notebook = "1w"
"*-notebook" = "14d"
"""
    fresh = config.parse(text, "stacks.toml").fresh
    day = 86_400.0
    ages = [fresh.most(image) for image in ("base-notebook", "r-notebook", "other")]
    assert ages == [7 * day, 14 * day, 30 * day]
    assert fresh.drift == ("apt",)


def test_without_a_word_about_it_images_may_be_of_any_age_and_every_manager_is_asked() -> None:
    fresh = config.parse(TREE, "stacks.toml").fresh
    assert fresh.most("base") == 0
    assert fresh.drift == ("apt", "pip", "conda")


def test_what_is_wrong_about_freshness_is_told_with_its_line() -> None:
    text = f'{TREE}[fresh]\nmax_age = "old"\ndrift = ["pi"]\nages = 1\n[fresh.images]\nx = 3\n'
    with pytest.raises(InputError) as caught:
        config.parse(text, "stacks.toml")
    found = [str(problem.message) for problem in caught.value.problems]
    assert found == [
        "'old' is no duration",
        "'pi' cannot be asked",
        "unknown setting 'ages'",
        "'x' must be a string, not a whole number",
    ]


def test_attestations_are_wanted_as_buildx_takes_them() -> None:
    found = config.parse(f'{TREE}[attest]\nsbom = true\nprovenance = "max"\n', "stacks.toml").attest
    assert found.wanted == ("type=sbom", "type=provenance,mode=max")
    assert config.parse(TREE, "stacks.toml").attest.wanted == ()
    with pytest.raises(InputError, match="'all' is no kind of provenance"):
        config.parse(f'{TREE}[attest]\nprovenance = "all"\n', "stacks.toml")


def test_generations_stay_for_ever_unless_it_is_said_how_many_or_how_old() -> None:
    assert not config.parse(TREE, "stacks.toml").retention.limited
    said = config.parse(f'{TREE}[retention]\ngenerations = 30\nage = "90d"', "stacks.toml")
    assert said.retention == Retention(30, 90 * 86_400.0)
    assert config.parse(f'{TREE}[retention]\nage = "1d"', "stacks.toml").retention.limited
    assert problems(f'{TREE}[retention]\ngenerations = 0\nage = "old"') == [
        "4: 'generations' must be at least 1: the newest one always stays",
        "5: 'old' is no duration",
    ]
