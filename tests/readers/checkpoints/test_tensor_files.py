"""What is read from safetensors and npz files, beside what their own packages read; and what is refused, in a line."""

from __future__ import annotations

import io
import json
import os
import pickle
import subprocess
import sys
import zipfile
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
from safetensors import SafetensorError, safe_open
from safetensors.numpy import load_file, save_file

from mstage.errors import InputError
from mstage.readers.checkpoints import tensor_files
from mstage.readers.checkpoints.formats import read_tensors
from mstage.readers.checkpoints.tensor_files import StoredTensor

RANDOM = np.random.default_rng(0)
SHAPES = {"matrix": (5, 3), "kernel": (4, 3, 2, 2), "bias": (7,), "scale": (), "one": (1, 1), "none": (0, 3)}
FLOATS = {
    "F64": np.float64,
    "F32": np.float32,
    "F16": np.float16,
    "BF16": ml_dtypes.bfloat16,
    "F8_E4M3": ml_dtypes.float8_e4m3fn,
    "F8_E5M2": ml_dtypes.float8_e5m2,
}


def arrays(kind: type = np.float32) -> dict[str, np.ndarray]:
    return {name: np.asarray(RANDOM.standard_normal(shape)).astype(kind) for name, shape in SHAPES.items()}


def values(tensor: StoredTensor) -> np.ndarray:
    assert not tensor.flaw
    parts = list(tensor.parts())
    return np.concatenate(parts).reshape(tensor.shape) if parts else np.empty(tensor.shape)


@pytest.mark.parametrize("kind", FLOATS)
@pytest.mark.parametrize("at_once", [1, 6, 1 << 20])
def test_safetensors_as_they_were_written(
    kind: str, at_once: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tensor_files, "VALUES_AT_ONCE", at_once)
    written = arrays(FLOATS[kind])
    save_file(written, tmp_path / "x.safetensors", metadata={"made": "here"})
    found = read_tensors(tmp_path / "x.safetensors")
    assert found.keys() == written.keys()
    for name, array in written.items():
        assert (found[name].kind, found[name].shape) == (kind, array.shape)
        np.testing.assert_array_equal(values(found[name]), array.astype(np.float64))


def test_safetensors_as_their_package_reads_them(tmp_path: Path) -> None:
    save_file(arrays(), tmp_path / "x.safetensors")
    ours = read_tensors(tmp_path / "x.safetensors")
    for name, array in load_file(tmp_path / "x.safetensors").items():
        np.testing.assert_array_equal(values(ours[name]), array)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("kind", [np.float64, np.float32, np.float16, ml_dtypes.bfloat16, ">f4", np.longdouble])
def test_npz_as_they_were_written(save, kind, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tensor_files, "VALUES_AT_ONCE", 6)
    written = arrays(kind)
    written["transposed"] = np.asfortranarray(RANDOM.standard_normal((6, 4)).astype(kind))
    save(tmp_path / "x.npz", **written)
    found = read_tensors(tmp_path / "x.npz")
    assert found.keys() == written.keys()
    for name, array in written.items():
        assert found[name].shape == array.shape
        np.testing.assert_array_equal(values(found[name]), array.astype(np.float64))


def test_a_format_is_told_by_its_content(tmp_path: Path) -> None:
    save_file(arrays(), tmp_path / "weights.npz")
    with (tmp_path / "weights.bin").open("wb") as file:
        np.savez(file, **arrays())
    assert read_tensors(tmp_path / "weights.npz")["matrix"].kind == "F32"
    assert read_tensors(tmp_path / "weights.bin")["matrix"].kind == "float32"


@pytest.mark.parametrize("padding", range(0, 1100, 33))
def test_whatever_the_length_of_a_header(padding: int, tmp_path: Path) -> None:
    """Its first byte is 0x80 for a length of 128 modulo 256, with which pickles begin."""
    save_file(arrays(), tmp_path / "x.safetensors", metadata={"padding": "x" * padding})
    assert len(read_tensors(tmp_path / "x.safetensors")) == len(SHAPES)
    header = b"{" + b" " * 126 + b"}"
    (tmp_path / "y.bin").write_bytes((128).to_bytes(8, "little") + header)
    assert read_tensors(tmp_path / "y.bin") == {}


def test_what_is_no_weights_says_so(tmp_path: Path) -> None:
    whole = {"int": np.arange(3), "bool": np.ones(3, bool), "complex": np.ones(3, np.complex64)}
    save_file(whole, tmp_path / "x.safetensors")
    np.savez(tmp_path / "x.npz", text=np.array(["a"]), **whole)
    expected = {"int": "whole numbers", "bool": "yes or no", "complex": "complex numbers"}
    assert {k: one.flaw for k, one in read_tensors(tmp_path / "x.safetensors").items()} == expected
    assert {k: one.flaw for k, one in read_tensors(tmp_path / "x.npz").items()} == expected | {"text": "text"}
    header = json.dumps({"new": {"dtype": "F4_NEW", "shape": [2, 2], "data_offsets": [0, 2]}}).encode()
    (tmp_path / "y.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + b"ab")
    assert read_tensors(tmp_path / "y.safetensors")["new"].flaw == "of an unknown kind"


class Exploding:
    """Pickled, it would make a file as soon as it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[Path]]:
        return (Path.touch, (self.path,))


def torch_zip(path: Path, payload: bytes) -> None:
    with zipfile.ZipFile(path, "w") as archive:  # the layout of torch.save
        archive.writestr(f"{path.stem}/data.pkl", payload)
        archive.writestr(f"{path.stem}/data/0", b"\0" * 16)


@pytest.mark.parametrize("name", ["x.pt", "x.pth", "x.bin", "x.ckpt", "x", "x.safetensors", "x.npz"])
@pytest.mark.parametrize("zipped", [True, False])
def test_nothing_is_unpickled(name: str, zipped: bool, tmp_path: Path) -> None:
    path, proof = tmp_path / name, tmp_path / "proof"
    payload = pickle.dumps({"weight": Exploding(proof)})
    if zipped:
        torch_zip(path, payload)
    else:
        path.write_bytes(payload)
    with pytest.raises(InputError, match=r"is pickled.*never read.*python -c .*weights_only=True.*save_file") as caught:
        read_tensors(path)
    assert "\n" not in str(caught.value)
    converted = f"{path if path.suffix in ('.npz', '.safetensors') else tmp_path / 'x'}.safetensors"
    assert str(caught.value).endswith(f"' {path} {converted}")
    np.savez(tmp_path / "objects.npz", weight=np.array([Exploding(proof)], object), fine=np.ones(3))
    with pytest.raises(InputError, match=r"objects\.npz: `weight` holds Python objects, which are never unpickled"):
        read_tensors(tmp_path / "objects.npz")
    assert not proof.exists()


@pytest.mark.parametrize("name", ["step 5.pt", 'it\'s $HOME "`id`" \\\\.pt'])
def test_the_line_that_converts_runs_as_it_stands(name: str, tmp_path: Path) -> None:
    """In a shell, on stand-ins for torch and safetensors.torch that do what the real ones do with these calls."""
    (tmp_path / "torch.py").write_text(
        "class Tensor:\n"
        "    def clone(self): return self\n"
        "    def contiguous(self): return self\n"
        "def is_tensor(one): return isinstance(one, Tensor)\n"
        "def load(path, *, map_location, weights_only):\n"
        "    assert open(path, 'rb').read(1) == b'P' and (map_location, weights_only) == ('cpu', True)\n"
        "    return {'epoch': 3, 'state_dict': {'w': Tensor(), 'steps': 3}}\n"
    )
    (tmp_path / "safetensors").mkdir()
    (tmp_path / "safetensors" / "__init__.py").touch()
    (tmp_path / "safetensors" / "torch.py").write_text(
        "def save_file(tensors, path): open(path, 'w').write(' '.join(tensors))\n"
    )
    path = tmp_path / "of a run" / name
    path.parent.mkdir()
    torch_zip(path, pickle.dumps({}))
    with pytest.raises(InputError) as caught:
        read_tensors(path)
    line = str(caught.value).partition("convert it with: ")[2]
    environment = os.environ | {
        "PYTHONPATH": str(tmp_path),
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }
    subprocess.run(["bash", "-c", line], check=True, env=environment)
    assert path.with_suffix(".safetensors").read_text() == "w"


def header_file(path: Path, header: object, data: bytes = b"", length: int | None = None) -> Path:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes((len(text) if length is None else length).to_bytes(8, "little") + text + data)
    return path


ENTRY = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}


@pytest.mark.parametrize(
    ("header", "data", "length", "message"),
    [
        ({"a": ENTRY}, b"1234567", None, "its values should have 8 bytes, there are 7"),
        ({"a": ENTRY}, b"123456789", None, "its values should have 8 bytes, there are 9"),
        ({"a": ENTRY, "b": ENTRY}, b"12345678", None, "`b` should begin at byte 8"),
        ({"a": ENTRY | {"data_offsets": [4, 12]}}, b"x" * 12, None, "`a` should begin at byte 0"),
        ({"a": ENTRY | {"shape": [3]}}, b"12345678", None, "`a` has 8 bytes, which its shape"),
        ({"a": ENTRY | {"shape": [-2]}}, b"12345678", None, "`a` has the shape"),
        ({"a": ENTRY | {"shape": [10**30, 0]}}, b"12345678", None, "`a` has 8 bytes"),
        ({"a": ENTRY | {"shape": [True, 2]}}, b"12345678", None, "`a` has the shape"),
        ({"a": ENTRY | {"data_offsets": [8, 0]}}, b"12345678", None, "`a` has -8 bytes"),
        ({"a": 3}, b"", None, "`a` has no dtype"),
        ([1], b"", None, "neither safetensors nor npz|no JSON object"),
        (b'{"a": 1, "a": 2}', b"", None, "two tensors have one name"),
        (b'{"a"', b"", None, "Expecting ':'"),
        (b'{"\xff"}', b"", None, "can't decode"),
        (b'{"a":' * 100_000, b"", None, "recursion|Expecting"),
        ({"a": ENTRY}, b"12345678", 2**63, "its header should have 9,223,372,036,854,775,808 bytes"),
        ({"a": ENTRY}, b"12345678", 10**6, "its header should have 1,000,000 bytes"),
    ],
)
def test_flawed_safetensors(header, data: bytes, length: int | None, message: str, tmp_path: Path) -> None:
    path = header_file(tmp_path / "x.safetensors", header, data, length)
    with pytest.raises(InputError, match=message) as caught:
        read_tensors(path)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"step,loss\n1,2\n", "neither safetensors nor npz"),
        (b"\x89HDF\r\n\x1a\n", "HDF5"),
        (b"\x93NUMPY\x01\x00", "single npy array"),
        (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
        (b"PK\x03\x04 and no more", "no npz"),
    ],
)
def test_other_files(content: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(InputError, match=message):
        read_tensors(tmp_path / "x")


def test_a_file_that_is_cut_while_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    save_file({"a": np.ones((1000, 100), np.float32)}, path)
    tensor = read_tensors(path)["a"]
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(InputError, match="has become shorter while it was read"):
        list(tensor.parts())


def test_an_npz_whose_values_were_changed_is_told_by_their_sum(tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    np.savez(path, a=np.ones((100, 100)))
    data = bytearray(path.read_bytes())
    data[5000] ^= 1
    path.write_bytes(data)
    with pytest.raises(InputError, match="Bad CRC"):
        list(read_tensors(path)["a"].parts())


def test_an_npz_that_asks_for_a_later_zip(tmp_path: Path) -> None:
    """zipfile raises NotImplementedError for it, which was a traceback where PyTorch's files are told apart."""
    path = tmp_path / "x.npz"
    np.savez(path, a=np.ones(3))
    data = bytearray(path.read_bytes())
    data[data.index(b"PK\x01\x02") + 6] = 200  # version needed, in the archive's directory
    path.write_bytes(data)
    with pytest.raises(InputError, match=r"zip file version 20\.0"):
        read_tensors(path)


def mutated(data: bytes, random: np.random.Generator) -> bytes:
    """A file with some bytes changed, cut out, doubled or written over, mostly where its header is."""
    new = bytearray(data)
    for _ in range(random.integers(1, 4)):
        if not new:
            break
        place = int(random.integers(0, min(len(new), 400 if random.random() < 0.7 else len(new))))
        match random.integers(0, 5):
            case 0:
                new[place] = int(random.integers(0, 256))
            case 1:
                del new[place:]
            case 2:
                new[place:place] = new[place : place + int(random.integers(1, 60))]
            case 3:
                new[place : place + 1] = str(random.choice(["9", "-", "[", "}", '"', "9" * 30, "\0"])).encode()
            case 4:
                del new[place : place + int(random.integers(1, 9))]
    return bytes(new)


@pytest.mark.parametrize("form", ["safetensors", "npz", "compressed npz"])
def test_mutated_files_are_read_or_refused_in_a_line(form: str, tmp_path: Path) -> None:
    path = tmp_path / ("x.safetensors" if form == "safetensors" else "x.npz")
    if form == "safetensors":
        save_file(arrays() | {"ids": np.arange(4)}, path)
    else:
        (np.savez if form == "npz" else np.savez_compressed)(path, **arrays(), ids=np.arange(4))
    data = path.read_bytes()
    random = np.random.default_rng(1)
    messages = []
    for _ in range(1000):
        path.write_bytes(mutated(data, random))
        try:
            tensors = read_tensors(path)
            for tensor in tensors.values():
                if not tensor.flaw:
                    list(tensor.parts())
        except InputError as error:
            messages.append(str(error))
            continue
        if form == "safetensors" and all(one.flaw != "of an unknown kind" for one in tensors.values()):
            with safe_open(path, framework="numpy") as file:  # what we take, their package takes
                assert set(file.keys()) == tensors.keys()
    assert len(messages) > 500
    assert max(map(len, messages)) < 700


def test_what_their_package_takes_we_take(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    save_file(arrays(), path, metadata={"a": "b"})
    data = path.read_bytes()
    random = np.random.default_rng(2)
    taken = 0
    for _ in range(1000):
        path.write_bytes(mutated(data, random))
        try:
            with safe_open(path, framework="numpy") as file:
                names = set(file.keys())
        except (SafetensorError, UnicodeDecodeError):
            continue
        assert set(read_tensors(path)) == names
        taken += 1
    assert taken > 10


def test_a_header_of_an_absurd_shape_takes_no_memory(tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    head = io.BytesIO()
    np.lib.format.write_array_header_1_0(head, {"descr": "<f8", "fortran_order": False, "shape": (10**12,)})
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.npy", head.getvalue() + b"\0" * 80)
    with pytest.raises(InputError, match=r"a\.npy has 80 bytes"):
        read_tensors(path)


def test_a_name_with_half_of_a_surrogate_pair(tmp_path: Path) -> None:
    """What JSON can write and no table can hold."""
    entry = {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}
    with pytest.raises(InputError, match="surrogate"):
        read_tensors(header_file(tmp_path / "a.safetensors", {"\ud800": entry}, b"\0" * 4))
