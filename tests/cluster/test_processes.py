"""No process and no virtual cable outlives a run, even a killed one; errors are one line."""

import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from testbed.build import binary
from testbed.errors import ClusterError
from testbed.kubernetes.api import Api
from testbed.kubernetes.certificates import Authority
from testbed.machines.network import lay_cable, remove_cable
from testbed.processes import Processes, run_folder

RUN = """
import sys, time
from pathlib import Path
from testbed.processes import Processes, run_folder
with run_folder(Path(sys.argv[1]), lambda: False) as folder:
    server = Processes(folder).start("server", "sleep", "600")
    print(server.pid, flush=True)
    time.sleep(600)
"""


def test_servers_die_with_a_run_that_is_killed(tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    run = subprocess.Popen([sys.executable, "-c", RUN, str(tmp_path)], stdout=subprocess.PIPE, text=True, cwd=root)
    try:
        assert run.stdout
        server = psutil.Process(int(run.stdout.readline()))
        while server.name() != "sleep":  # it is still setpriv
            time.sleep(0.01)
    finally:
        run.kill()
        run.communicate()
    assert server.wait(10) is None
    assert not server.is_running()
    left = [folder.name for folder in tmp_path.iterdir()]
    assert left == [f"{run.pid}-0"]
    cleaned: list[str] = []
    with run_folder(tmp_path, lambda: False, lambda folder: cleaned.append(folder.name)) as folder:
        assert [each.name for each in tmp_path.iterdir()] == [folder.name]
    assert cleaned == [*left, f"{os.getpid()}-0"]


def test_logs_stay_where_something_failed(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with run_folder(tmp_path, lambda: True) as folder:
        processes = Processes(folder)
        processes.start("broken", "sh", "-c", "echo no such flag >&2; exit 3")
        with pytest.raises(ClusterError, match=r"broken ended with 3:\nno such flag"):
            processes.wait(lambda: False, "never")
    assert (folder / "logs" / "broken.log").read_text() == "no such flag\n"
    assert str(folder) in capfd.readouterr().err


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may make network links")
def test_two_clusters_have_separate_virtual_cables(tmp_path: Path) -> None:
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        folder.mkdir()
    one, two = (lay_cable(folder) for folder in folders)
    try:
        assert one.bridge != two.bridge
        assert one.gateway != two.gateway
        assert one.pods(1) != two.pods(1)
    finally:
        for folder in folders:
            remove_cable(folder)
    assert not Path(f"/sys/class/net/{one.bridge}").exists()


def test_a_missing_go_is_an_error_with_a_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name, path=None: None)
    with pytest.raises(ClusterError, match=r"Go is not on the PATH: install Go 1\.26 .*KUBECONFIG_TEST"):
        binary("etcd")


def test_an_unreachable_or_wrong_cluster_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ClusterError, match="is no kubeconfig"):
        Api(tmp_path / "missing")
    away = Authority(tmp_path).kubeconfig("https://127.0.0.1:9", "nobody")
    with pytest.raises(ClusterError, match="does not answer"):
        Api(away).version()
