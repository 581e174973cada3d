"""ResNet-20 on ten thousand photographs: one recipe, carried out by us and by PyTorch.

The recipe: He's initial weights, SGD with Nesterov's momentum along half a cosine, decay of all weights,
batches of 128 in a new order every epoch, every second picture mirrored and each shifted by up to four
pixels. PyTorch's side is written in its own terms: own weights, own order, own shifts. PyTorch is imported
where it is needed.
"""

from __future__ import annotations

import io
import os
import tarfile
from pathlib import Path
from typing import Any

import numpy as np

import cortex_lab as cl

ARCHIVE = "cifar10_jpeg.tar.gz"
RATE, MOMENTUM, DECAY = 0.1, 0.9, 5e-3
BATCH = 128
PIXELS = 4


def photographs() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Pictures, uint8 (n, 32, 32, 3), and class ids of the parts "train" and "test" in CORTEX_LAB_DATA.

    Raises FileNotFoundError if the archive is not there.
    """
    from PIL import Image

    found: dict[str, list[tuple[str, np.ndarray]]] = {"train": [], "test": []}
    with tarfile.open(Path(os.environ.get("CORTEX_LAB_DATA", ".")) / ARCHIVE) as archive:
        for member in archive:
            if member.isfile() and member.name.endswith(".jpg"):
                _, part, label, _ = member.name.split("/")
                content = archive.extractfile(member)
                assert content is not None
                with Image.open(io.BytesIO(content.read())) as picture:
                    found[part].append((label, np.asarray(picture.convert("RGB"))))
    names = sorted({label for label, _ in found["train"]})
    return {
        part: (np.stack([x for _, x in rows]), np.array([names.index(label) for label, _ in rows]))
        for part, rows in found.items()
    }


def standardized() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """The same with each channel's mean and deviation over the training pictures taken out, float32."""
    parts = photographs()
    seen = parts["train"][0]
    mean, deviation = seen.mean(axis=(0, 1, 2)), seen.std(axis=(0, 1, 2))
    return {part: (((x - mean) / deviation).astype(np.float32), y) for part, (x, y) in parts.items()}


def ours(seed: int, epochs: int) -> float:
    """Accuracy on the test pictures after that many epochs."""
    parts = standardized()
    steps = epochs * -(-len(parts["train"][0]) // BATCH)
    session = cl.train(
        cl.Network(cl.models.resnet(20), seed=seed),
        parts["train"],
        "softmax_cross_entropy",
        cl.SGD(cl.CosineDecay(RATE, steps), MOMENTUM, nesterov=True, weight_decay=DECAY),
        batch_size=BATCH,
        seed=seed,
        augment=cl.Augmentation(horizontal_flip=True, shift_range=PIXELS / 32),
    )
    session.step(steps)
    x, y = parts["test"]
    return float((session.network.predict(x).argmax(axis=1) == y).mean())


def pytorch(seed: int, epochs: int) -> float:
    """The same, by PyTorch; on a GPU if it finds one."""
    import torch
    from torch import nn

    from benchmarks.workloads.pytorch import Twin

    device = "cuda" if torch.cuda.is_available() else "cpu"
    parts, random = standardized(), np.random.default_rng(seed)
    torch.manual_seed(seed)
    model = Twin(cl.Network(cl.models.resnet(20)))
    for part in model.modules():
        if isinstance(part, nn.Conv2d | nn.Linear):
            # PyTorch's own initial weights for these are narrower than the recipe's.
            nn.init.kaiming_normal_(part.weight, nonlinearity="relu")
    model = model.to(device)
    x, y = (torch.tensor(values, device=device) for values in parts["train"])
    padded = nn.functional.pad(x.permute(0, 3, 1, 2), 4 * (PIXELS,))
    steps = epochs * -(-len(x) // BATCH)
    optimizer = torch.optim.SGD(model.parameters(), RATE, MOMENTUM, nesterov=True)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for _ in range(epochs):
        order = random.permutation(len(x))
        for start in range(0, len(x), BATCH):
            rows = order[start : start + BATCH]
            batch = _cropped(padded, torch.tensor(rows, device=device), random)
            optimizer.zero_grad(set_to_none=True)
            nn.functional.cross_entropy(model(batch), y[torch.tensor(rows, device=device)]).backward()
            with torch.no_grad():
                for values in model.parameters():
                    values.mul_(1 - schedule.get_last_lr()[0] * DECAY)
            optimizer.step()
            schedule.step()
    model.eval()
    x, y = (torch.tensor(values, device=device) for values in parts["test"])
    with torch.inference_mode():
        return float((model(x.permute(0, 3, 1, 2)).argmax(dim=1) == y).float().mean())


def _cropped(padded: Any, rows: Any, random: np.random.Generator) -> Any:
    """Pictures of (n, 3, 32, 32) at random places of the padded ones, every second mirrored."""
    import torch

    n, (top, left) = len(rows), random.integers(0, 2 * PIXELS + 1, (2, len(rows)))
    down = torch.tensor(top[:, None] + np.arange(32), device=padded.device)
    right = left[:, None] + np.arange(32)
    mirrored = random.uniform(size=n) < 0.5
    right[mirrored] = right[mirrored, ::-1]
    across = torch.tensor(right, device=padded.device)
    # Indexed so, the result is (n, 32, 32, 3).
    return padded[rows[:, None, None], :, down[:, :, None], across[:, None, :]].permute(0, 3, 1, 2)
