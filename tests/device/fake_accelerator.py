"""An accelerator that computes on the CPU and refuses what a real one refuses.

Its tensors cannot meet tensors of the CPU or draw from a generator of the CPU; they have no
float64, as on MPS; and every wait of the host for the device is counted. It is torch's backend
PrivateUse1, written in Python.
"""

from collections import Counter

import torch
from torch.utils._pytree import tree_leaves, tree_map
from torch.utils.backend_registration import (
    _DummyBackendModule,
    _setup_privateuseone_for_python_backend,
)

NAME = "strict"


class _Module(_DummyBackendModule):
    def get_amp_supported_dtype(self):
        return [torch.bfloat16, torch.float16]


_setup_privateuseone_for_python_backend(NAME, backend_module=_Module())
DEVICE, HOST = torch.device(NAME, 0), torch.device("cpu")

WAITS = Counter()
"""Operations for which the host waited, since the last `clear`."""

CONVOLUTIONS = Counter()
"""Data types of the inputs of convolutions."""

MOVES = {"aten::copy_", "aten::_to_copy", "aten::_copy_from"}
"""Operations that may have tensors of both sides."""

READS = {"aten::_local_scalar_dense", "aten::nonzero", "aten::masked_select", "aten::equal"}
"""Operations whose result the host must know before it goes on."""

MASKED = {"aten::index", "aten::index_put", "aten::index_put_"}
"""Operations that look for true values where an index is a mask."""

REAL_GENERATOR = torch.Generator
ON_DEVICE = set()
"""Addresses of the generators of this device."""


class DeviceTensor(torch.Tensor):
    """A tensor of the device; `host` holds its values."""

    __torch_function__ = torch._C._disabled_torch_function_impl

    @staticmethod
    def __new__(cls, host):
        return torch.Tensor._make_wrapper_subclass(
            cls,
            host.size(),
            strides=host.stride(),
            storage_offset=host.storage_offset(),
            dtype=host.dtype,
            device=DEVICE,
        )

    def __init__(self, host):
        self.host = host

    def __deepcopy__(self, memo):
        with torch.no_grad():
            copy = DeviceTensor(self.host.clone())
        copy.requires_grad_(self.requires_grad)
        if getattr(self, "_is_param", False):
            copy._is_param = True
        memo[id(self)] = copy
        return copy

    def tolist(self):
        return self.cpu().tolist()

    def __repr__(self):
        return f"DeviceTensor({tuple(self.shape)}, {self.dtype})"

    @classmethod
    def __torch_dispatch__(cls, function, types, args=(), kwargs=None):
        kwargs = dict(kwargs or {})
        name, leaves = function._schema.name, tree_leaves((args, kwargs))
        _refuse(name, leaves, kwargs.get("dtype"))
        _count(name, args, kwargs)
        goes_home = kwargs.get("device") is not None and torch.device(kwargs["device"]) == HOST
        if "device" in kwargs:
            kwargs["device"] = HOST
        known = {id(leaf.host): leaf for leaf in leaves if isinstance(leaf, DeviceTensor)}
        found = function(*tree_map(_host, args), **tree_map(_host, kwargs))
        if goes_home:
            return found
        if name in MOVES and not isinstance(args[0], DeviceTensor):
            return args[0]
        return tree_map(lambda one: _wrapped(name, one, known), found)


def _host(value):
    return value.host if isinstance(value, DeviceTensor) else value


def _wrapped(name, value, known):
    """Give the tensor of the device for a result; operations in place give their argument."""
    if not isinstance(value, torch.Tensor):
        return value
    if id(value) in known:
        return known[id(value)]
    _refuse_double(name, value.dtype)
    return DeviceTensor(value)


def _refuse(name, leaves, dtype):
    _refuse_double(name, dtype)
    for leaf in leaves:
        if isinstance(leaf, REAL_GENERATOR) and leaf._cdata not in ON_DEVICE:
            raise RuntimeError(f"{name}: draws from a generator of the CPU")
        if name in MOVES or not isinstance(leaf, torch.Tensor) or leaf.dim() == 0:
            continue
        if not isinstance(leaf, DeviceTensor):
            raise RuntimeError(f"{name}: has tensors of the device and of the CPU")


def _refuse_double(name, dtype):
    if dtype in {torch.float64, torch.complex128}:
        raise TypeError(f"{name}: the device has no float64")


def _count(name, args, kwargs):
    if name == "aten::convolution":
        CONVOLUTIONS[args[0].dtype] += 1
    goes_home = kwargs.get("device") is not None and torch.device(kwargs["device"]) == HOST
    leaves_device = name in MOVES and (goes_home or not isinstance(args[0], DeviceTensor))
    masks = name in MASKED and any(
        isinstance(one, torch.Tensor) and one.dtype == torch.bool for one in tree_leaves(args[1])
    )
    if leaves_device or masks or name in READS:
        WAITS[name] += 1


class DeviceGenerator(REAL_GENERATOR):
    """Stands in for `torch.Generator`, which backends in Python cannot extend."""

    def __new__(cls, device="cpu"):
        if torch.device(device).type != NAME:
            return REAL_GENERATOR(device)
        generator = super().__new__(cls)
        ON_DEVICE.add(generator._cdata)
        return generator

    def __init__(self, device="cpu"):
        pass

    @property
    def device(self):
        return DEVICE


_factories = torch.library.Library("aten", "IMPL")
_autocast = torch.library.Library("_", "IMPL")
_autocast.fallback(torch.library.fallthrough_kernel, "AutocastPrivateUse1")


def _made(maker):
    def make(*sizes, **options):
        _refuse_double(maker.__name__, options.get("dtype"))
        kept = {k: v for k, v in options.items() if k not in {"device", "pin_memory"}}
        return DeviceTensor(maker(*sizes, **kept, device=HOST))

    return make


def _narrow(convolve):
    """Convolve in the type of the autocast, as CUDA and MPS do."""

    def narrow(image, weight, bias=None, *others):
        kind = torch.get_autocast_dtype(NAME)
        inputs = [None if one is None else one.to(kind) for one in (image, weight, bias)]
        key = torch._C.DispatchKeySet(torch._C.DispatchKey.AutocastPrivateUse1)
        with torch._C._ExcludeDispatchKeyGuard(key):
            return convolve(*inputs, *others)

    return narrow


def _copy_from(source, target, *_):
    """Copy where torch does not ask the tensors: lists that become tensors of the device."""
    _refuse_double("aten::_copy_from", source.dtype)
    return _host(target).copy_(_host(source))


_factories.impl("_copy_from", _copy_from, "PrivateUse1")
_factories.impl("empty.memory_format", _made(torch.empty), "PrivateUse1")
_factories.impl("empty_strided", _made(torch.empty_strided), "PrivateUse1")
_factories.impl("conv2d", _narrow(torch.ops.aten.conv2d.default), "AutocastPrivateUse1")
_factories.impl(
    "conv_transpose2d.input",
    _narrow(torch.ops.aten.conv_transpose2d.input),
    "AutocastPrivateUse1",
)
