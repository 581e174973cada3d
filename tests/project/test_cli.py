"""`cortex-lab`: what is copied, what is kept, what is said, and that JupyterLab really serves the tour."""

from __future__ import annotations

import ast
import importlib.util
import json
import os
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from cortex_lab import cli
from tests.waiting import wait_until

ROOT = Path(__file__).parents[2]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    for inner in ("pictures", ".ipynb_checkpoints"):
        (folder / inner).mkdir(parents=True)
    (folder / "00_tour.ipynb").write_text("tour 1")
    (folder / "01_more.ipynb").write_text("more 1")
    (folder / "pictures" / "net.png").write_bytes(b"\x89PNG")
    (folder / ".ipynb_checkpoints" / "00_tour-checkpoint.ipynb").write_text("old")
    return folder


def copy(source: Path, folder: Path) -> str:
    return "\n".join(cli.copy_notebooks(source, folder))


def files(folder: Path) -> dict[str, str]:
    found = (path for path in sorted(folder.rglob("*")) if path.is_file() and path.name != cli.MANIFEST)
    return {path.relative_to(folder).as_posix(): path.read_bytes().decode("latin1") for path in found}


def test_a_first_copy_has_everything_but_checkpoints(source: Path, tmp_path: Path) -> None:
    said = copy(source, tmp_path / "deep" / "lab")
    wanted = {"00_tour.ipynb": "tour 1", "01_more.ipynb": "more 1", "pictures/net.png": "\x89PNG"}
    assert files(tmp_path / "deep" / "lab") == wanted
    assert said.endswith("3 new, 0 updated")


def test_a_second_copy_changes_nothing(source: Path, tmp_path: Path) -> None:
    copy(source, tmp_path / "lab")
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "lab").rglob("*.ipynb")}
    assert copy(source, tmp_path / "lab").endswith("0 new, 0 updated")
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "lab").rglob("*.ipynb")} == before


def test_an_untouched_notebook_is_updated_and_an_edited_one_kept(source: Path, tmp_path: Path) -> None:
    lab = tmp_path / "lab"
    copy(source, lab)
    (lab / "00_tour.ipynb").write_text("mine")
    assert "kept 00_tour.ipynb: you edited it" in copy(source, lab)
    assert "00_tour.new.ipynb" not in files(lab), "there is no newer version to offer"

    (source / "00_tour.ipynb").write_text("tour 2")
    (source / "01_more.ipynb").write_text("more 2")
    said = copy(source, lab)
    assert files(lab) == {
        "00_tour.ipynb": "mine",
        "00_tour.new.ipynb": "tour 2",
        "01_more.ipynb": "more 2",
        "pictures/net.png": "\x89PNG",
    }
    assert "updated 01_more.ipynb" in said
    assert "kept 00_tour.ipynb: you edited it; the newer version is in 00_tour.new.ipynb" in said

    (lab / "00_tour.new.ipynb").unlink()
    assert "(the newer version went to 00_tour.new.ipynb)" in copy(source, lab)
    assert "00_tour.new.ipynb" not in files(lab), "offered once, and declined"


def test_neither_the_edited_notebook_nor_an_edited_newer_version_is_overwritten(
    source: Path, tmp_path: Path
) -> None:
    lab = tmp_path / "lab"
    copy(source, lab)
    (lab / "00_tour.ipynb").write_text("mine")
    (source / "00_tour.ipynb").write_text("tour 2")
    copy(source, lab)
    (source / "00_tour.ipynb").write_text("tour 3")
    copy(source, lab)
    assert files(lab)["00_tour.new.ipynb"] == "tour 3"
    (lab / "00_tour.new.ipynb").write_text("mine too")
    (source / "00_tour.ipynb").write_text("tour 4")
    assert "kept 00_tour.ipynb and 00_tour.new.ipynb: you edited both" in copy(source, lab)
    assert (files(lab)["00_tour.ipynb"], files(lab)["00_tour.new.ipynb"]) == ("mine", "mine too")


def test_a_notebook_that_was_there_before_is_kept(source: Path, tmp_path: Path) -> None:
    lab = tmp_path / "lab"
    lab.mkdir()
    (lab / "00_tour.ipynb").write_text("somebody's")
    (lab / "01_more.ipynb").mkdir()
    said = copy(source, lab)
    assert files(lab)["00_tour.ipynb"] == "somebody's"
    assert files(lab)["00_tour.new.ipynb"] == "tour 1"
    assert "kept 01_more.ipynb: it is not a file" in said


def test_a_removed_notebook_comes_back(source: Path, tmp_path: Path) -> None:
    copy(source, tmp_path / "lab")
    (tmp_path / "lab" / "01_more.ipynb").unlink()
    assert copy(source, tmp_path / "lab").endswith("1 new, 0 updated")


@pytest.mark.parametrize("content", ["", "{", "[]", '{"files": 3}', "\xff"])
def test_without_a_readable_manifest_nothing_is_overwritten(
    source: Path, tmp_path: Path, content: str
) -> None:
    lab = tmp_path / "lab"
    copy(source, lab)
    (lab / cli.MANIFEST).write_bytes(content.encode("latin1"))
    (source / "00_tour.ipynb").write_text("tour 2")
    assert "could not be read" in copy(source, lab)
    assert files(lab)["00_tour.ipynb"] == "tour 1"
    assert set(json.loads((lab / cli.MANIFEST).read_text())["files"]) >= {
        "01_more.ipynb",
        "00_tour.new.ipynb",
    }


def test_the_notebooks_themselves_are_left_alone(source: Path) -> None:
    before = files(source)
    assert "nothing was copied" in copy(source, source)
    assert files(source) == before and not (source / cli.MANIFEST).exists()


def test_a_file_in_place_of_the_folder_is_an_error(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(cli, "notebooks_folder", lambda: source)
    (tmp_path / "file").write_text("")
    assert cli.main([str(tmp_path / "file"), "--copy-only"]) == 1
    assert "is a file; name a folder" in capsys.readouterr().err
    assert cli.main([str(tmp_path / "file" / "below"), "--copy-only"]) == 1
    assert "cannot write the notebooks to" in capsys.readouterr().err


def test_a_folder_that_cannot_be_written_is_an_error(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(cli, "notebooks_folder", lambda: source)
    monkeypatch.setattr(os, "replace", refuse)  # root may write anywhere, so the refusal is planted
    assert cli.main([str(tmp_path / "lab"), "--copy-only"]) == 1
    assert (
        "cannot write the notebooks to" in (said := capsys.readouterr().err) and "Permission denied" in said
    )
    assert list((tmp_path / "lab").iterdir()) == [], "no half-written file is left"


def test_without_jupyterlab_it_names_the_extra(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(cli, "notebooks_folder", lambda: source)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert cli.main([str(tmp_path / "lab")]) == 1
    assert "pip install 'cortex-lab[lab]'" in capsys.readouterr().err
    assert not (tmp_path / "lab").exists()
    assert cli.main([str(tmp_path / "lab"), "--copy-only"]) == 0, "copying needs no JupyterLab"


def test_an_installation_without_notebooks_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "cortex_lab"
    package.mkdir()
    monkeypatch.setattr(cli, "__file__", str(package / "cli.py"))
    with pytest.raises(cli.CommandError, match="has no notebooks"):
        cli.notebooks_folder()
    (package / "_notebooks").mkdir()
    assert cli.notebooks_folder() == package / "_notebooks"
    (tmp_path / "notebooks").mkdir()
    assert cli.notebooks_folder() == package / "_notebooks", (
        "a folder of that name beside an installed package"
    )
    (tmp_path / "pyproject.toml").write_text("")
    assert cli.notebooks_folder() == tmp_path / "notebooks"


@pytest.mark.parametrize("root", [True, False])
def test_what_jupyterlab_is_asked_for(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    root: bool,
) -> None:  # fmt: skip
    started: list[list[str]] = []
    monkeypatch.setattr(cli, "notebooks_folder", lambda: source)
    monkeypatch.setattr(os, "execv", lambda path, command: started.append(command))
    monkeypatch.setattr(os, "geteuid", lambda: 0 if root else 1000)
    cli.main([str(tmp_path / "lab"), "--no-browser", "--port", "8123", "--", "--debug", "--x=1"])
    (command,) = started
    assert command[:3] == [sys.executable, "-m", "jupyterlab"]
    assert f"--ServerApp.root_dir={tmp_path / 'lab'}" in command
    assert "--LabApp.default_url=/lab/tree/00_tour.ipynb" in command
    assert {"--no-browser", "--port=8123"} <= set(command)
    assert command[-2:] == ["--debug", "--x=1"]
    assert ("--allow-root" in command) == root == ("You are root" in capsys.readouterr().out)


NO_FOLDERS = {
    "too long": ("x" * 300, "File name too long"),
    "a path too long": ("x/" * 3000, "File name too long"),
    "nobody's": ("~nobody_of_that_name/x", "no home folder ~nobody_of_that_name; write ./~nobody"),
    "empty": ("", "is not the name of a folder"),
    "no name at all": ("a\0b", "is not the name of a folder"),
    "a loop": ("loop", "loop"),
    "in a file": ("file/x", "Not a directory"),
    "a pipe": ("pipe", "is a file; name a folder"),
    "no place to write": ("/proc/x", "name another folder"),
}


@pytest.mark.parametrize(("name", "why"), NO_FOLDERS.values(), ids=NO_FOLDERS)
def test_what_cannot_be_a_folder_is_refused_in_a_line(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    name: str, why: str,
) -> None:  # fmt: skip
    monkeypatch.setattr(cli, "notebooks_folder", lambda: source)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "file").touch()
    os.mkfifo(tmp_path / "pipe")
    assert cli.main([name, "--copy-only"]) == 1
    said = capsys.readouterr().err
    assert said.startswith("cortex-lab: ") and why in said and said.count("\n") == 1


def test_a_folder_that_cannot_be_looked_into_is_refused_in_a_line(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(cli, "notebooks_folder", lambda: source)
    monkeypatch.setattr(Path, "exists", refuse)  # root may look everywhere, so the refusal is planted
    assert cli.main([str(tmp_path / "lab"), "--copy-only"]) == 1
    assert "Permission denied; name another folder" in capsys.readouterr().err


NO_PORTS = ["-1", "0", "65536", "99999", "9" * 5000, "00000000880000", "8888x", "1.5", "", "000", "٣"]


@pytest.mark.parametrize("port", NO_PORTS, ids=lambda port: port[:14])
def test_a_port_that_cannot_be_is_refused(port: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        cli.main([f"--port={port}"])
    said = capsys.readouterr().err
    assert stopped.value.code == 2 and "a port is a number from 1 to 65535" in said and len(said) < 500


@pytest.mark.parametrize("port", ["1", "08888", "65535", f"{'0' * 90}8888"], ids=lambda port: port[-8:])
def test_a_port_that_can_be_is_that_number(port: str) -> None:
    assert cli._port(port) == int(port)


NO_MANIFESTS = {
    "a pipe": (os.mkfifo, "is a pipe or device"),
    "a folder": (Path.mkdir, "is a folder"),
    "a device": (lambda path: path.symlink_to("/dev/zero"), "is a pipe or device"),
}


@pytest.mark.parametrize(("make", "why"), NO_MANIFESTS.values(), ids=NO_MANIFESTS)
def test_what_cannot_be_the_manifest_is_named(
    source: Path, tmp_path: Path, make: Callable[[Path], object], why: str
) -> None:
    (tmp_path / "lab").mkdir()
    make(tmp_path / "lab" / cli.MANIFEST)
    with pytest.raises(cli.CommandError, match=rf"\.cortex-lab\.json {why}.*move it away"):
        copy(source, tmp_path / "lab")
    assert files(tmp_path / "lab") == {}


def test_a_manifest_or_notebook_far_too_long_is_not_taken_into_memory(source: Path, tmp_path: Path) -> None:
    copy(source, tmp_path / "lab")
    with (tmp_path / "lab" / cli.MANIFEST).open("wb") as manifest:
        manifest.truncate(2**40)
    assert "could not be read" in copy(source, tmp_path / "lab")
    assert (tmp_path / "lab" / cli.MANIFEST).stat().st_size < 2**20


@pytest.mark.parametrize("room", range(8))
def test_what_was_copied_before_the_disk_was_full_is_updated_later(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, room: int
) -> None:
    def write(path: Path, content: bytes) -> None:
        nonlocal room
        if room == 0:
            raise OSError(28, "No space left on device")
        room -= 1
        written(path, content)

    written, lab = cli._write, tmp_path / "lab"
    with monkeypatch.context() as patch:
        patch.setattr(cli, "_write", write)
        with suppress(cli.CommandError):
            copy(source, lab)
    for version in (2, 3):
        for notebook in source.glob("*.ipynb"):
            notebook.write_text(f"{notebook.stem} {version}")
        assert "kept" not in copy(source, lab)
    assert {name: files(lab)[name] for name in ("00_tour.ipynb", "01_more.ipynb")} == {
        "00_tour.ipynb": "00_tour 3", "01_more.ipynb": "01_more 3",
    }  # fmt: skip


OUTPUTS = {
    "closed": (">&-", 0, ""),
    "a pipe nobody reads": ("| true", 0, ""),
    "a full disk": (">/dev/full", 1, "cortex-lab: cannot print what was done: No space left on device\n"),
}


@pytest.mark.parametrize(("where", "status", "said"), OUTPUTS.values(), ids=OUTPUTS)
def test_wherever_the_output_goes_the_notebooks_are_copied(
    tmp_path: Path, where: str, status: int, said: str
) -> None:
    command = f"set -o pipefail; {sys.executable} -m cortex_lab.cli {tmp_path / 'lab'} --copy-only {where}"
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    ran = subprocess.run(["bash", "-c", command], capture_output=True, text=True, env=environment)
    assert (ran.returncode, ran.stderr) == (status, said)
    assert (tmp_path / "lab" / cli.MANIFEST).is_file()


def test_an_updated_notebook_keeps_its_mode_and_a_link_leads_where_it_led(
    source: Path, tmp_path: Path
) -> None:
    lab = tmp_path / "lab"
    copy(source, lab)
    (lab / "00_tour.ipynb").rename(tmp_path / "tour")
    (tmp_path / "tour").chmod(0o600)
    (lab / "00_tour.ipynb").symlink_to(tmp_path / "tour")
    (source / "00_tour.ipynb").write_text("tour 2")
    copy(source, lab)
    assert (lab / "00_tour.ipynb").is_symlink() and (tmp_path / "tour").read_text() == "tour 2"
    assert (tmp_path / "tour").stat().st_mode & 0o777 == 0o600


def test_an_unknown_argument_is_refused() -> None:
    with pytest.raises(SystemExit) as stopped:
        cli.main(["--debug"])
    assert stopped.value.code == 2


def test_the_command_imports_the_standard_library_only() -> None:
    tree = ast.parse(Path(cli.__file__).read_text(encoding="utf-8"))
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    imported |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {name.partition(".")[0] for name in imported} <= sys.stdlib_module_names


@pytest.mark.skipif(importlib.util.find_spec("jupyterlab") is None, reason="needs JupyterLab")
def test_jupyterlab_serves_the_tour(tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    notebooks = str(tmp_path / "lab")
    command = [sys.executable, "-m", "cortex_lab.cli", notebooks, "--no-browser", f"--port={port}"]
    environment = {name: text for name, text in os.environ.items() if not name.startswith("JUPYTER")}
    environment |= {"HOME": str(tmp_path), "PYTHONPATH": str(ROOT), "JUPYTER_PREFER_ENV_PATH": "1"}
    log = (tmp_path / "log").open("wb")
    server = subprocess.Popen(
        [*command, "--", "--IdentityProvider.token=secret"],
        env=environment,
        stdout=log,
        stderr=subprocess.STDOUT,
    )
    try:
        address = f"http://127.0.0.1:{port}/?token=secret"
        landed = ""

        def answers() -> bool:
            nonlocal landed
            # It says that it is running before it listens, so there is nothing to hear but the answer.
            with suppress(OSError), urllib.request.urlopen(address, timeout=60) as answer:
                landed = answer.geturl()
            return bool(landed) or server.poll() is not None

        wait_until(answers, "JupyterLab serves a page")
        assert "/lab/tree/00_tour.ipynb" in landed, (tmp_path / "log").read_text()
        notebook = address.replace("/?", "/api/contents/00_tour.ipynb?")
        with urllib.request.urlopen(notebook, timeout=60) as answer:
            assert json.load(answer)["content"]["cells"]
    finally:
        server.terminate()
        server.wait(timeout=60)
        log.close()
