"""The wheel works as plugins.zip: unpacked into the plugins directory, as Amazon MWAA does."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

PLUGIN = Path(__file__).parents[2] / "dags" / "plugin"


def build(directory: Path) -> Path:
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(directory)],
        cwd=PLUGIN,
        check=True,
        capture_output=True,
        timeout=120,
    )
    [wheel] = directory.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("wheel"))


def test_the_same_source_gives_the_same_bytes(wheel: Path, tmp_path: Path) -> None:
    assert build(tmp_path).read_bytes() == wheel.read_bytes()


def test_airflow_imports_it_from_the_plugins_directory_and_takes_no_module_for_a_plugin(
    wheel: Path, tmp_path: Path
) -> None:
    # Given the wheel's bytes as plugins.zip, unpacked
    plugins = tmp_path / "plugins"
    zipfile.ZipFile(wheel).extractall(plugins)
    # When Airflow starts with that directory, and looks for plugins in it
    program = (
        "import sys;"
        "from airflow import plugins_manager, settings;"
        "settings.initialize();"
        "plugins_manager.ensure_plugins_loaded();"
        "assert not {'factory', 'operators', 'manifest'} & set(sys.modules), 'a module ran as a plugin';"
        "from airflow.listeners.listener import get_listener_manager;"
        "assert get_listener_manager().has_listeners, 'nothing makes the pools';"
        "import hybrid_airflow.factory;"
        "print(hybrid_airflow.factory.__file__)"
    )
    environment = {
        **{name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
        "AIRFLOW_HOME": str(tmp_path / "home"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(plugins),
        "AIRFLOW__CORE__LAZY_LOAD_PLUGINS": "False",
    }
    answer = subprocess.run(
        [sys.executable, "-c", program],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    # Then the package is there with its listener, and none of its modules ran as a plugin of its own
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.splitlines()[-1] == str(plugins / "hybrid_airflow" / "factory.py")
    assert "Failed to import plugin" not in answer.stdout + answer.stderr
