"""PyTorch on the GPU: it sees the device, multiplies matrices on it, and the numbers are numpy's."""

import os
from typing import Any, Dict, Optional

import cuda_probe
from telling import failed, run

SIZE = 512
DEVICE = "cuda:0"


def multiply(torch: Any, numpy: Any, device: str) -> None:
    """Multiply two matrices of random numbers on a device, and compare with numpy."""
    if hasattr(torch.backends, "cuda") and hasattr(torch.backends.cuda, "matmul"):
        torch.backends.cuda.matmul.allow_tf32 = False
    random = numpy.random.RandomState()
    left, right = (random.uniform(-1, 1, (SIZE, SIZE)).astype("float32") for _ in range(2))
    product = torch.from_numpy(left).to(device) @ torch.from_numpy(right).to(device)
    where = str(product.device)
    if where != device:
        raise failed("the product was computed on {}, not on {}".format(where, device))
    wanted = left.astype("float64") @ right.astype("float64")
    worst = float(numpy.abs(product.cpu().numpy() - wanted).max())
    # not a number is no small number
    if not worst < 1e-3 * SIZE**0.5:
        raise failed("the product on {} is wrong by {}".format(where, worst))
    print("a product of {0} x {0} on {1} is right to {2:.1e}".format(SIZE, where, worst))


def probe(_: Dict[str, Any]) -> Optional[Dict[str, Any]]:
    """The driver first: without one there is nothing to be said of PyTorch."""
    hardware = cuda_probe.examine(cuda_probe.loaded(), os.environ.get("CUDA_VERSION", ""))
    import numpy
    import torch

    if not torch.cuda.is_available():
        text = "PyTorch {}, built for CUDA {}, sees no GPU where libcuda does"
        raise failed(text.format(torch.__version__, torch.version.cuda or "none"))
    multiply(torch, numpy, DEVICE)
    if not torch.cuda.max_memory_allocated(0):
        raise failed("PyTorch has used no memory of the GPU")
    return hardware


if __name__ == "__main__":
    run(probe)
