"""The networks behind `view_score`: their layers, their training with torch, and their form for TensorFlow Lite."""

import os
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf
import torch
from torch import nn
from torch.nn import functional as F
from view_covers import painted

CHANNELS = (16, 32, 48, 64)
#: Stages, by number, that end with a residual block.
DEEP = (2, 3)
BATCH, DECAY, LARGEST_SHIFT_PX = 128, 1e-3, 2


class Convolution(nn.Module):
    """3 x 3, with batch normalisation; a stride of 2 pads at the end only, as TensorFlow does."""

    def __init__(self, before: int, after: int, stride: int) -> None:
        super().__init__()
        self.kernel = nn.Conv2d(before, after, 3, stride, 1 if stride == 1 else 0, bias=False)
        self.norm = nn.BatchNorm2d(after, momentum=0.01, eps=1e-3)
        nn.init.xavier_uniform_(self.kernel.weight)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.norm(self.kernel(x if self.kernel.stride == (1, 1) else F.pad(x, (0, 1, 0, 1))))


class Network(nn.Module):
    """A picture's log-odds of being whole, (n, 1), from its normalised pixels, (n, 1, 64, 64)."""

    def __init__(self) -> None:
        super().__init__()
        self.convolutions = nn.ModuleList()
        before = 1
        for stage, after in enumerate(CHANNELS):
            self.convolutions.append(Convolution(before, after, 2))
            self.convolutions.extend(Convolution(after, after, 1) for _ in range(2 * (stage in DEEP)))
            before = after
        self.hidden, self.out = nn.Linear(16 * before, 32), nn.Linear(32, 1)
        for layer in (self.hidden, self.out):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        convolutions = iter(self.convolutions)
        for stage in range(len(CHANNELS)):
            x = F.relu(next(convolutions)(x))
            if stage in DEEP:
                more = next(convolutions)(x)
                x = F.relu(x + next(convolutions)(F.relu(more)))
        x = F.dropout(x.permute(0, 2, 3, 1).flatten(1), 0.4, self.training)
        return self.out(F.dropout(F.relu(self.hidden(x)), 0.3, self.training))


def trained(
    inputs: np.ndarray, whole: np.ndarray, seed: int, steps: int, rate: float, start: Path | None, paint: bool
) -> Network:
    """The network after some steps of AdamW over pictures, (n, 64, 64, 1), each flipped and shifted at random.

    start: weights of an earlier training to go on from. paint: tear and cover some whole pictures at each step.
    """
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    pictures = torch.from_numpy(inputs.transpose(0, 3, 1, 2))
    network = Network().to(memory_format=torch.channels_last)
    if start is not None:
        network.load_state_dict(torch.load(start))
    weights = list(network.parameters())
    groups = [
        {"params": [one for one in weights if one.ndim > 1], "weight_decay": DECAY},
        {"params": [one for one in weights if one.ndim == 1], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    order, losses = np.empty(0, int), []
    for step in range(steps):
        if len(order) < BATCH:
            order = rng.permutation(len(pictures))
        chosen, order = order[:BATCH], order[BATCH:]
        views, is_whole = pictures[chosen].float(), whole[chosen].copy()
        if paint:
            painted(views[:, 0].numpy(), is_whole, rng)
        wanted = torch.from_numpy(0.01 + 0.98 * is_whole.astype(np.float32))
        views = _varied(views, rng).contiguous(memory_format=torch.channels_last)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            odds = network(views)
        loss = F.binary_cross_entropy_with_logits(odds.float()[:, 0], wanted)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
        if step % 100 == 99:
            print(f"step {step + 1} of {steps}: loss {np.mean(losses[-100:]):.4f}", flush=True)
    return network.eval()


def _varied(views: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
    """Flipped, shifted by some pixels, of another contrast."""
    flipped = torch.from_numpy(rng.random(len(views)) < 0.5)
    views[flipped] = views[flipped].flip(3)
    size = views.shape[2]
    wide = F.pad(views, (LARGEST_SHIFT_PX,) * 4, mode="replicate")
    places = rng.integers(0, 2 * LARGEST_SHIFT_PX + 1, (len(views), 2)).tolist()
    views = torch.stack(
        [view[:, y : y + size, x : x + size] for view, (y, x) in zip(wide, places, strict=True)]
    )
    contrast = np.exp(rng.normal(0, 0.1, (len(views), 1, 1, 1))).astype(np.float32)
    return views * torch.from_numpy(contrast)


def as_tflite(network: Network) -> bytes:
    """The file of TensorFlow Lite, with weights of 16 bits: one picture, (1, 64, 64, 1), in, its log-odds out."""
    layers = tf.keras.layers
    values = {name: value.numpy() for name, value in network.state_dict().items()}
    filled: list[tuple[Any, list[np.ndarray]]] = []

    def filled_later(layer: Any, *weights: np.ndarray) -> Any:
        filled.append((layer, list(weights)))
        return layer

    def convolved(x: Any, number: int, stride: int) -> Any:
        kernel = values[f"convolutions.{number}.kernel.weight"].transpose(2, 3, 1, 0)
        layer = layers.Conv2D(kernel.shape[-1], 3, stride, padding="same", use_bias=False)
        names = ("weight", "bias", "running_mean", "running_var")
        norm = [values[f"convolutions.{number}.norm.{name}"] for name in names]
        x = filled_later(layer, kernel)(x)
        return filled_later(layers.BatchNormalization(epsilon=1e-3), *norm)(x)

    x = view = layers.Input(batch_shape=(1, 64, 64, 1))
    number = 0
    for stage in range(len(CHANNELS)):
        x, number = layers.ReLU()(convolved(x, number, 2)), number + 1
        if stage in DEEP:
            more = convolved(layers.ReLU()(convolved(x, number, 1)), number + 1, 1)
            x, number = layers.ReLU()(layers.Add()([x, more])), number + 2
    x = layers.Flatten()(x)
    for name, layer in (("hidden", layers.Dense(32, activation="relu")), ("out", layers.Dense(1))):
        x = filled_later(layer, values[f"{name}.weight"].T, values[f"{name}.bias"])(x)
    for layer, weights in filled:
        layer.set_weights(weights)
    converter = tf.lite.TFLiteConverter.from_keras_model(tf.keras.Model(view, x))
    converter.optimizations, converter.target_spec.supported_types = [tf.lite.Optimize.DEFAULT], [tf.float16]
    converted: bytes = converter.convert()
    return converted
