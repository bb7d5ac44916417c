"""The `[[smoke]]` tables of stacks.toml: what is kept, and what a probe cannot have."""

from __future__ import annotations

import pytest
from test_config import TREE, problems

from pipeline import config
from pipeline.config import Smoke
from pipeline.config.sharing import Sharing

SMOKE = f'{TREE}[[smoke]]\nrun = ["true"]\n'


def test_everything_that_is_said_of_a_probe_is_kept() -> None:
    found = config.parse(
        f"""{TREE}
        [variant.gpu]
        gpu_probe = "cuda"
        [[smoke]]
        run = ["a"]
        env = {{ B = "2", A = "1" }}
        user = "1000:100"
        network = true
        expect = "^ok$"
        files = ["probes/x", "notebooks:data/"]
        inherit = true
        capabilities = ["SYS_NICE", "CAP_CHOWN"]
        memory = "512m"
        pids = 7
        [[smoke]]
        probe = "torch"
        memory = "unlimited"
        [[smoke]]
        tests = "tests/base"
        max_age = "1h"
        """,
        "stacks.toml",
    )
    first, second, third = found.smokes
    assert first == Smoke(
        ("a",),
        "stacks.toml:6",
        env=(("A", "1"), ("B", "2")),
        user="1000:100",
        network=True,
        expect="^ok$",
        files=("probes/x", "notebooks:data/"),
        inherit=True,
        capabilities=("CHOWN", "SYS_NICE"),
        memory=512 << 20,
        pids=7,
        max_age=7 * 86_400.0,
    )
    assert (second.max_age, third.max_age) == (0.0, 3600.0)
    assert (second.probe, second.gpu, second.memory, second.run) == ("torch", True, 0, ())
    assert (third.tests, third.run, third.gpu, third.memory) == ("tests/base", (), False, 8 << 30)
    default = found.variants[0].default_probe
    assert default
    assert (default.probe, default.gpu) == ("cuda", True)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('user = "a b"', "'a b' is no user"),
        ('user = "a;b"', "'a;b' is no user"),
        ('expect = "("', "'(' is no regular expression: missing ), unterminated subpattern at position 0"),
        ('files = ["../x"]', "'../x' does not lie below the folder of this file"),
        ('files = ["/etc/passwd"]', "'/etc/passwd' does not lie below the folder of this file"),
        (
            'files = ["notebooks:a/../../x"]',
            "'notebooks:a/../../x' does not lie below the folder of this file",
        ),
        ('files = ["a/x", "b/x"]', "'a/x' and 'b/x' would both be called 'x'"),
        ('tests = ""', "'' does not lie below the folder of this file"),
        ('capabilities = ["ALL"]', "'ALL' is no capability"),
        ('capabilities = ["sys_nice"]', "'sys_nice' is no capability"),
        ('memory = "8"', "'8' is no size"),
        ('memory = "0g"', "'0g' is no size"),
        ("memory = 8", "'memory' must be a string, not a whole number"),
        ("pids = 0", "'pids' must be one at least"),
        ('max_age = "soon"', "'soon' is no duration"),
        ('network = "none"', "'network' must be true or false, not a string"),
        ("env = { A = 1 }", "'env.A' must be a string, not a whole number"),
    ],
)
def test_what_a_probe_cannot_have_is_a_problem_at_its_line(line: str, message: str) -> None:
    assert f"5: {message}" in problems(SMOKE + line)


def test_a_built_in_probe_is_one_that_there_is_and_judges_itself() -> None:
    start = f"{TREE}[[smoke]]\n"
    assert problems(f'{start}probe = "cuda-lib"') == ["4: no built-in probe 'cuda-lib'"]
    assert problems(f'{start}probe = "cuda"\ngpu = false') == ["5: the probe 'cuda' needs a GPU"]
    assert problems(f'{start}probe = "jupyter"\nexpect = "x"\nfiles = ["x"]') == [
        "5: a built-in probe judges itself: 'expect' is for 'run'",
        "6: a built-in probe reads no files: 'files' is for 'run'",
    ]
    for nothing in ("[]", '[""]', '["", "true"]'):
        assert problems(f"{start}run = {nothing}") == ["4: 'run' is empty"]
    both = ["4: 'probe' and 'run' exclude each other"]
    assert problems(f'{start}run = ["true"]\nprobe = "cuda"') == both
    assert problems(f'{TREE}[variant.gpu]\ngpu_probe = "jupyter"') == ["4: 'jupyter' is no GPU probe"]


def test_verdicts_are_shared_and_a_gpu_speaks_for_itself_unless_it_is_said_otherwise() -> None:
    assert config.parse(TREE, "stacks.toml").sharing == Sharing(wanted=True, any_gpu=False)
    said = config.parse(f'{TREE}[verdicts]\nshare = false\ngpu = "any"', "stacks.toml")
    assert said.sharing == Sharing(wanted=False, any_gpu=True)
    assert problems(f'{TREE}[verdicts]\ngpu = "sane"') == ["4: 'sane' is no rule for GPUs"]
