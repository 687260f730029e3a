import asyncio

import pytest
from pydantic import ValidationError

from socketscope.backends.choose import BackendOptions, chosen
from socketscope.backends.prometheus import PrometheusMetrics
from socketscope.backends.remote import RemoteBackend
from socketscope.errors import BackendError, ConfigurationError
from socketscope.query.model import Query

NOWHERE = "http://127.0.0.1:1"


@pytest.mark.parametrize(
    ("options", "made"),
    [
        ({"kind": "remote", "url": NOWHERE, "token": "t"}, RemoteBackend),
        ({"kind": "prometheus", "url": NOWHERE, "tenant": "a", "username": "u", "password": "p"}, PrometheusMetrics),
        ({"kind": "prometheus", "url": NOWHERE, "token": "t"}, PrometheusMetrics),
    ],
)
def test_a_backend_that_is_not_there_yet_can_be_chosen_and_is_asked_later(options, made):
    async def scenario():
        async with chosen(BackendOptions(**options)) as backend:
            assert isinstance(backend, made)
            assert backend.capabilities.metrics
            with pytest.raises(BackendError):
                await backend.instant(Query("websocket.server.errors"), at=1e9)

    asyncio.run(scenario())


def test_datadog_is_chosen_with_its_keys_site_and_resolution():
    pytest.importorskip("datadog_api_client")

    async def scenario():
        options = BackendOptions(kind="datadog", api_key="a", app_key="b", site="datadoghq.eu", resolution=60)
        async with chosen(options) as backend:
            assert backend._api.url == "https://api.datadoghq.eu"
            assert backend._resolution == 60
        async with chosen(BackendOptions(kind="datadog", api_key="a", app_key="b")) as backend:
            assert backend._resolution == 10

    asyncio.run(scenario())


def test_the_store_of_another_process_can_not_be_chosen():
    async def scenario():
        async with chosen(BackendOptions()):
            pytest.fail("it was")

    with pytest.raises(ConfigurationError, match=r"backend\.kind='embedded'.*expected remote.*backend\.url"):
        asyncio.run(scenario())


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"kind": "remote"}, "`url` too"),
        ({"kind": "prometheus"}, "`url` too"),
        ({"kind": "datadog", "api_key": "x"}, "`app_key` too"),
        ({"kind": "embedded", "url": NOWHERE}, "no `url`"),
        ({"kind": "remote", "url": NOWHERE, "tenant": "a"}, "no `tenant`"),
        ({"kind": "datadog", "api_key": "x", "app_key": "y", "token": "z"}, "no `token`"),
        ({"kind": "prometheus", "url": NOWHERE, "username": "u"}, "`username` and `password` together"),
        ({"kind": "remote", "url": "ftp://x"}, "pattern"),
        ({"kind": "prometheus", "url": NOWHERE, "resolution": 60}, "no `resolution`"),
        ({"kind": "influx"}, "'embedded', 'remote', 'prometheus' or 'datadog'"),
        ({"kind": "remote", "url": NOWHERE, "token": "x", "token_file": "y"}, "not both"),
        ({"kind": "remote", "url": NOWHERE, "token_file": "nowhere"}, "the file nowhere"),
    ],
)
def test_options_that_do_not_fit_together_are_named(options, named):
    with pytest.raises(ValidationError, match=named):
        BackendOptions(**options)


def test_no_secret_is_in_the_repr(tmp_path):
    (tmp_path / "token").write_text("very-secret-0\n")
    options = [
        BackendOptions(kind="remote", url=NOWHERE, token_file=tmp_path / "token"),
        BackendOptions.model_validate(
            {"kind": "prometheus", "url": NOWHERE, "username": "u", "password": "very-secret-1"}
        ),
        BackendOptions(kind="datadog", api_key="very-secret-2", app_key="very-secret-3"),
    ]
    assert options[0].token.get_secret_value() == "very-secret-0"
    assert "very-secret" not in repr(options)
