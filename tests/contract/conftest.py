import pytest
import workload

from prometheus_process import required_prometheus
from real_program import required_collector


@pytest.fixture(scope="session")
def outcome(tmp_path_factory):
    """The workload, run once: about half a minute."""
    required_collector()
    required_prometheus()
    return workload.run(tmp_path_factory.mktemp("workload"))
