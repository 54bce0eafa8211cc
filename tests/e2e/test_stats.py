"""Statistics of workers that are processes of their own: what was cold, what the way to them cost."""
import json

import pytest

from lambda_fixtures import BOOTSTRAP, Cloud, Emulator


@pytest.fixture
def fresh_cloud(tmp_path, s3):
    """Its worker has no process yet."""
    with Emulator(tmp_path, {"worker": BOOTSTRAP}, environment=s3.environment()) as emulator:
        yield Cloud(tmp_path, s3, emulator)


def worker_stats(cloud, *arguments, **options):
    stats = json.loads(cloud.run(*arguments, **options).stdout)["stats"]
    return stats["worker"], stats["invoker"]


def test_the_first_task_of_a_process_is_cold_and_later_ones_are_warm(fresh_cloud, shops):
    disk, _ = shops["users"]
    first, _ = worker_stats(fresh_cloud, disk)
    assert first["coldTasks"] > 0
    second, invoker = worker_stats(fresh_cloud, disk)
    assert second["coldTasks"] == 0 and second["warmTasks"] > 0
    assert second["warmTasks"] == sum(invoker["taskSuccessOverTime"].values()) == second["cache"]["source"]


def test_threads_of_the_program_are_warm(fresh_cloud, shops):
    disk, _ = shops["users"]
    worker, _ = worker_stats(fresh_cloud, disk, lambda_function=None)
    assert worker["coldTasks"] == 0 and worker["warmTasks"] > 0


def test_the_way_to_another_process_is_in_the_latency(fresh_cloud, shops):
    disk, _ = shops["users"]
    worker, _ = worker_stats(fresh_cloud, disk)
    assert worker["invokeLatency"]["max"] > 0.001, "a process was started"
    for timing in ("invokeLatency", "loadTime", "totalTime"):
        assert 0 <= worker[timing]["min"] <= worker[timing]["mean"] <= worker[timing]["max"] < 30
    assert worker["loadTime"]["max"] <= worker["totalTime"]["max"]
