"""Read noise models from command-line options and JSON files."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

from f2r.errors import InputError, reading
from f2r.noise.correlated import Correlated, correlation_from_lists
from f2r.noise.models import Gamma, Gaussian, NoiseModel, Poisson, PoissonGaussian

FORMS = (
    "gaussian:SIGMA, poisson:GAIN, poisson-gaussian:GAIN,READ[,OFFSET], gamma:LOOKS, crvd:ISO, "
    "FILE.json"
)

ADVICE = "give a JSON file that f2r noise --json has made"
LARGEST_FILE = 2**24
"""Bytes of a JSON file that is read."""

_BUILDERS: dict[str, tuple[tuple[int, ...], Callable[..., NoiseModel]]] = {
    "gaussian": ((1,), Gaussian),
    "poisson": ((1,), Poisson),
    "poisson-gaussian": ((2, 3), PoissonGaussian),
    "gamma": ((1,), Gamma),
}


def parse_noise(text: str) -> NoiseModel:
    """Read a noise model from the text of an option.

    Every number is in 8-bit units (0 to 255), looks excepted: SIGMA and READ are standard
    deviations, OFFSET is the black level, and GAIN is the slope of the variance (8-bit units
    squared) over the level (8-bit units), so that a level of 100 with GAIN 0.5 has a standard
    deviation of sqrt(50 + READ^2).

    Args:
        text: gaussian:SIGMA, poisson:GAIN, poisson-gaussian:GAIN,READ[,OFFSET], gamma:LOOKS or
            the path of a JSON file.

    Raises:
        InputError: the model is unknown or a number is out of range.
    """
    if text.lower().endswith(".json"):
        return load_noise(Path(text))
    name, _, rest = text.partition(":")
    name = name.strip().lower()
    if name not in {*_BUILDERS, "crvd"}:
        raise InputError(f"--noise {text}: unknown model; give one of {FORMS}")
    if name == "crvd":
        return _crvd_noise(text, rest)
    counts, build = _BUILDERS[name]
    numbers = _numbers(text, rest)
    if len(numbers) not in counts:
        wanted = " or ".join(map(str, counts))
        raise InputError(f"--noise {text}: {name} takes {wanted} number(s); give one of {FORMS}")
    if numbers[0] == 0:
        raise InputError(f"--noise {text}: the first number must be above 0")
    if name == "gamma":
        return build(numbers[0])
    if max(numbers) > 255:
        raise InputError(f"--noise {text}: numbers are in 8-bit units, at most 255")
    return build(*(number / 255 for number in numbers))


def _crvd_noise(text: str, iso: str) -> NoiseModel:
    """Build the noise of the CRVD camera for raw clips with black 0 and white 1."""
    from f2r.noise.camera import crvd_noise

    if not iso.strip().isdecimal():
        raise InputError(f"--noise {text}: give the ISO as a number, such as crvd:12800")
    return crvd_noise(int(iso))


def _numbers(text: str, listed: str) -> list[float]:
    try:
        numbers = [float(part) for part in listed.split(",")]
    except ValueError as error:
        raise InputError(f"--noise {text}: not a number; give one of {FORMS}") from error
    if not all(math.isfinite(number) and number >= 0 for number in numbers):
        raise InputError(f"--noise {text}: numbers must be finite and not negative")
    return numbers


def load_noise(path: Path) -> NoiseModel:
    """Read a noise model from a JSON file: a model, or a report with a model as "noise".

    Raises:
        InputError: the file cannot be read or holds no noise model.
    """
    if path.exists() and not path.is_file():  # a pipe would be waited for
        raise InputError(f"{path}: is not a file: {ADVICE}")
    with reading(path, ADVICE):
        if path.stat().st_size > LARGEST_FILE:
            raise InputError(f"{path}: is too large for a noise model: {ADVICE}")
        content = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(content, dict) and isinstance(content.get("noise"), dict):
            content = content["noise"]
        try:
            return noise_from_dict(content)
        except InputError as error:
            raise InputError(f"{path}: {error}") from error


def noise_from_dict(values: Any) -> NoiseModel:
    """Build a model from the result of `to_dict`, nominal units.

    Raises:
        InputError: the model is unknown or its fields are wrong.
    """
    if not isinstance(values, dict) or "model" not in values:
        raise InputError('a noise model is an object with a "model"; make one with f2r noise')
    fields = {key: value for key, value in values.items() if key != "model"}
    name = values["model"]
    if name == "correlated":
        return _correlated_from(fields)
    if name not in _BUILDERS:
        raise InputError(f"unknown noise model {name!r}")
    if not all(isinstance(value, int | float) for value in fields.values()):
        raise InputError(f"noise model {name}: every field must be a number")
    try:
        return _BUILDERS[name][1](**fields)
    except TypeError as error:
        raise InputError(f"noise model {name}: wrong fields {sorted(fields)}") from error


def _correlated_from(fields: dict[str, Any]) -> Correlated:
    if set(fields) != {"base", "correlation"}:
        raise InputError('noise model correlated: needs the fields "base" and "correlation"')
    base = noise_from_dict(fields["base"])
    return Correlated(base, correlation_from_lists(fields["correlation"]))
