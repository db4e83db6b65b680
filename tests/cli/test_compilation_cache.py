"""What is compiled is kept: the second training compiles nothing; what the user has set himself stays."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mstage.cli.compilation_cache import SETTINGS, keep_compilations
from tests.cli.run import files_of, shell

VARIABLES = ("JAX_COMPILATION_CACHE_DIR", *SETTINGS)


@pytest.fixture
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    for name in VARIABLES:
        monkeypatch.setenv(name, "")  # so that what is set below is taken back after the test
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.mark.slow
def test_the_second_training_compiles_nothing(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All programs are kept here: one that takes about as long as the least that is kept would be so now and then."""
    monkeypatch.setenv("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
    train = "mstage train --width 10 --until 2 --overwrite -o runs/one"
    assert shell(tmp_path, train).returncode == 0
    kept = [name for name in files_of(cache) if name.endswith("-cache")]
    assert kept
    first = (tmp_path / "runs" / "one" / "loss").rglob("*")
    losses = {path.name: path.read_bytes() for path in first if path.is_file()}
    assert shell(tmp_path, train.replace("--until 2", "--until 2 --alpha 1")).returncode == 0
    assert [name for name in files_of(cache) if name.endswith("-cache")] == kept
    again = (tmp_path / "runs" / "one" / "loss").rglob("*")
    assert {path.name: path.read_bytes() for path in again if path.is_file()} == losses


def test_what_the_user_has_set_stays(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", "/his/own")
    keep_compilations()
    assert os.environ["JAX_COMPILATION_CACHE_DIR"] == "/his/own"
    assert not cache.exists()


def test_a_cache_that_cannot_be_made_is_done_without(cache: Path) -> None:
    cache.touch()
    keep_compilations()
    assert "JAX_COMPILATION_CACHE_DIR" not in os.environ
    cache.unlink()
    keep_compilations()
    assert Path(os.environ["JAX_COMPILATION_CACHE_DIR"]).is_dir()
