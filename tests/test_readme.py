"""What the README shows is what happens: its commands, its sweep file and its Python, in an empty folder."""

from __future__ import annotations

import contextlib
import io
import json
import re
import shlex
import shutil
from pathlib import Path

import pytest

from mstage.__main__ import main

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.DOTALL | re.MULTILINE)


COMMANDS = [line[2:] for block in blocks("console") for line in block.splitlines() if line.startswith("$ ")]


@pytest.mark.slow
def test_commands_work_in_their_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    (tmp_path / "sweep.toml").write_text(blocks("toml")[0], encoding="utf-8")
    assert len(COMMANDS) > 8
    printed = {}
    for command in COMMANDS:
        program, *arguments = shlex.split(command)
        assert program == "mstage"
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = main(arguments)
        assert code == 0, (command, err.getvalue())
        printed[command] = out.getvalue()
        assert bool(out.getvalue()) == (arguments[0] != "train" or "--dry-run" in arguments), command
    assert "secondary plateau" in printed["mstage detect-stages runs/first"]
    stages = json.loads(printed["mstage detect-stages runs/first --format json"])
    assert {field for field in stages["runs"][0]["stages"][0] if f"`{field}`" in README} >= {"end", "level", "rate"}


@pytest.mark.slow
def test_python_block(capsys: pytest.CaptureFixture[str]) -> None:
    (code,) = blocks("python")
    exec(code, {})
    out = capsys.readouterr().out
    assert "initial plateau" in out
    assert "final_loss" in out


def test_targets_and_length() -> None:
    targets = re.findall(r"^make (\w+)", "\n".join(blocks("sh")), re.MULTILINE)
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert targets == ["demo", "test"]
    assert all(f"\n{target}:" in makefile for target in targets)
    assert README.count("\n") < 220
