import inspect

import pytest
from console_fake import FakeBackend

from socketscope.backends.base import Connections, Metrics
from socketscope.backends.embedded import EmbeddedBackend


@pytest.mark.parametrize("backend", [FakeBackend, EmbeddedBackend])
@pytest.mark.parametrize("protocol", [Metrics, Connections])
def test_the_backend_of_these_tests_and_the_embedded_one_answer_the_same_questions(backend, protocol):
    for name, asked in vars(protocol).items():
        if name.startswith("_"):
            continue
        parameters = [(p.name, p.kind) for p in inspect.signature(getattr(backend, name)).parameters.values()]
        assert parameters == [(p.name, p.kind) for p in inspect.signature(asked).parameters.values()], name
