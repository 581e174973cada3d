"""Modules of PyTorch whose exports to ONNX have what exports usually have."""

from __future__ import annotations

from typing import Any


def models(torch: Any) -> list[tuple[Any, Any]]:
    """Modules, each with what it reads."""
    nn, cut = torch.nn, torch.nn.functional

    class Words(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.table, self.lstm = nn.Embedding(9, 5), nn.LSTM(5, 4, batch_first=True, bidirectional=True)
            self.end = nn.Linear(8, 3)

        def forward(self, x: Any) -> Any:
            return self.end(self.lstm(self.table(x))[0][:, -1])

    class Residual(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.norm = nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8)
            self.by_channel, self.act = nn.Conv2d(8, 8, 3, padding=1, groups=8), nn.Hardswish()
            self.pool, self.all = nn.MaxPool2d(3, 2, 1), nn.AdaptiveAvgPool2d(1)
            self.end, self.last = nn.Linear(8, 4), nn.LayerNorm(4)

        def forward(self, x: Any) -> Any:
            x = torch.relu(self.norm(self.first(x)))
            x = self.pool(x + self.act(self.by_channel(x)))
            x = torch.cat([x, x[:, :, :, :]], 1)[:, :8]
            x = cut.interpolate(x * torch.sigmoid(self.all(x)), scale_factor=2)
            return self.last(self.end(self.all(x).view(x.size(0), -1)))

    class Wide(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.act = nn.Conv2d(3, 8, 3, stride=2), nn.PReLU(8)
            self.larger, self.second = nn.ConvTranspose2d(8, 8, 3, 2, 1, 1), nn.Conv2d(8, 8, 2, 2)
            self.end = nn.Linear(72, 4)

        def forward(self, x: Any) -> Any:
            x = self.second(self.larger(self.act(self.first(x))))
            return torch.log_softmax(self.end(torch.flatten(x, 1)), -1)

    image = torch.randn(3, 3, 8, 8)
    return [(Words(), torch.randint(0, 9, (3, 6))), (Residual(), image), (Wide(), image)]
