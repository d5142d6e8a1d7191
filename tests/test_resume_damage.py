"""A damaged, edited or exchanged file of an interrupted run is refused in one line."""

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from damage import DAMAGES, edit, empty, flip, flip_last, garble, truncate
from f2r.cli.main import main
from f2r.config import DenoiseConfig
from f2r.errors import InputError
from f2r.io.raw.mosaic import Mosaic
from f2r.models.prior import ImagePrior
from f2r.models.weights import load_network, save_network, shipped
from f2r.run.files import denoise_file
from f2r.run.job import FileOptions
from f2r.run.resume.fingerprint import fingerprint_of
from f2r.system.claim import Claim
from synthetic import moving_clip

FILES = ["run.json", "prepared.json", "weights.safetensors", "frames.spool", "picture.sealed"]


def interrupted(folder, config, stage, fraction):
    """Leave behind what a run leaves that is stopped at a stage."""

    def stop(report):
        if report.stage == stage and report.fraction >= fraction:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        denoise_file(str(folder / "in.npy"), folder / "out.npy", config, progress=stop)
    assert not (folder / "out.npy").exists()


def write_clip(path):
    clean = moving_clip(5, 24, 32).permute(0, 2, 3, 1).numpy()
    noise = np.random.default_rng(0).normal(0, 0.08, clean.shape)
    np.save(path, ((clean + noise).clip(0, 1) * 255).round().astype(np.uint8))


@pytest.fixture(scope="module")
def denoising(tmp_path_factory):
    """Stopped while frames are denoised, past the middle."""
    folder = tmp_path_factory.mktemp("denoising")
    write_clip(folder / "in.npy")
    interrupted(folder, DenoiseConfig(sigma=20 / 255, preset="fast"), "denoise", 0.7)
    assert {*FILES} == {p.name for p in (folder / "out.npy.run").iterdir()}
    return folder


@pytest.fixture(scope="module")
def training(tmp_path_factory):
    """Stopped while stage 2 is trained."""
    folder = tmp_path_factory.mktemp("training")
    write_clip(folder / "in.npy")
    interrupted(folder, DenoiseConfig(sigma=20 / 255, steps=1), "stage 2", 1.0)
    return folder


@pytest.fixture(scope="module")
def placing(tmp_path_factory):
    """Stopped when the output was in place and the report was not."""
    folder = tmp_path_factory.mktemp("placing")
    write_clip(folder / "in.npy")

    def block(report):
        if report.stage == "denoise" and report.fraction >= 1:
            (folder / "out.npy.json").mkdir(exist_ok=True)

    config = DenoiseConfig(sigma=20 / 255, preset="fast")
    with pytest.raises(InputError):
        denoise_file(str(folder / "in.npy"), folder / "out.npy", config, progress=block)
    (folder / "out.npy.json").rmdir()
    assert (folder / "out.npy.run" / "placed.json").exists()
    return folder


def copy(folder, tmp_path):
    work = tmp_path / "work"
    shutil.copytree(folder, work)
    return work


def resume(work, *options):
    options = options or ("--preset", "fast")
    names = [str(work / "in.npy"), "-o", str(work / "out.npy"), "--sigma", "20"]
    return main(["denoise", *names, *options, "--resume"])


def content(folder):
    return {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def assert_refused(work, before, code, said, words=""):
    lines = [line for line in said.splitlines() if line.startswith("f2r: ")]
    assert code == 2
    assert len(lines) == 1, said
    assert words in lines[0]
    assert "Traceback" not in said
    assert content(work) == before
    assert not (work / ".out.npy.f2r").exists()


@pytest.fixture(scope="module")
def whole(denoising, tmp_path_factory):
    """Give the bytes of the output of a run that is left alone."""
    work = tmp_path_factory.mktemp("whole")
    shutil.copy2(denoising / "in.npy", work)
    config = DenoiseConfig(sigma=20 / 255, preset="fast")
    denoise_file(str(work / "in.npy"), work / "out.npy", config)
    return (work / "out.npy").read_bytes()


def test_an_undamaged_run_goes_on(denoising, tmp_path, whole):
    work = copy(denoising, tmp_path)
    assert resume(work) == 0
    assert (work / "out.npy").read_bytes() == whole
    names = ["in.npy", "out.npy", "out.npy.json", "out.npy.png"]
    assert sorted(content(work)) == [Path(name) for name in names]


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("name", FILES)
def test_a_damaged_file_is_refused(denoising, tmp_path, capsys, whole, name, damage):
    work = copy(denoising, tmp_path)
    damage(work / "out.npy.run" / name)
    before = content(work)
    code = resume(work)
    if name == "frames.spool" and code == 0:  # a torn end is made again
        assert damage in {truncate, empty, flip_last, garble, edit}
        assert (work / "out.npy").read_bytes() == whole
        return
    assert_refused(work, before, code, capsys.readouterr().err)


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_training_state_is_refused(training, tmp_path, capsys, damage):
    work = copy(training, tmp_path)
    damage(work / "out.npy.run" / "temporal.ckpt")
    before = content(work)
    code = resume(work, "--steps", "1")
    assert_refused(work, before, code, capsys.readouterr().err)


def test_a_damaged_state_of_stage_2_is_refused(training, tmp_path, capsys):
    work = copy(training, tmp_path)
    flip(work / "out.npy.run" / "refiner.ckpt")
    (work / "out.npy.run" / "temporal.ckpt").unlink()
    before = content(work)
    code = resume(work, "--steps", "1")
    after = content(work)
    assert after.pop(Path("out.npy.run/temporal.ckpt"))  # trained again, and kept again
    assert after == before
    (work / "out.npy.run" / "temporal.ckpt").unlink()
    assert_refused(work, before, code, capsys.readouterr().err, "refiner.ckpt: is damaged")


@pytest.mark.parametrize("kills", [1, 2])
def test_a_run_that_was_killed_after_placing_its_output_goes_on(placing, tmp_path, whole, kills):
    work = tmp_path / "work"
    shutil.copytree(placing, work, copy_function=os.link)
    assert (work / "out.npy").exists()
    if kills == 2:  # the second time, before the output was replaced
        part = work / "part"
        part.write_bytes(b"unfinished")
        with Claim(work / "out.npy", ledger=work / "out.npy.run" / "placed.json") as claim:
            claim._note(part, work / "out.npy")
        part.unlink()
    assert resume(work) == 0
    assert (work / "out.npy").read_bytes() == whole
    assert not (work / "out.npy.run").exists()


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_ledger_never_costs_the_output(placing, tmp_path, capsys, damage):
    work = tmp_path / "work"
    shutil.copytree(placing, work, copy_function=os.link)
    ledger = work / "out.npy.run" / "placed.json"
    data = ledger.read_bytes()
    ledger.unlink()
    ledger.write_bytes(data)
    damage(ledger)
    before = content(work)
    code = resume(work)
    assert_refused(work, before, code, capsys.readouterr().err)


def test_an_edited_identity_is_not_believed(denoising, tmp_path, capsys):
    work = copy(denoising, tmp_path)
    stamp = work / "out.npy.run" / "run.json"
    found = json.loads(stamp.read_text())
    found["config"]["seed"] = 3
    stamp.write_text(json.dumps(found))
    before = content(work)
    code = resume(work, "--preset", "fast", "--seed", "3")
    assert_refused(work, before, code, capsys.readouterr().err, "run.json: is damaged")


def test_frames_without_their_decisions_are_refused(denoising, tmp_path, capsys):
    work = copy(denoising, tmp_path)
    (work / "out.npy.run" / "prepared.json").unlink()
    before = content(work)
    code = resume(work)
    assert_refused(work, before, code, capsys.readouterr().err, "prepared.json: is damaged")


def test_a_damaged_run_can_be_thrown_away(denoising, tmp_path):
    work = copy(denoising, tmp_path)
    for name in FILES[1:]:
        flip(work / "out.npy.run" / name)
    edit(work / "out.npy.run" / "run.json")
    names = [str(work / "in.npy"), "-o", str(work / "out.npy"), "--sigma", "20"]
    assert main(["denoise", *names, "--preset", "fast", "--overwrite"]) == 0
    assert not (work / "out.npy.run").exists()


def test_an_input_of_the_same_size_and_time_is_told_apart(denoising, tmp_path, capsys):
    work = copy(denoising, tmp_path)
    facts = (work / "in.npy").stat()
    flip(work / "in.npy", 0.37)
    os.utime(work / "in.npy", ns=(facts.st_atime_ns, facts.st_mtime_ns))
    assert (work / "in.npy").stat().st_mtime_ns == facts.st_mtime_ns
    before = content(work)
    code = resume(work)
    assert_refused(work, before, code, capsys.readouterr().err, "belongs to another input")


def test_one_changed_byte_of_a_folder_of_frames_is_seen(tmp_path):
    for i in range(200):
        (tmp_path / f"{i:03}.png").write_bytes(bytes([i]) * 70_000)
    before = fingerprint_of(tmp_path)
    facts = (tmp_path / "150.png").stat()
    flip(tmp_path / "150.png", 0.95)
    os.utime(tmp_path / "150.png", ns=(facts.st_atime_ns, facts.st_mtime_ns))
    assert fingerprint_of(tmp_path) != before


def test_weights_that_changed_since_are_refused(denoising, tmp_path, capsys):
    work = tmp_path / "work"
    work.mkdir()
    shutil.copy2(denoising / "in.npy", work)
    own = work / "prior.safetensors"
    shutil.copy2(shipped(ImagePrior), own)
    config = DenoiseConfig(sigma=20 / 255, preset="fast", weights=str(own))
    interrupted(work, config, "denoise", 0.7)
    network = load_network(own, ImagePrior)
    with torch.no_grad():
        next(network.parameters()).mul_(1.5)
    save_network(own, network, {})
    before = content(work)
    code = resume(work, "--preset", "fast", "--weights", str(own))
    assert_refused(work, before, code, capsys.readouterr().err, "belongs to another weights")


def test_a_raw_run_does_not_go_on_as_another_mosaic(tmp_path, capsys):
    frames = np.random.default_rng(0).integers(100, 4000, (4, 32, 32), dtype=np.uint16)
    np.save(tmp_path / "in.npy", frames)
    raw = ["--pattern", "RGGB", "--white", "4095"]
    names = ["denoise", str(tmp_path / "in.npy"), "-o", str(tmp_path / "out.npy"), "--sigma", "9"]
    made = [*names, "--preset", "fast", *raw]
    mosaic = Mosaic("RGGB", (0, 0, 0, 0), 4095)

    def stop(report):
        if report.stage == "denoise":
            raise KeyboardInterrupt

    files = FileOptions(mosaic=mosaic)
    config = DenoiseConfig(sigma=9 / 255, preset="fast")
    with pytest.raises(KeyboardInterrupt):
        denoise_file(names[1], tmp_path / "out.npy", config, files, progress=stop)
    assert main([*made, "--black", "64", "--resume"]) == 2
    assert "belongs to another output" in capsys.readouterr().err
