"""Mosaics: packing keeps every sample and its colour, whatever the pattern."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from f2r.errors import InputError
from f2r.io.raw.mosaic import PATTERNS, Mosaic, pack, parse_pattern, unpack

patterns = st.sampled_from(PATTERNS)
mosaics = arrays(
    np.uint16, st.tuples(st.integers(1, 6), st.integers(1, 6)).map(lambda s: (2 * s[0], 2 * s[1]))
)


def colours_of(pattern, height=8, width=8):
    """Make a mosaic that holds at each pixel the letter of its colour."""
    return np.tile(np.array(list(pattern)).reshape(2, 2), (height // 2, width // 2))


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # a busy machine is no error
@given(mosaics, patterns, st.integers(0, 65000), st.integers(1, 500))
def test_raw_samples_come_back_bit_by_bit(samples, pattern, black, span):
    mosaic = Mosaic(pattern, (black, max(black - 3, 0), black, black), black + span)
    packed = mosaic.to_nominal(samples)
    assert packed.shape == (samples.shape[0] // 2, samples.shape[1] // 2, 4)
    assert np.array_equal(np.rint(mosaic.to_samples(packed)), samples)
    assert np.array_equal(unpack(pack(samples, pattern), pattern), samples)


@pytest.mark.parametrize("pattern", PATTERNS)
def test_packed_channels_are_red_two_greens_and_blue(pattern):
    packed = pack(colours_of(pattern), pattern)
    assert [set(packed[..., c].ravel()) for c in range(4)] == [{"R"}, {"G"}, {"G"}, {"B"}]
    rows = pack(np.arange(8)[:, None].repeat(8, 1), pattern)
    assert np.array_equal(rows[..., 1], rows[..., 0])  # the first green shares rows with red
    assert np.array_equal(rows[..., 2], rows[..., 3])  # the second with blue


def test_levels_below_black_and_above_white_are_kept():
    mosaic = Mosaic("RGGB", (100.0,) * 4, 200.0)
    packed = mosaic.to_nominal(np.array([[50, 250], [100, 200]], np.uint16))
    assert packed[0, 0].tolist() == [-0.5, 1.5, 0.0, 1.0]


@pytest.mark.parametrize("pattern", ["RGBG", "XTRANS", ""])
def test_other_patterns_are_refused(pattern):
    with pytest.raises(InputError, match="must be one of"):
        parse_pattern(pattern)


def test_black_above_white_is_refused():
    with pytest.raises(InputError, match="not below the white level"):
        Mosaic("RGGB", (500.0,) * 4, 400.0)
