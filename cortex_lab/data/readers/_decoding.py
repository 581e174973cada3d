"""How a picture's file becomes pixels: looked at before it is unpacked, turned, and of one mode."""

from __future__ import annotations

import io
import os
import threading
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cortex_lab.ground import forks
from cortex_lab.ground.files import DamagedFile

GRAY = ("1", "L", "LA", "La", "I;16", "I;16B", "I;16L")
CLEAR = ("LA", "La", "PA", "RGBA", "RGBa")
_FOR_EYES = ("1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr", "LAB", "HSV")
_TURNED = 0x0112
_JPEG = b"\xff\xd8\xff"
_WHERE_TURNS_ARE = ("exif", "xmp", "XML:com.adobe.xmp", "Raw profile type exif", "Raw profile type APP1")
MOST_PIXELS = 89_478_485
"""Of one picture: 16,000 by 5,600. A file that states more was made to fill somebody's memory."""
MOST_AT_ONCE = 32 * 2**20
"""Of a file, bytes that are read in one go."""
_QUIET = forks.freed(threading.Lock())


@dataclass(frozen=True)
class PictureDecoder:
    """How a file becomes pixels: (height, width, channels) bytes, turned as its EXIF says.

    A picture of another size is fitted to this one if `resize`, and is an error otherwise.
    """

    height: int
    width: int
    channels: int
    resize: bool = False

    @property
    def shape(self) -> tuple[int, int, int]:
        return self.height, self.width, self.channels

    def __call__(self, path: str | os.PathLike) -> np.ndarray:
        """The pixels of one file; `DamagedFile` if it is no whole picture."""
        with _opened(path) as image:
            return self._pixels(image, path)

    def _pixels(self, image: Any, path: str | os.PathLike) -> np.ndarray:
        from PIL import ImageOps

        if self.resize:
            # A JPEG can be read at a half, a quarter or an eighth, which is most of the way there.
            image.draft(None, (self.width * 2, self.height * 2))
        if _may_be_turned(image):
            image = ImageOps.exif_transpose(image)
        image = _in_channels(image, self.channels)
        if image.size != (self.width, self.height):
            if not self.resize:
                raise DamagedFile(
                    path,
                    f"is {image.height} by {image.width} pixels, others {self.height} by {self.width}",
                    remedy="say what size all are fitted to: size=(height, width)",
                )
            image = image.resize((self.width, self.height), 2)
        return np.asarray(image, np.uint8).reshape(self.shape)


@dataclass(frozen=True)
class Beginning:
    """What the beginning of a file says of its picture."""

    height: int
    width: int
    mode: str
    turned: bool


def look(path: Path) -> Beginning:
    """What the beginning of a file says; `DamagedFile` if it is no picture, or states too many pixels."""
    with _opened(path, whole=False) as image:
        # A PNG would be decoded to be asked for it.
        exif = {} if image.format == "PNG" and "exif" not in image.info else image.getexif()
        turned = exif.get(_TURNED, 1) in range(2, 9)
        width, height = image.size
        # Pillow turns a TIFF itself.
        if turned and exif[_TURNED] >= 5 and image.format != "TIFF":
            width, height = height, width
        mode = image.mode
        if mode == "P" and "transparency" in image.info:
            mode = "PA"
        checked = image.format == "PNG"
    if checked:
        # Its checksums are not looked at when it is decoded.
        with _opened(path) as image:
            image.verify()
    return Beginning(height, width, mode, turned)


class _opened:
    """A picture whose beginning was read, to be closed again; what is wrong with it is a `DamagedFile`."""

    def __init__(self, path: str | os.PathLike, whole: bool = True) -> None:
        self.path, self.whole = path, whole

    def __enter__(self) -> Any:
        try:
            # Not by its name: Pillow maps a TIFF then, and mixes up the rows of one that is turned.
            self.file = open(self.path, "rb")
        except OSError as error:
            raise self._damaged(error) from None
        try:
            return self._begun()
        except BaseException:
            self.file.close()
            raise

    def _begun(self) -> Any:
        from PIL import Image

        try:
            image = _open(Image, self.file, self.whole)
        except Image.DecompressionBombError as error:
            why = f"states more than {MOST_PIXELS:,} pixels ({error})"
            raise DamagedFile(self.path, why, remedy="make it smaller, or leave it out") from None
        except Exception as error:
            raise self._damaged(error) from None
        width, height = image.size
        if width * height > MOST_PIXELS or not width * height:
            raise DamagedFile(
                self.path, f"states {height:,} by {width:,} pixels", remedy="make it smaller, or leave it out"
            )
        if image.mode not in (*_FOR_EYES, *GRAY):
            raise DamagedFile(
                self.path,
                f"has pixels of the kind {image.mode!r}, which are no bytes",
                remedy="scale them to 0 to 255 and save them, or give them as an array: numpy.asarray(image)",
            )
        return image

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        self.file.close()
        # Whatever a decoder stumbles over.
        if error is not None and isinstance(error, Exception) and not isinstance(error, DamagedFile):
            raise self._damaged(error) from None

    def _damaged(self, error: Exception) -> Exception:
        if isinstance(error, MemoryError):
            return error
        if isinstance(error, FileNotFoundError):
            return DamagedFile(self.path, "is not there", remedy="mend its path, or leave it out")
        if "cannot identify image file" in str(error):
            error = ValueError("no kind of picture begins so")
        said = " ".join(str(error).split()).replace(repr(str(self.path)), "it").replace(str(self.path), "it")
        return DamagedFile(
            self.path,
            f"is no picture that can be read: {said[:120] or type(error).__name__}",
            remedy="mend or remove it, or leave such files out: skip_bad=True",
        )


def _open(Image: Any, file: Any, whole: bool) -> Any:
    from PIL.JpegImagePlugin import JpegImageFile

    if whole and os.fstat(file.fileno()).st_size <= MOST_AT_ONCE:
        data = file.read()
        if data[:3] == _JPEG and b"Exif\0" not in data:
            # As it would be opened after all others were asked; nothing in it is read that may be warned of.
            return JpegImageFile(io.BytesIO(data))
        file = io.BytesIO(data)
    # Filters of warnings are all threads'.
    with _QUIET, warnings.catch_warnings():
        # Its size is looked at here; and odd entries in EXIF are no reason to warn of each file.
        warnings.simplefilter("ignore")
        return Image.open(file)


def _may_be_turned(image: Any) -> bool:
    """Whether a file says anything of how its picture is to be turned."""
    return image.format == "TIFF" or any(place in image.info for place in _WHERE_TURNS_ARE)


def _in_channels(image: Any, channels: int) -> Any:
    """The picture in gray or in colors; what is transparent is laid over white, 16 bits become 8."""
    from PIL import Image

    if image.mode.startswith("I;16"):
        high = (np.asarray(image).astype(np.uint16) >> 8).astype(np.uint8)
        image = Image.fromarray(high)
    if image.mode in CLEAR or (image.mode == "P" and "transparency" in image.info):
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    wanted = "L" if channels == 1 else "RGB"
    return image if image.mode == wanted else image.convert(wanted)
