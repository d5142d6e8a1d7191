"""Frames2Residual: denoise a noisy video without a clean one.

Example:
    >>> import f2r
    >>> callable(f2r.denoise)
    True
"""

from typing import TYPE_CHECKING, Any

__version__ = "0.3.0.dev0"

__all__ = ["Denoised", "F2RError", "InputError", "Model", "__version__", "denoise", "fit", "load"]

if TYPE_CHECKING:
    from f2r.errors import F2RError, InputError
    from f2r.run.arrays import Denoised, denoise
    from f2r.run.fit import fit
    from f2r.run.model import Model
    from f2r.run.model_file import load_model as load


def __getattr__(name: str) -> Any:
    """Import the public names on first use, so that `import f2r` costs nothing."""
    if name in {"Denoised", "Model", "denoise", "fit"}:
        from f2r.run import arrays

        return getattr(arrays, name)
    if name == "load":
        from f2r.run.model_file import load_model

        return load_model
    if name in {"F2RError", "InputError"}:
        from f2r import errors

        return getattr(errors, name)
    raise AttributeError(f"module 'f2r' has no attribute '{name}'")
