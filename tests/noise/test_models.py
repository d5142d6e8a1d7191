import json
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from f2r.errors import InputError
from f2r.noise.correlated import Correlated, gaussian_correlation
from f2r.noise.models import Gamma, Gaussian, NoiseModel, Poisson, PoissonGaussian
from f2r.noise.parse import load_noise, noise_from_dict, parse_noise

SHIFTED = torch.zeros(2, 2, 3, 3)
SHIFTED[0, 0, 1, 1], SHIFTED[1, 1, 1, 1] = 1.5, 0.5
SHIFTED[0, 1, 1, 2] = SHIFTED[1, 0, 1, 0] = 0.6  # channel 1 follows channel 0 one pixel right

MODELS: list[NoiseModel] = [
    Gaussian(0.1),
    Poisson(0.02),
    PoissonGaussian(0.01, 0.05),
    PoissonGaussian(0.01, 0.02, 0.1),
    Gamma(10.0),
    Correlated(Gaussian(0.1), gaussian_correlation(0.7)),
    Correlated(PoissonGaussian(0.01, 0.05), SHIFTED),
]


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("noise", MODELS, ids=lambda noise: noise.to_dict()["model"])
@pytest.mark.parametrize("level", [0.15, 0.8])
def test_samples_are_unbiased_and_have_the_stated_variance(noise: NoiseModel, level: float) -> None:
    clean = torch.full((16, 2, 128, 128), level)
    residual = noise.sample(clean, seeded()) - clean
    expected = noise.variance(clean)
    assert abs(float(residual.mean())) < 0.02 * math.sqrt(float(expected.mean()))
    measured = residual.pow(2).mean((0, 2, 3))
    assert torch.allclose(measured, expected.mean((0, 2, 3)), rtol=0.03)


@pytest.mark.parametrize("noise", MODELS, ids=lambda noise: noise.to_dict()["model"])
def test_models_survive_json(noise: NoiseModel) -> None:
    again = noise_from_dict(json.loads(json.dumps(noise.to_dict())))
    level = torch.rand(2, 8, 8, generator=seeded())
    assert type(again) is type(noise)
    assert torch.allclose(again.variance(level), noise.variance(level))
    assert "\n" not in noise.describe()


def test_the_same_seed_gives_the_same_noise() -> None:
    clean = torch.full((3, 40, 40), 0.5)
    for noise in MODELS[:-1]:
        assert torch.equal(noise.sample(clean, seeded(3)), noise.sample(clean, seeded(3)))
        assert not torch.equal(noise.sample(clean, seeded(3)), noise.sample(clean, seeded(4)))


def test_correlated_noise_has_the_given_correlation_across_pixels_and_channels() -> None:
    noise = Correlated(Gaussian(1.0), SHIFTED)
    drawn = noise.draw(torch.zeros(32, 2, 100, 100), seeded())
    left, right = drawn[..., :-1], drawn[..., 1:]
    assert float((left[:, 0] * right[:, 1]).mean()) == pytest.approx(0.6, abs=0.02)
    assert float((left[:, 1] * right[:, 0]).mean()) == pytest.approx(0.0, abs=0.02)
    assert float((drawn[:, 0] * drawn[:, 1]).mean()) == pytest.approx(0.0, abs=0.02)
    assert float((drawn[..., 0] * drawn[..., -1]).mean()) == pytest.approx(0.0, abs=0.02)


def test_one_correlation_serves_every_channel_with_noise_of_its_own() -> None:
    drawn = Correlated(Gaussian(1.0), gaussian_correlation(1.5)).draw(
        torch.zeros(16, 3, 64, 64), seeded()
    )
    neighbour = float((drawn[..., :-1] * drawn[..., 1:]).mean())
    assert neighbour == pytest.approx(math.exp(-1 / 9), abs=0.03)
    assert abs(float((drawn[:, 0] * drawn[:, 1]).mean())) < 0.03


@given(sigma=st.floats(0.01, 255), gain=st.floats(0.01, 255), read=st.floats(0, 255))
@settings(max_examples=30, deadline=None)
def test_the_command_line_speaks_8_bit_units(sigma: float, gain: float, read: float) -> None:
    assert parse_noise(f"gaussian:{sigma!r}") == Gaussian(sigma / 255)
    expected = PoissonGaussian(gain / 255, read / 255)
    assert parse_noise(f"poisson-gaussian:{gain!r},{read!r}") == expected


def test_every_form_of_the_command_line_is_read() -> None:
    assert parse_noise("poisson:2.55") == Poisson(2.55 / 255)
    assert parse_noise("gamma:4") == Gamma(4.0)
    assert parse_noise("poisson-gaussian:1,2,3") == PoissonGaussian(1 / 255, 2 / 255, 3 / 255)


@pytest.mark.parametrize(
    "text",
    [
        "gaussian:-3",
        "gaussian:256",
        "gaussian:nan",
        "gaussian:inf",
        "gaussian:0",
        "gaussian:abc",
        "gaussian",
        "gaussian:1,2",
        "poisson:0",
        "poisson-gaussian:1",
        "poisson-gaussian:1,2,3,4",
        "laplace:3",
        "",
        "gamma:0.01",
    ],
)
def test_nonsense_is_refused_in_one_line(text: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_noise(text)
    assert "\n" not in str(caught.value)


def test_a_model_is_read_from_its_file(tmp_path) -> None:
    path = tmp_path / "noise.json"
    path.write_text(json.dumps(MODELS[-1].to_dict()))
    assert isinstance(parse_noise(str(path)), Correlated)
    path.write_text(json.dumps({"noise": Gaussian(0.1).to_dict(), "verdict": []}))
    assert load_noise(path) == Gaussian(0.1)


@pytest.mark.parametrize(
    "content",
    [
        "not json",
        "[]",
        "{}",
        '{"model": "gaussian"}',
        '{"model": "gaussian", "sigma": "loud"}',
        '{"model": "gaussian", "sigma": -1}',
        '{"model": "gaussian", "sigma": NaN}',
        '{"model": "pink"}',
        '{"model": "correlated", "base": {"model": "gaussian", "sigma": 0.1}}',
        '{"model": "correlated", "base": {"model": "gaussian", "sigma": 0.1}, "correlation": [1]}',
        '{"model": "correlated", "base": {"model": "gaussian", "sigma": 0.1},'
        ' "correlation": [[[[0.0]]]]}',
    ],
)
def test_a_broken_file_is_refused_with_its_name(tmp_path, content: str) -> None:
    path = tmp_path / "noise.json"
    path.write_text(content)
    with pytest.raises(InputError, match=r"noise\.json"):
        parse_noise(str(path))


def test_a_missing_file_is_refused(tmp_path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        parse_noise(str(tmp_path / "none.json"))


def test_frames_of_another_channel_count_are_refused() -> None:
    with pytest.raises(InputError, match="channels"):
        Correlated(Gaussian(0.1), SHIFTED).sample(torch.zeros(3, 16, 16), seeded())
