"""Texts as sequences of whole numbers, one for each word, for an Embedding to read."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from cortex_lab.ground import checks

PADDING, UNKNOWN, FIRST = 0, 1, 2
Texts: TypeAlias = pd.Series | pd.DataFrame | ArrayLike
LONGEST = 200
"""Words of a text that are read where nothing is said."""


class WordIds:
    """A column of texts as rows (length,) of ids; `dataset.prepared(WordIds())`, as scikit-learn transforms.

    0 is padding, which stands behind the words, so `Embedding(ids.count, 32, mask_zero=True)` lets the
    recurrent layers behind it pass over it; 1 is a word that was not learned, and others have ids from 2 on,
    by how often they occur in the rows to train on. A gap is a text without words.

    Parameters
    ----------
    length
        Words of a text that are read, of longer ones the first; None is the longest there is, at most 200.
    most
        Words that are learned, the rest are unknown.
    least
        How often a word has to occur to be learned.
    lower
        Whether capitals are read as small letters.

    `words_` are those learned, `length_` is the length, `count` how many ids there are.
    """

    def __init__(
        self, length: int | None = None, most: int = 10_000, least: int = 1, lower: bool = True
    ) -> None:
        self.length, self.most, self.least, self.lower = length, most, least, lower

    def fit(self, texts: Texts, targets: object = None) -> WordIds:
        """Learn the words of `texts`, a column of them or a frame of one."""
        length = None if self.length is None else checks.whole("length", self.length, least=1)
        most, least = checks.whole("most", self.most, least=1), checks.whole("least", self.least, least=1)
        checks.flag("lower", self.lower)
        column = _column(texts)
        split = [self._split(text) for text in column]
        counts = Counter(word for words in split for word in words)
        kept = sorted(
            (word for word in counts if counts[word] >= least), key=lambda word: (-counts[word], word)
        )
        if not kept:
            raise ValueError(f"column {column.name!r} has no word that occurs {least} times or more")
        # Words as an array are saved in a few bytes each; one that is very long would be as long in all
        # places.
        self.words_ = np.array([word[:64] for word in kept[:most]])
        self.length_ = min(max(map(len, split)), LONGEST) if length is None else length
        self.cut_ = sum(len(words) > self.length_ for words in split)
        return self

    def transform(self, texts: Texts) -> np.ndarray:
        """(n, length) whole numbers."""
        column = _column(texts)
        ids = {word: place for place, word in enumerate(self.words_.tolist(), start=FIRST)}
        found = np.full((len(column), self.length_), PADDING, np.int64)
        for row, text in enumerate(column):
            words = self._split(text)[: self.length_]
            found[row, : len(words)] = [ids.get(word[:64], UNKNOWN) for word in words]
        return found

    def fit_transform(self, texts: Texts, targets: object = None) -> np.ndarray:
        """What `transform` says after `fit`."""
        return self.fit(texts, targets).transform(texts)

    def inverse_transform(self, ids: ArrayLike) -> np.ndarray:
        """The words of rows of ids, in one text each; those that were not learned are "?"."""
        known = np.array(["", "?", *self.words_.tolist()], object)
        rows = np.clip(np.asarray(ids).astype(np.int64), 0, len(known) - 1)
        return np.array([" ".join(filter(None, known[row])) for row in rows], object)[:, None]

    @property
    def count(self) -> int:
        """How many ids there are: what an Embedding has to be made for."""
        return len(self.words_) + FIRST

    def told(self) -> str:
        """How many words it learned, and of how many texts the end is not read."""
        cut = f"; {self.cut_:,} texts are longer, and cut" if self.cut_ else ""
        return f"{len(self.words_):,} words learned, texts of up to {self.length_} words{cut}"

    def get_feature_names_out(self, input_features: Iterable[str] | None = None) -> np.ndarray:
        """A name for each place of a sequence."""
        return np.array([f"word {place}" for place in range(self.length_)], object)

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """What it was made with."""
        return {name: getattr(self, name) for name in ("length", "most", "least", "lower")}

    def set_params(self, **params: Any) -> WordIds:
        """Change what it was made with."""
        for name, value in params.items():
            if name not in self.get_params():
                raise ValueError(f"WordIds has no {name!r}; it has {', '.join(self.get_params())}")
            setattr(self, name, value)
        return self

    def _split(self, text: object) -> list[str]:
        if not isinstance(text, str):
            return []
        return re.findall(r"\w+|[^\w\s]", text.lower() if self.lower else text)

    def __repr__(self) -> str:
        given = ", ".join(f"{name}={value!r}" for name, value in self.get_params().items())
        return f"WordIds({given})"


def _column(texts: Texts) -> pd.Series:
    if isinstance(texts, pd.DataFrame):
        if texts.shape[1] != 1:
            raise ValueError(
                f"WordIds reads one column, got {', '.join(map(repr, texts.columns))}; give each an input "
                f"of its "
                "own: Dataset(frame, {'title': 'title', 'text': 'text'}, ...)"
            )
        return texts.iloc[:, 0]
    return texts if isinstance(texts, pd.Series) else pd.Series(np.asarray(texts).reshape(-1))
