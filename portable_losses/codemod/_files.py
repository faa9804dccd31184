"""Files on disk: read as they are, written at once or not at all."""

import io
import os
import stat
import tempfile
import tokenize
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

BOM = b"\xef\xbb\xbf"
SUFFIXES = (".py", ".ipynb")
# Folders that hold no code of the user's own.
SKIPPED = {
    "__pycache__", "node_modules", "site-packages", "build", "dist", "venv", "env", "virtualenv",
}  # fmt: skip


class FileError(Exception):
    """A file that cannot be read or written; it is left as it was."""


@dataclass(frozen=True)
class Text:
    """A file's text, and what is needed to write it back in the same form."""

    raw: bytes
    source: str
    encoding: str

    def encode(self, source: str) -> bytes:
        bom = BOM if self.raw.startswith(BOM) else b""
        return bom + source.encode(self.encoding)


def find(paths: Sequence[Path]) -> Iterator[Path]:
    """The files below `paths` in a fixed order, each once. Hidden folders, environments and what
    builds leave behind are passed over, and links to folders not followed; what is named is always
    taken, and found to be missing when it is read."""
    seen: set[str] = set()
    for path in paths:
        if path.is_dir():
            found: Iterator[Path] = _below(path)
        else:
            found = iter([path])
        for file in found:
            real = os.path.realpath(file)
            if real not in seen:
                seen.add(real)
                yield file


def _below(folder: Path) -> Iterator[Path]:
    for where, folders, files in os.walk(folder):
        folders[:] = sorted(
            name
            for name in folders
            if not name.startswith(".")
            and name not in SKIPPED
            and not name.endswith(".egg-info")
            and not os.path.exists(os.path.join(where, name, "pyvenv.cfg"))
        )
        yield from (Path(where, name) for name in sorted(files) if name.endswith(SUFFIXES))


def read(path: Path) -> Text:
    """A Python file's text by its own declaration of an encoding; line ends stay as they are."""
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        raise FileError(f"{path}: no such file or folder") from None
    except OSError as error:
        raise FileError(f"{path}: cannot be read: {error.strerror}") from None
    return decode(raw, str(path))


def decode(raw: bytes, path: str) -> Text:
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(raw).readline)
        body = raw.removeprefix(BOM)
        encoding = "utf-8" if encoding == "utf-8-sig" else encoding
        return Text(raw, body.decode(encoding), encoding)
    except (SyntaxError, UnicodeDecodeError, LookupError) as error:
        raise FileError(f"{path}: cannot be decoded: {error}") from None


def write(path: Path, text: Text, source: str) -> None:
    """Put `source` in place of what was read, in one step; a link stays a link.

    Raises:
        FileError: if the file is another one by now, or cannot be written. It is as it was then.
    """
    target = Path(os.path.realpath(path))
    try:
        content = text.encode(source)
    except UnicodeEncodeError as error:
        raise FileError(f"{path}: cannot be written as {text.encoding}: {error}") from None
    temporary = None
    try:
        mode = stat.S_IMODE(target.stat().st_mode)
        if not os.access(target, os.W_OK):
            raise FileError(f"{path}: is read-only")
        handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, mode)
        if target.read_bytes() != text.raw:
            raise FileError(f"{path}: has changed since it was read")
        os.replace(temporary, target)
        temporary = None
    except OSError as error:
        raise FileError(f"{path}: cannot be written: {error.strerror}") from None
    finally:
        if temporary is not None:
            os.unlink(temporary)
