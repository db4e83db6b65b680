"""`mstage detect-stages` on logs: what is printed and said, and what a script gets."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import numpy as np
import pytest

from tests.cli.run import assert_refused, mstage, start
from tests.readers.writers import WRITERS, staircase

LOSSES = [float(loss) for loss in staircase()]
RISING = [*LOSSES, *(0.1 * 1.05**k for k in range(200))]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "metrics.csv").write_bytes(WRITERS["lightning"][0](LOSSES))
    (tmp_path / "chart.csv").write_bytes(WRITERS["wandb chart"][0](LOSSES))
    (tmp_path / "keras.csv").write_bytes(WRITERS["keras"][0](LOSSES))
    (tmp_path / "rising.jsonl").write_bytes(WRITERS["json lines"][0](RISING))
    (tmp_path / "diverged.jsonl").write_bytes(WRITERS["json lines"][0]([*LOSSES, float("nan")]))
    (tmp_path / "short.csv").write_text("step,loss\n" + "".join(f"{k},{1 / k}\n" for k in range(1, 6)))
    return tmp_path


def test_one_log(capsys: pytest.CaptureFixture[str]) -> None:
    done = mstage(capsys, "detect-stages", "metrics.csv")
    lines = done.out.splitlines()
    assert done.code == 0
    assert lines[1].split()[:3] == ["stage", "start", "end"]
    assert "initial descent" in done.out
    assert lines[-1].split()[3] == "2,000"  # whole steps
    assert done.err == (
        "metrics.csv: a comma-separated table; train_loss_step against step, 200 values. "
        "Other series (--loss): train_loss_epoch, val_loss.\n"
    )


def test_several_logs_and_runs_have_their_names(capsys: pytest.CaptureFixture[str]) -> None:
    done = mstage(capsys, "detect-stages", "metrics.csv", "chart.csv")
    assert done.out.splitlines()[1].split()[:4] == ["log", "run", "series", "stage"]
    assert "fair - sky" in done.out
    assert len(done.err.splitlines()) == 2


def test_json_names_log_run_series_and_clock(capsys: pytest.CaptureFixture[str]) -> None:
    printed = json.loads(mstage(capsys, "detect-stages", "chart.csv", "--format", "json").out)
    assert (printed["source"], printed["clock"]) == ("chart.csv", "step")
    assert [one["run"] for one in printed["runs"]] == [
        {"log": "chart.csv", "run": name, "series": "train/loss"} for name in ("fair - sky", "deep-sun")
    ]
    assert printed["runs"][0]["stages"][0]["name"] == "initial plateau"


def test_series_and_clock_may_be_said(capsys: pytest.CaptureFixture[str]) -> None:
    done = mstage(capsys, "detect-stages", "keras.csv", "--loss", "*loss", "--x", "record", "--format", "csv")
    assert {line.split(",")[1] for line in done.out.splitlines()[1:]} == {"loss", "val_loss"}
    assert "loss, val_loss against record, 400 values" in done.err


def test_list(capsys: pytest.CaptureFixture[str]) -> None:
    done = mstage(capsys, "detect-stages", "metrics.csv", "--list")
    assert (done.code, done.err) == (0, "")
    assert [line.split()[0] for line in done.out.splitlines()[2:]] == ["train_loss_epoch", "*", "val_loss"]
    printed = json.loads(mstage(capsys, "detect-stages", "metrics.csv", "--list", "--format", "json").out)
    assert printed["series"][1] | {"first": 0, "last": 0} == {
        "log": "metrics.csv", "run": "", "series": "train_loss_step", "taken": True, "points": 200, "not_finite": 0,
        "clock": "step", "start": 10, "end": 2000, "first": 0, "last": 0, "clocks": "step record",
    }  # fmt: skip


def test_nothing_found_is_never_well(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    (folder / "other.csv").write_text("step,accuracy,reward\n1,2,3\n2,3,4\n")
    assert_refused(mstage(capsys, "detect-stages", "other.csv"), 3, "no series that is a loss.*`accuracy`, `reward`")
    assert_refused(mstage(capsys, "detect-stages", "none.csv"), 3, "none.csv: there is nothing there")
    short = mstage(capsys, "detect-stages", "short.csv")
    assert short.code == 3
    assert "too short" in short.out
    assert "no stages were found: short.csv loss is too short" in short.err
    assert mstage(capsys, "detect-stages", "metrics.csv", "short.csv").code == 0
    assert mstage(capsys, "detect-stages", "metrics.csv", "short.csv", "--fail-on", "rise").code == 3


@pytest.mark.parametrize("form", ["lines", "document", "npz", "chart"])
def test_names_do_nothing_to_a_terminal(form: str, capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    """Names of series, of clocks and of runs come from files of others."""
    loss, clock = [float(one) for one in staircase(60)], "\x1b[32mstep"
    columns = {clock: list(range(60)), "\x1b[31mtrain  loss": loss, "\x1b]0;title\x07acc": loss}
    path = folder / "odd"
    match form:
        case "lines":
            rows = zip(*columns.values(), strict=True)
            path.write_text("".join(f"{json.dumps(dict(zip(columns, row, strict=True)))}\n" for row in rows))
        case "document":
            path.write_text(json.dumps(columns | {"longer": [0.0] * 61}))
        case "npz":
            path = folder / "odd.npz"
            np.savez(path, **columns, longer=np.zeros(61))
        case "chart":
            head = (
                '"Step","\x1b[31mrun - train  loss","\x1b[31mrun - train  loss__MIN","\x1b[31mrun - train  loss__MAX"\n'
            )
            path.write_text(head + "".join(f"{k},{one},{one},{one}\n" for k, one in enumerate(loss)))
    listed = mstage(capsys, "detect-stages", path.name, "--list")
    assert listed.code == 0, listed.err
    assert "train loss" in listed.out
    for name in ("*train loss", "*train  loss"):
        outcome = mstage(capsys, "detect-stages", path.name, "--loss", name)
        assert outcome.code == 0, outcome.err
        assert "\x1b" not in listed.out + outcome.out + outcome.err
        assert outcome.err.startswith(f"{path.name}: ")
    shown = mstage(
        capsys, "detect-stages", path.name, "--loss", r"\x1b[31mtrain loss" if form != "chart" else "train loss"
    )
    assert shown.code == 0, "a name can be given as it is shown"
    if form != "chart":
        assert mstage(capsys, "detect-stages", path.name, "--loss", "*train loss", "--x", clock).code == 0


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ("metrics.csv --fail-on rise,diverged", 0, ""),
        ("metrics.csv --fail-on plateau", 5, "--fail-on: metrics.csv train_loss_step ends on its secondary plateau"),
        ("rising.jsonl --fail-on rise", 5, "ends in its"),
        ("rising.jsonl --fail-on plateau,diverged", 0, ""),
        ("diverged.jsonl", 4, "1 of 1 runs diverged"),
        ("diverged.jsonl --fail-on diverged", 5, "diverged.jsonl loss has diverged"),
    ],
)
def test_exit_codes_for_scripts(arguments: str, code: int, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    done = mstage(capsys, "detect-stages", *arguments.split())
    assert done.code == code, done.err
    assert said in done.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("metrics.csv --fail-on plateu", r"unknown condition `plateu`.*Did you mean `plateau`\?"),
        ("metrics.csv --fail-on ,", "--fail-on is empty"),
        ("metrics.csv --until secondary-descent", "--until is for --follow"),
        ("metrics.csv --follow --until later", "unknown stage `later`.*secondary-descent"),
        ("metrics.csv --list --follow", "--list finds no stages"),
        ("metrics.csv metrics.csv", "metrics.csv is named twice"),
        ("metrics.csv --reader excel", "unknown reader `excel`"),
        ("metrics.csv --pattern (", "is no regular expression"),
        ("", "Missing argument 'SOURCE"),
    ],
)
def test_usage(arguments: str, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert_refused(mstage(capsys, "detect-stages", *arguments.split()), 2, message)


@pytest.mark.slow
def test_options_of_logs_are_not_for_a_sweep(capsys: pytest.CaptureFixture[str]) -> None:
    assert mstage(capsys, "train", "--steps", "40", "--width", "20", "-o", "sweep").code == 0
    assert_refused(mstage(capsys, "detect-stages", "sweep", "--loss", "loss"), 2, "are for logs, not for a sweep")
    assert_refused(
        mstage(capsys, "detect-stages", "sweep", "metrics.csv"), 2, "a sweep of `mstage train`, which stands"
    )


@pytest.mark.slow
def test_follow_ends_when_a_run_enters_a_stage(folder: Path) -> None:
    lines = WRITERS["json lines"][0](LOSSES).splitlines(keepends=True)
    log = folder / "growing.jsonl"
    process = start(folder, "detect-stages", "growing.jsonl", "--follow", "--until", "initial-descent")
    assert process.stderr is not None
    assert "Waiting. growing.jsonl: nothing to read yet" in process.stderr.readline()
    log.write_bytes(b"".join(lines[:12]) + lines[12][:9])
    assert "loss against current_steps" in process.stderr.readline()
    with log.open("ab") as file:
        file.write(lines[12][9:] + b"".join(lines[13:]))
    out, err = process.communicate(timeout=120)
    assert (process.returncode, "initial descent" in out) == (0, True), err


def test_follow_ends_with_the_stream_and_says_what_did_not_come(folder: Path) -> None:
    with (folder / "metrics.csv").open() as stdin:
        process = start(folder, "detect-stages", "-", "--follow", "--until", "fifth-rise", stdin=stdin)
        out, err = process.communicate(timeout=120)
    assert process.returncode == 5
    assert "secondary plateau" in out
    assert "--until: the log has ended, and no run has entered its fifth rise." in err


@pytest.mark.slow
def test_follow_ends_with_ctrl_c_and_prints_what_it_knows(folder: Path) -> None:
    process = start(folder, "detect-stages", "metrics.csv", "--follow", "--format", "csv")
    assert process.stderr is not None
    assert "train_loss_step against step" in process.stderr.readline()
    assert "secondary plateau since step" in process.stderr.readline()
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=120)
    assert (process.returncode, err) == (130, "mstage: interrupted\n")
    assert out.startswith("log,series,status,number,name")


@pytest.mark.slow
def test_follow_fails_on_what_it_is_told(folder: Path) -> None:
    process = start(
        folder, "detect-stages", "rising.jsonl", "--follow", "--fail-on", "rise", "--until", "ninth-plateau"
    )
    _, err = process.communicate(timeout=120)
    assert process.returncode == 5
    assert "--fail-on: rising.jsonl loss ends in its" in err
