"""The training loop of all networks."""

import copy
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from f2r.system.processes import Processes
from f2r.system.progress import Progress, ProgressCallback
from f2r.train.checkpoint import load_checkpoint, save_checkpoint


@dataclass(frozen=True)
class FitConfig:
    """How to train one network. Training ends with whichever budget is used up first."""

    seconds: float = math.inf
    """Time budget in seconds of training, checkpoints included; > 0."""
    steps: int = 1_000_000
    """Budget in optimiser steps; > 0. A run that is limited by steps only is repeatable."""
    learning_rate: float = 1e-3
    """Peak rate of AdamW; reached after `warmup`, then lowered to zero by a cosine; > 0."""
    warmup: float = 0.02
    """Fraction of the budget over which the rate rises linearly; in [0, 1)."""
    weight_decay: float = 1e-4
    """Decoupled weight decay of AdamW; >= 0."""
    gradient_norm: float = 1.0
    """Gradients are scaled down to this norm; > 0."""
    ema_decay: float = 0.998
    """Decay per step of the averaged weights, which are the result; in [0, 1)."""
    checkpoint_every: float = 60.0
    """Seconds between checkpoints; > 0."""
    judgements: int = 6
    """Number of judgements of the averaged weights during the budget; >= 1."""
    patience: int = 3
    """Training ends early after this many judgements in a row without a new best; >= 1."""


def rate_factor(fraction: float, warmup: float) -> float:
    """Give the learning rate at a `fraction` of the budget, relative to its peak."""
    if fraction < warmup:
        return max(fraction / warmup, 0.02)
    return 0.5 * (1 + math.cos(math.pi * min((fraction - warmup) / (1 - warmup), 1.0)))


def surely_lower(errors: Tensor, before: Tensor) -> bool:
    """Whether the mean of (M,) errors fell by more than the standard error of its fall.

    False for a single error.
    """
    fall = before - errors
    return len(fall) > 1 and bool(fall.mean() > fall.std() / len(fall) ** 0.5)


class Trainer:
    """Trains one network with AdamW, a cosine schedule, averaged weights and exact resume.

    Args:
        stage: name for progress reports.
        model: network to train, in place.
        loss_of: draws a batch with the generator and returns its loss; called once a step.
        config: budgets and rates.
        generator: the only source of randomness of `loss_of`; saved in checkpoints.
        checkpoint: file for state to resume from; None keeps no state.
        processes: connected processes that train together. Each gives the loss of its part of
            the batch; all take the same step with the average gradient. The main one keeps
            the state.
        judge: gives the errors of the averaged weights on samples that are not trained on, (M,);
            the best judged weights are the result, the initial ones unless others are significantly
            better. None takes the last.
    """

    def __init__(  # noqa: PLR0913
        self,
        stage: str,
        model: nn.Module,
        loss_of: Callable[[torch.Generator], Tensor],
        config: FitConfig,
        generator: torch.Generator,
        checkpoint: Path | None = None,
        processes: Processes = Processes(),  # noqa: B008 - frozen
        *,
        judge: Callable[[Any], Tensor] | None = None,
    ) -> None:
        self.processes = processes
        self.stage, self.model, self.loss_of = stage, model, loss_of
        self.config, self.generator, self.checkpoint = config, generator, checkpoint
        self.averaged = copy.deepcopy(model).requires_grad_(False)
        self.optimizer = torch.optim.AdamW(
            model.parameters(),
            lr=config.learning_rate,
            weight_decay=config.weight_decay,
            fused=True,  # one pass over the weights instead of ten
        )
        self.step, self.elapsed = 0, 0.0
        self._loss: Tensor | None = None
        self.judge, self.verdicts = judge, list[float]()
        self.best: dict[str, Tensor] = {}
        self.best_error = math.inf
        self.at_first: Tensor | None = None

    @property
    def loss(self) -> float:
        """Training loss, averaged over the last steps; synchronises with the device."""
        return math.nan if self._loss is None else float(self._loss)

    @property
    def stalled(self) -> bool:
        """Whether the last judgements brought no new best."""
        recent = self.verdicts[-self.config.patience :]
        return len(recent) == self.config.patience and min(self.verdicts) < min(recent)

    @property
    def fraction(self) -> float:
        """Used share of the tighter budget, in [0, 1]."""
        return min(1.0, max(self.step / self.config.steps, self.elapsed / self.config.seconds))

    def run(self, progress: ProgressCallback | None = None) -> None:
        """Train until the budget ends; the model then holds the averaged weights.

        Resumes from the checkpoint when it exists. When interrupted, saves one first.
        """
        self._resume()
        base = time.monotonic() - self.elapsed
        saved = reported = self.elapsed
        try:
            self._consider()
            while self.fraction < 1.0 and not self.stalled:
                self._take_step(base)
                self._consider()
                if self.judge is not None:
                    self.elapsed = time.monotonic() - base
                if (
                    progress
                    and self.processes.is_main
                    and (self.elapsed - reported > 0.5 or self.fraction >= 1.0)
                ):
                    progress(self._report())
                    reported = self.elapsed
                if self.elapsed - saved > self.config.checkpoint_every:
                    self._save()
                    saved = self.elapsed
            self._save()
        except KeyboardInterrupt:
            self._save()
            raise
        self.model.load_state_dict(self.best or self.averaged.state_dict())

    def _report(self) -> Progress:
        left = max(self.config.seconds - self.elapsed, 0.0)
        known = left if math.isfinite(left) else None
        return Progress(self.stage, self.fraction, self.loss, self.step, known)

    def _take_step(self, base: float) -> None:
        factor = rate_factor(self.fraction, self.config.warmup)
        for group in self.optimizer.param_groups:
            group["lr"] = self.config.learning_rate * factor
        loss = self.loss_of(self.generator)
        loss.backward()
        loss = self._agree(loss.detach(), base)
        nn.utils.clip_grad_norm_(self.model.parameters(), self.config.gradient_norm)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.step += 1
        self._average()
        self._loss = loss if self._loss is None else torch.lerp(self._loss, loss, 0.02)

    def _agree(self, loss: Tensor, base: float) -> Tensor:
        """Read the clock; average gradients, loss and clock over the processes.

        The schedule follows the clock, so the processes must agree on it, too.
        """
        self.elapsed = time.monotonic() - base
        if self.processes.count == 1:
            return loss
        gradients = [p.grad for p in self.model.parameters() if p.grad is not None]
        flat = [gradient.flatten() for gradient in gradients]
        extra = torch.stack((loss, loss.new_tensor(self.elapsed)))
        mean = self.processes.mean(torch.cat([*flat, extra]))
        pieces = mean[:-2].split([piece.numel() for piece in flat])
        for gradient, piece in zip(gradients, pieces, strict=True):
            gradient.copy_(piece.view_as(gradient))
        self.elapsed = float(mean[-1])
        return mean[-2]

    @torch.no_grad()
    def _consider(self) -> None:
        """Judge the averaged weights after each part of the budget."""
        due = len(self.verdicts) / self.config.judgements
        if self.judge is None or self.fraction < due:
            return
        errors = self.judge(self.averaged).cpu()
        error = float(errors.mean())
        if self.at_first is None:
            self.at_first, is_best = errors, True
        else:
            is_best = error < self.best_error and surely_lower(errors, self.at_first)
        if is_best:
            self.best = {k: v.clone() for k, v in self.averaged.state_dict().items()}
            self.best_error = error
        self.verdicts.append(error)

    @torch.no_grad()
    def _average(self) -> None:
        # A short run must forget its first weights sooner than ema_decay alone would.
        decay = min(self.config.ema_decay, self.step / (self.step + 10))
        averaged: list[Tensor] = list(self.averaged.parameters())
        current: list[Tensor] = list(self.model.parameters())
        torch._foreach_lerp_(averaged, current, 1 - decay)

    def _save(self) -> None:
        if self.checkpoint is not None and self.processes.is_main:
            save_checkpoint(
                self.checkpoint,
                {
                    "model": self.model.state_dict(),
                    "averaged": self.averaged.state_dict(),
                    "optimizer": self.optimizer.state_dict(),
                    "generator": self.generator.get_state(),
                    "step": self.step,
                    "elapsed": self.elapsed,
                    "loss": self.loss,
                    "verdicts": self.verdicts,
                    "best": self.best,
                    "best_error": self.best_error,
                    "at_first": self.at_first,
                },
            )

    def _resume(self) -> None:
        if self.checkpoint is None:
            return
        exists = self.processes.is_main and self.checkpoint.exists()
        state = self.processes.same(load_checkpoint(self.checkpoint) if exists else None)
        if state is None:
            return
        self.model.load_state_dict(state["model"])
        self.averaged.load_state_dict(state["averaged"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.generator.set_state(state["generator"])
        self.step, self.elapsed = state["step"], state["elapsed"]
        device = next(self.model.parameters()).device
        self._loss = torch.tensor(state["loss"], device=device)
        self.verdicts, self.best = state["verdicts"], state["best"]
        self.best_error, self.at_first = state["best_error"], state["at_first"]
