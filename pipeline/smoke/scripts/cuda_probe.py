"""CUDA's driver, asked directly: version, devices, memory, and a small kernel whose numbers are checked."""

import ctypes
import os
import random
import re
from typing import Any, Dict, List, Optional, Tuple

from telling import failed, inconclusive, run

LIBRARY = "libcuda.so.1"
KERNEL_DRIVER = "/proc/driver/nvidia/version"
NUMBERS = 4096
BLOCK = 128
# what the machine is to blame for, by cuInit's answer
MACHINE = {
    3: "the driver is not initialised",
    34: "libcuda is a stub, which no driver has replaced",
    46: "the device is not available",
    100: "libcuda sees no device",
    101: "libcuda sees no valid device",
    802: "the system is not ready yet",
    803: "the kernel's driver and libcuda are of different versions",
    804: "the image's compatibility libraries do not support this GPU",
    999: "libcuda cannot say why it does not start",
}
UNSUPPORTED_PTX = 222
CAPABILITY_MAJOR, CAPABILITY_MINOR = 75, 76

# out[i] = 3 * in[i] + i, in 32 bits without a sign: PTX of CUDA 7.5, which every driver since then compiles
PTX = b"""
.version 4.3
.target sm_30
.address_size 64
.visible .entry mix(.param .u64 source, .param .u64 target, .param .u32 count)
{
    .reg .pred %p<2>;
    .reg .b32 %r<9>;
    .reg .b64 %rd<8>;
    ld.param.u64 %rd1, [source];
    ld.param.u64 %rd2, [target];
    ld.param.u32 %r1, [count];
    mov.u32 %r2, %ctaid.x;
    mov.u32 %r3, %ntid.x;
    mov.u32 %r4, %tid.x;
    mad.lo.u32 %r5, %r2, %r3, %r4;
    setp.ge.u32 %p1, %r5, %r1;
    @%p1 bra DONE;
    cvta.to.global.u64 %rd3, %rd1;
    cvta.to.global.u64 %rd4, %rd2;
    mul.wide.u32 %rd5, %r5, 4;
    add.u64 %rd6, %rd3, %rd5;
    add.u64 %rd7, %rd4, %rd5;
    ld.global.u32 %r6, [%rd6];
    mul.lo.u32 %r7, %r6, 3;
    add.u32 %r8, %r7, %r5;
    st.global.u32 [%rd7], %r8;
DONE:
    ret;
}
\0"""


def expected(numbers: List[int]) -> List[int]:
    """What the kernel must make of the numbers."""
    return [(3 * number + index) % 2**32 for index, number in enumerate(numbers)]


class Driver:
    """libcuda; every answer that is no success ends the probe."""

    def __init__(self, library: Any) -> None:
        self._library = library

    def call(self, name: str, *arguments: Any) -> None:
        """Call a function, which must succeed."""
        code = self.code(name, *arguments)
        if code == UNSUPPORTED_PTX:
            raise inconclusive("the driver is too old for the kernel of this probe")
        if code:
            raise failed("{} says {}: {}".format(name, code, self._words(code)))

    def code(self, name: str, *arguments: Any) -> int:
        """Call a function, and give its answer."""
        function = getattr(self._library, name, None)
        if function is None:
            raise inconclusive("libcuda has no {}: it is no NVIDIA driver's".format(name))
        return int(function(*arguments))

    def _words(self, code: int) -> str:
        words = ctypes.c_char_p()
        name = getattr(self._library, "cuGetErrorString", None)
        if name is None or name(code, ctypes.byref(words)) or not words.value:
            return "no words for it"
        return words.value.decode("utf-8", "replace")


def kernel_driver(path: str = KERNEL_DRIVER) -> str:
    """The version of the driver in the machine's kernel, "" for none; no container can make that up."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            found = re.search(r"\s(\d+\.\d[\d.]*)\s", file.readline())
    except OSError:
        return ""
    return found.group(1) if found else ""


def loaded(name: str = LIBRARY) -> Driver:
    """The driver's library, wherever the container has it."""
    try:
        return Driver(ctypes.CDLL(name))
    except OSError as error:
        raise inconclusive("no GPU was given to the container: {}".format(error)) from None


def started(driver: Driver, image: str = "") -> Tuple[int, int]:
    """The CUDA that the driver supports, once it has started; `image` is the CUDA that the image brings."""
    code = driver.code("cuInit", 0)
    version = ctypes.c_int()
    driver.call("cuDriverGetVersion", ctypes.byref(version))
    supports = version.value // 1000, version.value % 1000 // 10
    wants = re.match(r"(\d+)\.(\d+)", image)
    # within one major version, any driver runs what any toolkit has compiled
    if wants and int(wants.group(1)) > supports[0]:
        text = "the driver is too old for the image's CUDA: it supports {}.{}, the image has {}"
        raise inconclusive(text.format(supports[0], supports[1], image))
    if code in MACHINE:
        raise inconclusive("{} (cuInit says {})".format(MACHINE[code], code))
    if code:
        raise failed("cuInit says {}".format(code))
    return supports


def devices(driver: Driver) -> List[Dict[str, str]]:
    """The name and compute capability of every device."""
    count = ctypes.c_int()
    driver.call("cuDeviceGetCount", ctypes.byref(count))
    if count.value < 1:
        raise inconclusive("libcuda sees no device")
    found = []
    for number in range(count.value):
        device, major, minor = ctypes.c_int(), ctypes.c_int(), ctypes.c_int()
        name = ctypes.create_string_buffer(256)
        driver.call("cuDeviceGet", ctypes.byref(device), number)
        driver.call("cuDeviceGetName", name, len(name), device)
        driver.call("cuDeviceGetAttribute", ctypes.byref(major), CAPABILITY_MAJOR, device)
        driver.call("cuDeviceGetAttribute", ctypes.byref(minor), CAPABILITY_MINOR, device)
        capability = "{}.{}".format(major.value, minor.value)
        found.append({"name": name.value.decode("utf-8", "replace"), "capability": capability})
    return found


def compute(driver: Driver, number: int, numbers: List[int]) -> List[int]:
    """What the kernel makes of the numbers on one device: into its memory, through it, and back."""
    device, context, module, function = (
        ctypes.c_int(),
        ctypes.c_void_p(),
        ctypes.c_void_p(),
        ctypes.c_void_p(),
    )
    source, target = ctypes.c_uint64(), ctypes.c_uint64()
    array = ctypes.c_uint32 * len(numbers)
    given, got = array(*numbers), array()
    size = ctypes.c_size_t(ctypes.sizeof(given))
    driver.call("cuDeviceGet", ctypes.byref(device), number)
    driver.call("cuDevicePrimaryCtxRetain", ctypes.byref(context), device)
    driver.call("cuCtxSetCurrent", context)
    driver.call("cuModuleLoadData", ctypes.byref(module), PTX)
    driver.call("cuModuleGetFunction", ctypes.byref(function), module, b"mix")
    driver.call("cuMemAlloc_v2", ctypes.byref(source), size)
    driver.call("cuMemAlloc_v2", ctypes.byref(target), size)
    driver.call("cuMemcpyHtoD_v2", source, given, size)
    # what lies there from before must not pass for a result
    driver.call("cuMemsetD8_v2", target, ctypes.c_ubyte(0xA5), size)
    values = (source, target, ctypes.c_uint32(len(numbers)))
    pointers = [ctypes.cast(ctypes.byref(value), ctypes.c_void_p) for value in values]
    arguments = (ctypes.c_void_p * len(values))(*pointers)
    grid = (len(numbers) + BLOCK - 1) // BLOCK
    none = ctypes.c_void_p()
    driver.call("cuLaunchKernel", function, grid, 1, 1, BLOCK, 1, 1, 0, none, arguments, none)
    driver.call("cuCtxSynchronize")
    driver.call("cuMemcpyDtoH_v2", got, target, size)
    driver.call("cuMemFree_v2", source)
    driver.call("cuMemFree_v2", target)
    return list(got)


def check(numbers: List[int], got: List[int]) -> None:
    """Compare what came out of the kernel with what must."""
    right = expected(numbers)
    wrong = [index for index in range(len(right)) if got[index : index + 1] != right[index : index + 1]]
    if wrong:
        text = "the kernel computed {} of {} numbers wrong, the first at {}: {} instead of {}"
        raise failed(text.format(len(wrong), len(right), wrong[0], got[wrong[0]], right[wrong[0]]))


def examine(driver: Driver, image: str, kernel: str = KERNEL_DRIVER) -> Dict[str, Any]:
    """Everything about the driver, with a kernel run on each device; gives the hardware."""
    supports = started(driver, image)
    found = devices(driver)
    version = kernel_driver(kernel)
    if not version:
        raise inconclusive(
            "a stand-in: libcuda names a device, but this machine's kernel has no NVIDIA driver"
        )
    print("driver {}, for CUDA {}.{}: {}".format(version, supports[0], supports[1], found))
    for number in range(len(found)):
        numbers = [random.randrange(2**32) for _ in range(NUMBERS)]
        check(numbers, compute(driver, number, numbers))
    return {"devices": found, "driver": version}


def probe(_: Dict[str, Any]) -> Optional[Dict[str, Any]]:
    """The driver, as this image finds it."""
    return examine(loaded(), os.environ.get("CUDA_VERSION", ""))


if __name__ == "__main__":
    run(probe)
