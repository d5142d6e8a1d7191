from dataclasses import replace

import numpy as np
import pytest
import torch

from f2r.errors import InputError
from f2r.models.noise_level import PATCH_SIDE, NoiseLevels, load_noise_level
from f2r.train.corpus.codecs import DRAWS, Coding, code, draw_coding
from f2r.train.corpus.coded_clips import LUMA_STEPS, CodedExample, SceneConfig, draw_example
from f2r.train.corpus.noise_level_training import (
    NoiseLevelConfig,
    draw_patches,
    load_scenes,
    loss_of,
    train_noise_level,
)
from f2r.train.corpus.textures import dead_leaves, draw_texture_scene, noise_field
from synthetic import moving_clip


@pytest.fixture(scope="module")
def pixels() -> np.ndarray:
    clip = moving_clip(12, 96, 128)
    return (255 * clip.permute(0, 2, 3, 1)).round().clamp(0, 255).to(torch.uint8).numpy()


@pytest.mark.parametrize("make", [make for make, _ in DRAWS], ids=lambda make: make.__name__)
def test_every_encoder_gives_the_clip_back_nearly(make, pixels: np.ndarray) -> None:
    coding = make(np.random.default_rng(0))
    frames = np.stack(code(pixels, coding))
    assert frames.shape == pixels.shape
    assert frames.dtype == np.float32
    assert np.abs(frames - pixels / 255).mean() < 0.04


def test_finer_coding_is_closer_and_draws_repeat(pixels: np.ndarray) -> None:
    errors = [
        np.abs(np.stack(code(pixels, Coding("libx264", {"crf": str(crf)}))) - pixels / 255).mean()
        for crf in (10, 40)
    ]
    assert errors[0] < 0.7 * errors[1]
    assert draw_coding(np.random.default_rng(4)) == draw_coding(np.random.default_rng(4))


def test_examples_know_their_noise(pixels: np.ndarray) -> None:
    uncoded = SceneConfig(
        clean_share=0, raw_share=1, grey_share=0, scale_low=1, scale_high=1, texture_share=0
    )
    example = draw_example([pixels], uncoded, np.random.default_rng(1))
    assert example.coding == "none"
    assert example.survived > 0.8
    assert example.remaining == pytest.approx(example.noise, rel=0.2)
    clean = draw_example([pixels], replace(uncoded, clean_share=1), np.random.default_rng(1))
    assert (clean.noise, clean.survived) == (0, 0)
    assert clean.remaining < 0.5 / 255


def test_textures_are_drawn_with_and_without_photographs() -> None:
    rng = np.random.default_rng(2)
    still = rng.integers(0, 256, (600, 800, 3), dtype=np.uint8)
    for stills in ([], [still]):
        for _ in range(4):
            scene = draw_texture_scene(stills, (4, 64, 80), rng)
            assert (scene.shape, scene.dtype) == ((4, 64, 80, 3), np.float32)
            assert 0 <= scene.min() < scene.max() <= 1
    for make in (dead_leaves, noise_field):
        sheet = make(rng)
        assert (sheet.dtype, sheet.shape[2]) == (np.uint8, 3)
        assert sheet.std() > 2


def test_textures_are_among_the_examples(pixels: np.ndarray) -> None:
    config = SceneConfig(texture_share=1, texture_clean_share=1)
    example = draw_example([pixels], config, np.random.default_rng(1), [pixels[0]])
    assert example.noise == 0


def test_patches_come_from_the_example_in_order() -> None:
    ramp = (np.arange(8) * LUMA_STEPS // 8).astype(np.int16)
    frames = np.tile(ramp[:, None, None], (1, 96, 128))
    example = CodedExample(frames, 0.1, 1.0, 0.1, "none")
    steps = []
    for seed in range(20):
        patches = draw_patches(example, 5, torch.Generator().manual_seed(seed))
        assert patches.shape == (5, 3, PATCH_SIDE, PATCH_SIDE)
        steps.append(patches[-1, :, 0, 0].diff())
    rising = [bool((step > 0.1).all()) for step in steps]
    assert sum(rising) > 15  # the others have no other frames


def test_the_loss_is_least_where_the_levels_are_right() -> None:
    example = CodedExample(np.zeros((3, 64, 64), np.int16), 16 / 255, 0.9, 4 / 255, "none")
    losses = [
        float(
            loss_of(
                NoiseLevels(torch.full((1, 4), level), torch.tensor([-9.0]), torch.tensor([2.0])),
                [example],
                NoiseLevelConfig(),
            )
        )
        for level in (3.0, 4.0, 5.0)
    ]
    assert losses[1] < min(losses[0], losses[2])
    assert losses[2] < losses[0]  # too low costs more


@pytest.mark.slow
def test_a_short_training_writes_weights(tmp_path, pixels: np.ndarray) -> None:
    np.save(tmp_path / "clip.npy", pixels)
    config = NoiseLevelConfig(most_examples=3, batch=2, patches=2)
    output = tmp_path / "noise_level.safetensors"
    train_noise_level([tmp_path / "clip.npy"], [], output, 1.0, 0, config=config)
    again = load_noise_level(output)
    assert again(torch.rand(1, 2, 3, PATCH_SIDE, PATCH_SIDE)).levels.shape == (1, 4)


def test_without_scenes_there_is_no_training() -> None:
    with pytest.raises(InputError, match="no scenes"):
        load_scenes([], [], NoiseLevelConfig(), np.random.default_rng(0))
