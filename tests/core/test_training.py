import os

import pytest
import torch
from torch import nn

from f2r.train.loop import FitConfig, Trainer, rate_factor


def regression(seed=0):
    torch.manual_seed(seed)
    model = nn.Linear(4, 1)

    def loss_of(generator):
        x = torch.randn(16, 4, generator=generator)
        return (model(x) - x.sum(1, keepdim=True)).square().mean()

    return model, loss_of


def train(path, steps, stop_at=None):
    model, loss_of = regression()
    calls = 0

    def stopping(generator):
        nonlocal calls
        calls += 1
        if stop_at is not None and calls > stop_at:
            raise KeyboardInterrupt
        return loss_of(generator)

    trainer = Trainer(
        "test", model, stopping, FitConfig(steps=steps), torch.Generator().manual_seed(1), path
    )
    trainer.run()
    return model


def test_training_learns():
    model, loss_of = regression()
    before = loss_of(torch.Generator().manual_seed(9)).item()
    config = FitConfig(steps=400, learning_rate=0.05)
    Trainer("test", model, loss_of, config, torch.Generator().manual_seed(1)).run()
    assert loss_of(torch.Generator().manual_seed(9)).item() < 0.05 * before


def test_an_interrupted_run_resumes_exactly(tmp_path):
    whole = train(tmp_path / "whole.ckpt", 40)
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "cut.ckpt", 40, stop_at=17)
    resumed = train(tmp_path / "cut.ckpt", 40)
    for a, b in zip(whole.parameters(), resumed.parameters(), strict=True):
        assert torch.equal(a, b)


def test_an_interrupt_while_the_last_state_is_written_still_leaves_one(tmp_path, monkeypatch):
    """Ctrl-C between the last step and the file's rename once lost the whole stage."""
    real, calls = os.fsync, []

    def interrupted_once(descriptor):
        calls.append(descriptor)
        if len(calls) == 1:
            raise KeyboardInterrupt
        real(descriptor)

    monkeypatch.setattr(os, "fsync", interrupted_once)
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "last.ckpt", 5)
    assert (tmp_path / "last.ckpt").exists()


def test_the_rate_rises_then_falls_to_zero():
    factors = [rate_factor(f / 100, 0.1) for f in range(101)]
    assert max(factors) == pytest.approx(1.0)
    assert factors[-1] == pytest.approx(0.0, abs=1e-9)
    assert factors[5] == pytest.approx(0.5)


def test_the_time_budget_ends_training():
    model, loss_of = regression()
    trainer = Trainer("test", model, loss_of, FitConfig(seconds=0.3), torch.Generator())
    trainer.run()
    assert 0.3 <= trainer.elapsed < 1.0


def test_a_resumed_stage_reports_the_rest_of_its_time(tmp_path, monkeypatch):
    moment, reports = [0.0], []
    monkeypatch.setattr("f2r.train.loop.time.monotonic", lambda: moment[0])

    def run(steps):
        model, loss_of = regression()

        def one_second(generator):
            if moment[0] == steps:
                raise KeyboardInterrupt
            moment[0] += 1
            return loss_of(generator)

        config = FitConfig(seconds=100, checkpoint_every=1000)
        generator = torch.Generator().manual_seed(1)
        Trainer("test", model, one_second, config, generator, tmp_path / "c").run(reports.append)

    with pytest.raises(KeyboardInterrupt):
        run(40)
    assert (reports[0].left, reports[-1].left) == (99, 60)
    reports.clear()
    run(None)
    assert (reports[0].left, reports[-1].left) == (59, 0)


def judged(errors, steps=100):
    """Train with a judge that gives `errors` one after the other, each of some samples."""
    model, loss_of = regression()
    first = {k: v.clone() for k, v in model.state_dict().items()}
    given = iter(errors)
    config = FitConfig(steps=steps, judgements=10, patience=3)
    trainer = Trainer(
        "test",
        model,
        loss_of,
        config,
        torch.Generator().manual_seed(1),
        judge=lambda _: torch.tensor(next(given), dtype=torch.float32),
    )
    trainer.run()
    return trainer, first


def test_training_that_only_harms_returns_the_weights_it_started_from():
    trainer, first = judged([[k, k] for k in (1, 2, 3, 4, 5, 6)])
    assert trainer.stalled
    assert trainer.step == 30
    for name, value in trainer.model.state_dict().items():
        assert torch.equal(value, first[name])


def test_weights_that_may_be_better_by_chance_are_not_taken():
    level = [1.0, 1.0, 1.0, 1.0]
    trainer, first = judged(
        [level, [2.0, 0.5, 1.0, 0.4], [1.0, 0.9, 1.0, 1.0], level, level, level]
    )
    for name, value in trainer.model.state_dict().items():
        assert torch.equal(value, first[name])
    trainer, first = judged([level, [0.9, 0.8, 0.9, 0.7], level, level, level, level])
    assert not torch.equal(trainer.model.weight, first["weight"])
    scattered = [2.4, 0.0, 0.5, 0.3]  # lower on average, by chance perhaps
    trainer, first = judged([level, scattered, [0.9, 0.8, 0.9, 0.7], level, level, level])
    assert not torch.equal(trainer.model.weight, first["weight"])
    trainer, first = judged([[1.0], [0.7], [0.9], [0.9], [0.9]])
    assert torch.equal(trainer.model.weight, first["weight"])


def test_training_goes_on_while_the_judge_sees_progress():
    trainer, first = judged([[10 - k, 10 - k] for k in range(11)])
    assert not trainer.stalled
    assert trainer.step == 100
    assert not torch.equal(trainer.model.weight, first["weight"])
