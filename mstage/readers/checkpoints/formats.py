"""Which format is a file of weights in, and what tensors does it hold?

The first bytes tell the format, not the name. Files that would have to be unpickled are refused, since unpickling
executes code in the file; for PyTorch's own files the refusal holds a command that converts them.
"""

from __future__ import annotations

from shlex import quote
from typing import TYPE_CHECKING

from mstage.errors import InputError
from mstage.outside import open_file
from mstage.readers.checkpoints.npz_files import archived_names, read_npz
from mstage.readers.checkpoints.safetensors_files import looks_like_safetensors, read_safetensors
from mstage.readers.signatures import GZIP, HDF5, NPY, PICKLES

if TYPE_CHECKING:
    from pathlib import Path

    from mstage.readers.checkpoints.tensor_files import StoredTensor

EXPECTED_WEIGHTS = "expected safetensors or npz"
SUFFIXES = (".safetensors", ".npz")  # of checkpoints in a folder
TORCH_SUFFIXES = (".pt", ".pth", ".bin", ".ckpt", ".pkl")
ANY_ZIP = b"PK"  # an empty archive too, whose reader says that it is empty
FOREIGN = {
    HDF5: "HDF5 (Keras); save its weights with numpy.savez, a name each",
    b"GGUF": "GGUF",
    GZIP: "compressed with gzip; unpack it first (`gunzip`)",
    NPY: "a single npy array without a name; save it with numpy.savez(path, name=array)",
    b"version ": "a pointer of Git LFS and not the file; fetch it (`git lfs pull`)",
}
CONVERSION = (
    "python -c 'import sys, torch, safetensors.torch as s; "
    'd = torch.load(sys.argv[1], map_location="cpu", weights_only=True); '
    'd = d.get("state_dict", d.get("model", d)); '
    "s.save_file({k: v.clone().contiguous() for k, v in d.items() if torch.is_tensor(v)}, sys.argv[2])'"
)


def read_tensors(path: Path) -> dict[str, StoredTensor]:
    """The tensors of a file by name, without their values.

    Raises:
        InputError: It is in no format that is read, or damaged.
    """
    with open_file(path) as file:
        start = file.read(64) or b""
    if not start:
        raise InputError(f"{path}: is empty; {EXPECTED_WEIGHTS}")
    if looks_like_safetensors(start):
        return read_safetensors(path)
    if start.startswith(ANY_ZIP) and not _is_torch_archive(path):
        return read_npz(path)
    if start.startswith((ANY_ZIP, *PICKLES)) or path.suffix.lower() in TORCH_SUFFIXES:
        raise torch_refusal(path)
    if path.suffix.lower() == ".safetensors":
        return read_safetensors(path)  # which says what is wrong with it
    for begin, what in FOREIGN.items():
        if start.startswith(begin):
            raise InputError(f"{path}: is {what}; {EXPECTED_WEIGHTS}")
    raise InputError(f"{path}: is neither safetensors nor npz by its first bytes; {EXPECTED_WEIGHTS}")


def torch_refusal(path: Path) -> InputError:
    """The error for a file that would have to be unpickled."""
    name = path.with_suffix("") if path.suffix.lower() in TORCH_SUFFIXES else path
    line = f"{CONVERSION} {quote(str(path))} {quote(f'{name}.safetensors')}"
    return InputError(f"{path}: is pickled (PyTorch), which is never read, since it runs code; convert it with: {line}")


def _is_torch_archive(path: Path) -> bool:
    try:
        return any(name.rpartition("/")[2] == "data.pkl" for name in archived_names(path))
    except InputError:
        return path.suffix.lower() in TORCH_SUFFIXES  # damaged; else the reader of npz says so
