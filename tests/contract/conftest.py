import os

import pytest
import workload
import workload_programs


@pytest.fixture(scope="session")
def outcome(tmp_path_factory):
    """The workload, run once: about half a minute."""
    if reason := workload_programs.lacking():
        assert os.environ.get("CI") != "true", reason
        pytest.skip(reason)
    return workload.run(tmp_path_factory.mktemp("workload"))
