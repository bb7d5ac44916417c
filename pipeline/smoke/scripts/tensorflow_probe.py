"""TensorFlow on the GPU: it sees the device, multiplies matrices on it, and the numbers are numpy's."""

import os
from typing import Any, Dict, Optional

import cuda_probe
from telling import failed, run

SIZE = 512
DEVICE = "/GPU:0"


def multiply(tensorflow: Any, numpy: Any, device: str) -> None:
    """Multiply two matrices of random numbers on a device and nowhere else, and compare with numpy."""
    # an operation that cannot run there must fail, not move
    tensorflow.config.set_soft_device_placement(False)
    if hasattr(tensorflow.config.experimental, "enable_tensor_float_32_execution"):
        tensorflow.config.experimental.enable_tensor_float_32_execution(False)
    random = numpy.random.RandomState()
    left, right = (random.uniform(-1, 1, (SIZE, SIZE)).astype("float32") for _ in range(2))
    with tensorflow.device(device):
        product = tensorflow.matmul(tensorflow.constant(left), tensorflow.constant(right))
    where = str(product.device)
    if device.strip("/").lower() not in where.lower():
        raise failed("the product was computed on {}, not on {}".format(where or "nothing", device))
    wanted = left.astype("float64") @ right.astype("float64")
    worst = float(numpy.abs(product.numpy() - wanted).max())
    # not a number is no small number
    if not worst < 1e-3 * SIZE**0.5:
        raise failed("the product on {} is wrong by {}".format(where, worst))
    print("a product of {0} x {0} on {1} is right to {2:.1e}".format(SIZE, where, worst))


def probe(_: Dict[str, Any]) -> Optional[Dict[str, Any]]:
    """The driver first: without one there is nothing to be said of TensorFlow."""
    hardware = cuda_probe.examine(cuda_probe.loaded(), os.environ.get("CUDA_VERSION", ""))
    import numpy
    import tensorflow

    if not tensorflow.config.list_physical_devices("GPU"):
        built = "built with" if tensorflow.test.is_built_with_cuda() else "built without"
        raise failed(
            "TensorFlow {}, {} CUDA, sees no GPU where libcuda does".format(tensorflow.__version__, built)
        )
    multiply(tensorflow, numpy, DEVICE)
    return hardware


if __name__ == "__main__":
    run(probe)
