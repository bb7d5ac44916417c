"""CUDA's libraries in an image: whether they load, and whether they agree."""

from __future__ import annotations

from pathlib import Path

import cuda_libs_probe as libs
import pytest
from probing import C, compiled, needs_cc, run

CUDART = "int cudaRuntimeGetVersion(int *version) { *version = %d; return 0; }"
CUDNN = (
    "unsigned long cudnnGetVersion(void) { return %d; }"
    "unsigned long cudnnGetCudartVersion(void) { return %d; }"
)


@needs_cc
def test_the_libraries_of_an_image_load_and_agree(tmp_path: Path) -> None:
    lib = tmp_path / "lib"
    compiled(lib, "libcudart.so.12", CUDART % 12060)
    compiled(lib, "libcudnn.so.9", CUDNN % (90501, 12060))
    agreeing = {"LD_LIBRARY_PATH": str(lib), "CUDA_VERSION": "12.6.3", "NV_CUDNN_VERSION": "9.5.1.17-1"}
    said, output = run(tmp_path / "a", "cuda-libs", agreeing)
    assert (said.result, said.reason) == ("passed", "")
    assert f"{lib}/libcudnn.so.9  9.5.1" in output

    there, wrong, waiting = libs.survey(libs.search([str(lib)]), print)
    assert (len(there), wrong, waiting) == (2, [], 0)
    for other, reason in (
        ({"CUDA_VERSION": "12.4.0"}, "CUDA_VERSION says 12.4.0 of cudart, the image has 12.6"),
        ({"CUDNN_VERSION": "8.9.7"}, "CUDNN_VERSION says 8.9.7 of cudnn, the image has 9.5.1"),
    ):
        assert libs.disagreements(there, libs.claims([], {**agreeing, **other})) == [reason]
    compiled(lib, "libcudnn.so.9", CUDNN % (90501, 11080))
    said, _ = run(tmp_path / "d", "cuda-libs", agreeing)
    assert said.reason == f"{lib}/libcudnn.so.9 was built for CUDA 11.8, the image has [12]"


@needs_cc
def test_a_library_that_cannot_be_loaded_is_caught(tmp_path: Path) -> None:
    lib = tmp_path / "lib"
    compiled(lib, "libcudart.so.12", CUDART % 12060)
    env = {"LD_LIBRARY_PATH": str(lib), "CUDA_VERSION": "12.6.3"}
    (lib / "libcublas.so.12").write_bytes(b"no library at all")
    said, _ = run(tmp_path / "a", "cuda-libs", env)
    assert said.result == "failed"
    assert said.reason == f"{lib}/libcublas.so.12: {lib}/libcublas.so.12: invalid ELF header" or (
        "libcublas.so.12" in said.reason and "too short" in said.reason
    )
    (lib / "libcublas.so.12").unlink()

    compiled(lib, "libcufft.so.11", "extern int nowhere(void); int f(void) { return nowhere(); }")
    said, _ = run(tmp_path / "b", "cuda-libs", env)
    assert "undefined symbol: nowhere" in said.reason
    (lib / "libcufft.so.11").unlink()

    crash = "#include <stdlib.h>\n__attribute__((constructor)) void f(void) { abort(); }"
    compiled(lib, "libcurand.so.10", crash)
    (lib / "libcusparse.so.12").symlink_to("libcusparse.so.12.5")
    said, output = run(tmp_path / "c", "cuda-libs", env)
    assert said.reason == f"{lib}/libcurand.so.10: loading it ends in SIGABRT (and 1 more)"
    assert "libcusparse.so.12: cannot open shared object file" in output


@needs_cc
def test_a_library_that_waits_for_the_driver_is_not_broken(tmp_path: Path) -> None:
    lib = tmp_path / "lib"
    compiled(lib, "libcudart.so.12", CUDART % 12060)
    compiled(tmp_path / "driver", "libcuda.so.1", C, "-DINIT=0", "-Wl,-soname,libcuda.so.1")
    compiled(
        lib,
        "libcupti.so.12",
        "int f(void) { return 0; }",
        "-Wl,--no-as-needed",
        f"{tmp_path}/driver/libcuda.so.1",
    )
    said, output = run(tmp_path / "a", "cuda-libs", {"LD_LIBRARY_PATH": str(lib)})
    assert said.result == "passed"
    assert "1 libraries load, 1 wait for a driver" in output
    (lib / "libcudart.so.12").unlink()
    said, _ = run(tmp_path / "b", "cuda-libs", {"LD_LIBRARY_PATH": str(lib)})
    assert said.result == "inconclusive"
    assert said.reason == "no CUDA library was loaded: all 1 need the machine's driver"


def test_an_image_that_claims_cuda_and_has_none_fails_unless_it_stands_on_a_stand_in(tmp_path: Path) -> None:
    said, _ = run(tmp_path / "a", "cuda-libs", {"CUDA_VERSION": "12.6.3"})
    assert (said.result, said.reason) == ("failed", "CUDA_VERSION speaks of cudart 12.6.3, and there is none")
    said, _ = run(tmp_path / "b", "cuda-libs", {"CUDA_VERSION": "12.6.3"}, stand_in="debian for nvidia/cuda")
    assert said.result == "inconclusive"
    assert "(debian for nvidia/cuda)" in said.reason
    said, _ = run(tmp_path / "c", "cuda-libs")
    assert said.result == "failed"


TENSORFLOW, TORCH = "tensorflow/python/platform/build_info.py", "torch/version.py"


@pytest.mark.parametrize(
    ("path", "text", "wrong"),
    [
        (TENSORFLOW, "OrderedDict([('cuda_version', '12.5.1'), ('cudnn_version', '9')])", []),
        (
            TENSORFLOW,
            "OrderedDict([('cuda_version', '11.8'), ('cudnn_version', '8')])",
            [
                "TensorFlow was built for 11.8 of cudart, the image has 12.6",
                "TensorFlow was built for 8 of cudnn, the image has 9.5.1",
            ],
        ),
        (
            TENSORFLOW,
            "cuda_version_number = '10.1'\ncudnn_version_number = '7'\n",
            [
                "TensorFlow was built for 10.1 of cudart, the image has 12.6",
                "TensorFlow was built for 7 of cudnn, the image has 9.5.1",
            ],
        ),
        (
            TENSORFLOW,
            "[('cudnn_version', '9.8')]",
            ["TensorFlow was built for 9.8 of cudnn, the image has 9.5.1"],
        ),
        (TORCH, "__version__ = '2.5'\ncuda: Optional[str] = '12.4'\nhip: Optional[str] = None\n", []),
        (TORCH, "cuda = '11.7'\n", ["PyTorch was built for 11.7 of cudart, the image has 12.6"]),
        (TORCH, "cuda: Optional[str] = None\n", []),
        ("other/version.py", "cuda = '1.0'", []),
    ],
)
def test_what_frameworks_were_built_for_is_read_without_importing_them(
    tmp_path: Path, path: str, text: str, wrong: list[str]
) -> None:
    (tmp_path / path).parent.mkdir(parents=True)
    (tmp_path / path).write_text(text)
    there = [
        libs.Loaded("/lib/libcudart.so.12", "cudart", (12, 6), (12, 6)),
        libs.Loaded("/lib/libcudnn.so.9", "cudnn", (9, 5, 1), (12, 5)),
        libs.Loaded("/lib/libcublas.so.12", "cublas", (12, 6, 4)),
    ]
    assert libs.disagreements(there, libs.claims([str(tmp_path)], {})) == wrong


def test_a_cublas_of_another_cuda_does_not_fit() -> None:
    there = [
        libs.Loaded("/lib/libcudart.so.12", "cudart", (12, 6), (12, 6)),
        libs.Loaded("/lib/libcublas.so.11", "cublas", (11, 8, 1)),
    ]
    assert libs.disagreements(there, []) == ["/lib/libcublas.so.11 is of CUDA 11, the image has [12]"]
