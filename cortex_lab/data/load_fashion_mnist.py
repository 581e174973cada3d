"""70,000 pictures of clothes, 28 x 28 pixels in gray: 60,000 to train on, 10,000 to test on.

Xiao, Rasul, Vollgraf, Fashion-MNIST: a novel image dataset for benchmarking machine learning algorithms
(2017). Read from a folder, as the four IDX files of its authors, which are called as those of MNIST are;
where there is none, they are downloaded, once.
"""

from __future__ import annotations

from pathlib import Path

from cortex_lab.data.dataset import Dataset
from cortex_lab.data.downloading import cache_folder, downloaded
from cortex_lab.data.finding import find_files
from cortex_lab.data.load_mnist import FILES, of_arrays, of_idx, remotes

FOLDERS = ("fashion_mnist", "fashion-mnist", "FashionMNIST", "fashion")
SERVER = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"
SIZES = (26_421_880, 29_515, 4_422_102, 5_148)
HASHES = (
    "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
    "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
    "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
    "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
)
CLASSES = (
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
)  # fmt: skip


def load(
    folder: str | Path | None = None, validation: float | int = 0.0, seed: int = 0, download: bool = True
) -> Dataset:
    """`image` 28x28x1 bytes and `label` 0 to 9, which `CLASSES` here names, with the official split."""
    try:
        # MNIST's files have the same names, so only folders of this name are looked into.
        paths = find_files("fashion_mnist", FILES, folder, own=FOLDERS)
    except FileNotFoundError as error:
        if folder is not None:
            raise
        try:
            paths = find_files("fashion_mnist", FILES, cache_folder("fashion_mnist"))
        except FileNotFoundError:
            paths = downloaded("fashion_mnist", remotes(SERVER, SIZES, HASHES), str(error), download)
    return of_arrays("fashion_mnist", of_idx(paths), validation, seed)
