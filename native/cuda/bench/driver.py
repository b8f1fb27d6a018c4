"""The CUDA driver by ctypes: kernels of cubins on PyTorch's context, memory and stream, and tensor maps."""

import ctypes

import numpy as np
import torch

cuda = ctypes.CDLL("libcuda.so.1")


def check(status: int, what: str) -> None:
    if status != 0:
        text = ctypes.c_char_p()
        cuda.cuGetErrorString(status, ctypes.byref(text))
        raise RuntimeError(f"{what}: {text.value.decode() if text.value else status}")


class Module:
    """Kernels of a cubin by name."""

    def __init__(self, path: str):
        torch.cuda.init()
        torch.zeros(1, device="cuda")
        self.module = ctypes.c_void_p()
        check(cuda.cuModuleLoad(ctypes.byref(self.module), path.encode()), path)
        self.functions: dict[str, ctypes.c_void_p] = {}

    def function(self, name: str, shared: int) -> ctypes.c_void_p:
        if name not in self.functions:
            found = ctypes.c_void_p()
            check(cuda.cuModuleGetFunction(ctypes.byref(found), self.module, name.encode()), name)
            self.functions[name] = found
        found = self.functions[name]
        if shared:
            # CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES
            check(cuda.cuFuncSetAttribute(found, 8, shared), f"{name}: {shared} bytes of shared memory")
        return found

    def launch(self, name: str, grid: int, block: int, args: list, shared: int = 0) -> None:
        """Tensors are passed as pointers (None: null), integers as 32 bits, numpy scalars as their type, floats as float32."""
        values = []
        for value in args:
            if isinstance(value, torch.Tensor):
                values.append(ctypes.c_uint64(value.data_ptr()))
            elif value is None:
                values.append(ctypes.c_uint64(0))
            elif isinstance(value, np.uint64):
                values.append(ctypes.c_uint64(int(value)))
            elif isinstance(value, np.float64):
                values.append(ctypes.c_double(float(value)))
            elif isinstance(value, float):
                values.append(ctypes.c_float(value))
            else:
                values.append(ctypes.c_uint32(int(value)))
        pointers = (ctypes.c_void_p * len(values))(*[ctypes.addressof(v) for v in values])
        stream = ctypes.c_void_p(torch.cuda.current_stream().cuda_stream)
        status = cuda.cuLaunchKernel(self.function(name, shared), grid, 1, 1, block, 1, 1, shared, stream, pointers, None)
        check(status, name)


def tensor_map(rows: torch.Tensor, box: int) -> torch.Tensor:
    """Tiles of `box` rows x 64 halfs of a matrix of halfs, 128-byte swizzle, zeros outside."""
    count, width = rows.shape
    raw = ctypes.create_string_buffer(256)
    address = ctypes.addressof(raw)
    aligned = (address + 63) // 64 * 64
    dims = (ctypes.c_uint64 * 2)(width, count)
    strides = (ctypes.c_uint64 * 1)(2 * width)
    boxes = (ctypes.c_uint32 * 2)(64, box)
    steps = (ctypes.c_uint32 * 2)(1, 1)
    # float16 6, no interleave 0, swizzle 128 B 3, promotion of L2 256 B 3, zeros 0
    status = cuda.cuTensorMapEncodeTiled(
        ctypes.c_void_p(aligned), 6, 2, ctypes.c_void_p(rows.data_ptr()), dims, strides, boxes, steps, 0, 3, 3, 0
    )
    check(status, "cuTensorMapEncodeTiled")
    words = np.frombuffer(ctypes.string_at(aligned, 128), dtype=np.int32).copy()
    return torch.from_numpy(words).cuda()
